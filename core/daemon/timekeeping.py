"""What time alone brings: limits reached and warned of, approvals that expire, use to post, wallets that run out.

Each kind of work says when it wants to be done next; until then it costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.clock import SECOND
from core.daemon import expiry, limits, metering, stuck
from core.daemon.ground import Ground
from core.daemon.ladder import Ladder

_AFTER_NEWS = SECOND // 2


@dataclass(slots=True)
class _Duty:
    """Some work, and when it is due. It returns how much moved, and when it wants to be done again at the latest."""

    work: Callable[[Ground], tuple[int, int]]
    due_at: int = 0


class Timekeeper:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._ladder = Ladder()
        self._duties = [_Duty(work) for work in (limits.keep, expiry.keep, self._ladder.keep)]
        self._stuck_at = 0  # asked once the engines have been looked at: after a long pause much only seems stuck
        self._meter_at = 0

    def keep(self, *, only_due: bool = False) -> int:
        """Do what is to be done now; with `only_due` only that whose time has come."""
        moved = 0
        for duty in self._duties:
            if not only_due or self._ground.units.now() >= duty.due_at:
                more, duty.due_at = duty.work(self._ground)
                moved += more
        return moved

    def post_use(self, *, only_due: bool = False) -> set[str]:
        """The deployments that have paid something just now: their holds are smaller."""
        if not only_due or self._ground.units.now() >= self._stuck_at:
            _, self._stuck_at = stuck.keep(self._ground)
        if only_due and self._ground.units.now() < self._meter_at:
            return set()
        posted, self._meter_at = metering.post_use(self._ground)
        return posted

    def hurry(self) -> None:
        """Something was told: what was computed for later may be due earlier. Not at once: news come in swarms."""
        soon = self._ground.units.now() + _AFTER_NEWS
        for duty in self._duties:
            duty.due_at = min(duty.due_at, soon)

    def forget(self) -> None:
        """Another may have led meanwhile, or somebody has set the clock."""
        self._ladder.forget()
        self._meter_at = self._stuck_at = 0
        for duty in self._duties:
            duty.due_at = 0

    def next_at(self) -> int:
        return min(self._meter_at, self._stuck_at, *(duty.due_at for duty in self._duties))
