"""Writes down where those who wait stand and when they will start, for every face to read without a plan of its own.

Costs nothing where nobody waits, and never more than a bounded amount of work: who starts too far ahead is told a
position and no instant.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.clock import SECOND
from core.daemon.ground import Ground
from core.scheduler.board import Board
from core.scheduler.estimates import AS_SEEN, Stretch, stretch_of
from core.scheduler.explain import first_in_queue
from core.scheduler.forecast import forecast
from core.scheduler.policy import Policy
from core.store.queries.policy import policy_for
from core.store.repositories.clusters import ClusterRow
from core.store.repositories.estimates import LEARNED_AGAIN, Foretold

MOST_TOLD = 200
_MOST_WORK = 10_000  # what the passes of a forecast look at
_SOONEST_AGAIN, _AGAIN_ANYWAY = 5 * SECOND, 60 * SECOND


@dataclass(slots=True)
class Foreteller:
    """When this was last done for a cluster, and at which version of it."""

    _told_at: int = 0
    _version: int = -1
    _stretch: Stretch = AS_SEEN
    _learned_at: int = 0

    def tell(self, ground: Ground, cluster: ClusterRow, board: Board | None) -> bool:
        """True where something was written."""
        now = ground.units.now()
        if board is None or not board.waiting or not self._is_due(now, board.version):
            return False
        with ground.units.look() as unit:
            policy = policy_for(unit, ground.settings)
            if now - self._learned_at >= LEARNED_AGAIN:
                self._stretch, self._learned_at = stretch_of(unit.estimates.lately(cluster.id)), now
        foretold = foretell(board, policy, now, self._stretch)
        with ground.units.lead(ground.leadership) as unit:
            unit.estimates.put(cluster.id, foretold)
        self._told_at, self._version = now, board.version
        return True

    def _is_due(self, now: int, version: int) -> bool:
        since = now - self._told_at
        return since >= _AGAIN_ANYWAY or (version != self._version and since >= _SOONEST_AGAIN)


def foretell(board: Board, policy: Policy, now: int, stretch: Stretch = AS_SEEN) -> list[Foretold]:
    """The first of the queue, in order, each with its estimate."""
    queue = first_in_queue(board, policy, now, MOST_TOLD)
    estimates = forecast(board, policy, now, only=queue, most_work=_MOST_WORK).estimates
    return [Foretold(i, place, estimates[i], stretch.of(estimates[i], now)) for place, i in enumerate(queue, 1)]
