"""What was foreseen beside what came: the score, and what is learned from it for those to come."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import HOUR, MINUTE
from core.scheduler.estimates import AS_SEEN, LEAST_TOLD, Estimate, Stretch, Told, quality, stretch_of
from tests.scheduler.boards import NOW

SEEN = Estimate(NOW + HOUR, NOW + 2 * HOUR)


def told(real: int, seen: Estimate = SEEN, made_at: int = NOW) -> Told:
    return Told(made_at, seen, real)


def test_the_score_counts_starts_within_the_estimate() -> None:
    kept = quality([told(NOW), told(NOW + 90 * MINUTE), told(NOW + 3 * HOUR), told(NOW, Estimate(None, None))])
    assert (kept.count, kept.within_p50, kept.within_p90) == (3, 1, 2)
    assert kept.median_error_ms == 60 * 60_000


@pytest.mark.parametrize(("count", "percent"), [(0, None), (LEAST_TOLD - 1, None), (LEAST_TOLD, 100)])
def test_of_a_few_no_percentage_is_told(count: int, percent: int | None) -> None:
    assert quality([told(NOW)] * count).percent_within == percent


def test_where_people_wait_twice_as_long_as_is_seen_they_are_told_so() -> None:
    past = [told(NOW + 2 * HOUR + MINUTE) for _ in range(LEAST_TOLD)]
    assert stretch_of(past[1:]) == AS_SEEN, "nineteen are too few"
    learned = stretch_of(past)
    assert learned.p50 == 2000
    later = NOW + 9 * HOUR
    assert learned.of(Estimate(later + HOUR, None), later) == Estimate(later + 2 * HOUR, None)


@pytest.mark.parametrize("slow", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_half_start_within_the_p50_and_nine_of_ten_within_the_p90_that_they_are_told(seed: int, slow: float) -> None:
    draw = random.Random(seed)
    past = []
    for number in range(600):
        at = NOW + number * HOUR
        past.append(told(at + round(slow * draw.uniform(0.2, 2.0) * HOUR), Estimate(at + HOUR, at + 2 * HOUR), at))
    score = quality(past)
    assert 0.40 < score.within_p50 / 600 < 0.60
    assert score.within_p90 / 600 > 0.84
    assert slow <= 1 or score.within_p90 / 600 < 0.95, "and no later than is needed for that"
    assert score.percent_within == 100 * score.within_p90 // 600


@given(
    p50=st.integers(250, 10_000),
    p90=st.integers(250, 10_000),
    seen=st.tuples(st.integers(0, 10**12), st.integers(0, 10**12)),
)
def test_what_is_told_is_in_order_and_not_in_the_past(p50: int, p90: int, seen: tuple[int, int]) -> None:
    sooner, later = sorted(seen)
    estimate = Stretch(p50, p90).of(Estimate(NOW + sooner, NOW + later), NOW)
    assert estimate.p50 is not None and estimate.p90 is not None
    assert NOW <= estimate.p50 <= estimate.p90
    assert AS_SEEN.of(Estimate(NOW + sooner, NOW + later), NOW) == Estimate(NOW + sooner, NOW + later)
    assert Stretch(p50, p90).of(Estimate(None, None), NOW) == Estimate(None, None)
