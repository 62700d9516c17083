"""The run-out ladder: what happens as a wallet's funding is used up, as data, each step taken once.

Measured on settled and accrued use, not on holds, and in each book for itself: without GPU time left, what needs no
GPU goes on. Deleting is no rung of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.ledger.amounts import Book
from core.ledger.burn import Burning, accrued, instant_when_left

MINUTE_US = 60_000_000


class Step(StrEnum):
    NOTICE = "notice"
    NEED_APPROVAL = "need_approval"
    REFUSE_SUBMISSIONS = "refuse_submissions"
    STOP_UNHELD = "stop_unheld"  # services and VMs, with their disk; work whose cost is held goes on


@dataclass(frozen=True, slots=True)
class Rung:
    used_milli: int
    delay_us: int
    steps: tuple[Step, ...]


LADDER: tuple[Rung, ...] = (
    Rung(800, 0, (Step.NOTICE,)),
    Rung(950, 0, (Step.NOTICE, Step.NEED_APPROVAL)),
    Rung(1000, 0, (Step.REFUSE_SUBMISSIONS,)),
    Rung(1000, 30 * MINUTE_US, (Step.STOP_UNHELD,)),
)


@dataclass(frozen=True, slots=True)
class Funds:
    """A book of a wallet at an instant: used since it was last funded (accrued use too), left, and funded by what."""

    used: int
    left: int
    funding: str = ""

    def have_reached(self, used_milli: int) -> bool:
        """An empty book that was never used is not run out: the member just does not have that."""
        if self.left <= 0:
            return self.left < 0 or self.used > 0
        return self.used * 1000 >= used_milli * (self.used + self.left)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a wallet stands on the ladder in one book; kept between two looks."""

    rung: int = 0  # how many rungs are reached now: what approval and submission ask
    told: int = 0  # the highest whose steps were taken for this funding
    emptied_at: int | None = None
    funding: str = ""

    @property
    def needs_approval(self) -> bool:
        return Step.NEED_APPROVAL in self._in_force()

    @property
    def refuses_submissions(self) -> bool:
        return Step.REFUSE_SUBMISSIONS in self._in_force()

    def _in_force(self) -> set[Step]:
        return {step for rung in LADDER[: self.rung] for step in rung.steps}


def next_steps(
    before: Standing,
    funds: Funds,
    now: int,
    *,
    emptied_at: int | None = None,
    ladder: Sequence[Rung] = LADDER,
) -> tuple[Standing, list[Step]]:
    """The standing now, and the steps to take now that were not taken before for the same funding.

    `emptied_at` is the computed instant of run-out where it is known, so a late look does not lengthen the delay.
    """
    empty = funds.have_reached(1000)
    since = None
    if empty:
        known = before.emptied_at if before.funding == funds.funding else None
        since = known if known is not None else emptied_at if emptied_at is not None else now
    told = before.told if before.funding == funds.funding else 0
    rung = 0
    while rung < len(ladder) and _reached(ladder[rung], funds, since, now):
        rung += 1
    steps = [step for passed in ladder[told:rung] for step in passed.steps]
    return Standing(rung, max(told, rung), since, funds.funding), steps


def next_look_at(
    standing: Standing,
    funds: Funds,
    book: Book,
    burning: Sequence[Burning],
    now: int,
    *,
    ladder: Sequence[Rung] = LADDER,
) -> int | None:
    """When the next rung will be reached if nothing changes; None where it never is."""
    if standing.rung >= len(ladder):
        return None
    rung = ladder[standing.rung]
    if rung.delay_us and standing.emptied_at is not None:
        return max(now, standing.emptied_at + rung.delay_us)
    total = funds.used + funds.left
    settled = funds.left + accrued(burning, now).of(book)
    return instant_when_left(settled, total * (1000 - rung.used_milli) // 1000, book, burning, now)


def _reached(rung: Rung, funds: Funds, emptied_at: int | None, now: int) -> bool:
    if rung.delay_us:
        return emptied_at is not None and now >= emptied_at + rung.delay_us
    return funds.have_reached(rung.used_milli)
