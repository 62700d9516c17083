"""Guessing is slowed down and nobody is shut out (B30)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import DAY, SECOND
from core.domain.errors import Exhausted
from core.security.throttle import Throttle

RULE = Throttle()
NOW = 1_800_000_000 * SECOND
ANY_COUNT = st.integers(0, 10**12)
ANY_INSTANT = st.integers(0, 10**17)


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 0), (4, 0), (5, 1), (6, 2), (7, 4), (14, 512), (15, 900), (1000, 900), (10**9, 900)],
)
def test_B30_five_failures_are_free_then_the_wait_doubles_up_to_fifteen_minutes(failures: int, seconds: int):
    assert RULE.wait(failures, NOW, NOW) == seconds * SECOND


def test_B30_time_that_passed_counts():
    assert RULE.wait(7, NOW, NOW + 3 * SECOND) == SECOND
    assert RULE.wait(7, NOW, NOW + 4 * SECOND) == 0


def test_B30_who_must_wait_is_told_how_long_in_whole_seconds():
    with pytest.raises(Exhausted) as refused:
        RULE.refuse_while_waiting(7, NOW, NOW + SECOND // 2)
    assert (refused.value.code, refused.value.hint) == ("too_many_attempts", "try again in 4 s")
    assert refused.value.fields == {"retry_after_s": 4}
    RULE.refuse_while_waiting(7, NOW, NOW + 4 * SECOND)


def test_B30_a_thousand_attempts_in_a_row_take_days_and_still_end():
    now, failures, last = NOW, 0, 0
    for _ in range(1000):
        now += RULE.wait(failures, last, now)
        failures, last = RULE.after_failure(failures, last, now), now
    assert now - NOW > 10 * DAY
    assert RULE.wait(failures, last, now) <= 900 * SECOND


def test_B30_after_a_day_of_silence_the_count_begins_anew():
    assert RULE.after_failure(50, NOW, NOW + DAY) == 1
    assert RULE.after_failure(50, NOW, NOW + DAY - 1) == 51


@settings(max_examples=200, deadline=None)
@given(ANY_COUNT, ANY_INSTANT, ANY_INSTANT)
def test_B30_nobody_waits_longer_than_the_longest_whatever_the_count_and_the_clocks(failures: int, last: int, now: int):
    assert 0 <= RULE.wait(failures, last, now) <= RULE.longest
    assert RULE.wait(failures, last, max(last, now) + RULE.longest) == 0
    assert RULE.wait(failures + 1, last, now) >= RULE.wait(failures, last, now)
