"""What was foreseen, beside what came: how good estimates were, and by how much those to come have to be stretched.

A projection knows nothing of who is still to arrive, nor of how much of their limits people here really use. Both show
in the past: of the last starts that were foreseen, how much longer than that did people wait. From then on the P50 is
where half of them had started, and the P90 where nine of ten had, but never sooner than was seen: it is a promise.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

MINUTE = 60_000_000  # microseconds
LEAST_TOLD = 20  # from so many on it is learned from them, and they are judged
REMEMBERED = 200
_LEAST, _MOST = 250, 10_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """When it will probably (`p50`) and almost surely (`p90`) have started; None is beyond what was seen."""

    p50: int | None
    p90: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """An estimate as the projection made it, and when its deployment really started."""

    made_at: int
    estimate: Estimate
    real: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """How long people wait here beside what a projection sees, in thousandths: of its P50 and of its P90."""

    p50: int = 1000
    p90: int = 1000

    def of(self, seen: Estimate, now: int) -> Estimate:
        p50 = None if seen.p50 is None else now + max(0, seen.p50 - now) * self.p50 // 1000
        if seen.p90 is None:
            return Estimate(p50, None)
        p90 = now + max(0, seen.p90 - now) * self.p90 // 1000
        return Estimate(p50, p90 if p50 is None else max(p50, p90))


AS_SEEN = Stretch()


@dataclass(frozen=True, slots=True)
class Quality:
    """How good past estimates were: of `count` starts, how many were no later than their P50 and P90."""

    count: int
    within_p50: int
    within_p90: int
    median_error_ms: int  # of the P50, without sign

    @property
    def percent_within(self) -> int | None:
        """For "82 % started within the estimate". Of a few nothing is said."""
        return 100 * self.within_p90 // self.count if self.count >= LEAST_TOLD else None


def stretch_of(told: Sequence[Told]) -> Stretch:
    """Learned from these, the last of them; what is seen stays as it is while they are few."""
    judged = [one for one in told if one.estimate.p50 is not None and one.estimate.p90 is not None]
    last = sorted(judged, key=lambda one: one.real)[-REMEMBERED:]
    if len(last) < LEAST_TOLD:
        return AS_SEEN
    likely = sorted(_ratio(one, one.estimate.p50) for one in last)
    sure = sorted(_ratio(one, one.estimate.p90) for one in last)
    return Stretch(_within(likely[len(likely) // 2]), max(_within(sure[len(sure) * 9 // 10]), AS_SEEN.p90))


def _ratio(one: Told, seen: int | None) -> int:
    """What is a minute off is no measure of anything."""
    assert seen is not None
    return (max(0, one.real - one.made_at) + MINUTE) * 1000 // (max(0, seen - one.made_at) + MINUTE)


def _within(ratio: int) -> int:
    return min(max(ratio, _LEAST), _MOST)


def quality(told: Sequence[Told], *, learns: bool = True) -> Quality:
    """Compare what people were told with what came: each stretched by what had come before it was told."""
    by_start = sorted(told, key=lambda one: one.real)
    starts = [one.real for one in by_start]
    judged = []
    for one in by_start:
        known = bisect_left(starts, one.made_at) if learns else 0
        seen = stretch_of(by_start[max(0, known - 2 * REMEMBERED) : known]).of(one.estimate, one.made_at)
        if seen.p50 is not None and seen.p90 is not None:
            judged.append((seen.p50, seen.p90, one.real))
    errors = [abs(real - p50) // 1000 for p50, _, real in judged]
    return Quality(
        count=len(judged),
        within_p50=sum(real <= p50 for p50, _, real in judged),
        within_p90=sum(real <= p90 for _, p90, real in judged),
        median_error_ms=int(median(errors)) if errors else 0,
    )
