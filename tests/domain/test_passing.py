"""Nothing is taken for older than it is, however the clock was set meanwhile."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from core.domain.passing import ClockSet, older_than

DAYS = st.integers(0, 400)
# Time passes, then the clock is set by so much: forward, back, or not at all.
STORIES = st.lists(st.tuples(DAYS, st.integers(-4000, 4000)), max_size=6)


def told(story: list[tuple[int, int]]) -> tuple[list[tuple[int, int]], list[ClockSet], int]:
    """A date of each day by the clock of that day, with the time that has passed until then; the settings; now."""
    wall = true = 0
    dates, settings = [(wall, true)], []
    for passed, by in story:
        for _ in range(passed):
            wall, true = wall + 1, true + 1
            dates.append((wall, true))
        if by:
            settings.append(ClockSet(wall, wall + by))
            wall += by
    return dates, settings, wall


@given(STORIES, DAYS)
@example([(10, 2000), (1, -2000), (5, 0)], 90)
@example([(100, 2000), (95, 0)], 90)
def test_what_is_dated_before_is_surely_so_old(story: list[tuple[int, int]], age: int) -> None:
    dates, settings, now = told(story)
    before = older_than(age, now, settings)
    today = dates[-1][1]
    assert [date for date in dates if date[0] < before and today - date[1] < age] == []


@given(st.lists(st.tuples(DAYS, st.integers(0, 4000)), max_size=6), DAYS)
def test_where_it_was_only_set_forward_all_that_is_older_is_found(story: list[tuple[int, int]], age: int) -> None:
    dates, settings, now = told(story)
    before = older_than(age, now, settings)
    today = dates[-1][1]
    assert [date for date in dates if today - date[1] > age and date[0] >= before] == []


def test_a_clock_that_was_years_ahead_for_a_moment_delays_nothing() -> None:
    settings = [ClockSet(1000, 3000), ClockSet(3001, 1001)]
    assert older_than(90, 1500, settings) == older_than(90, 1500, []) == 1410
