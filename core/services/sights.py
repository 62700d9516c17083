"""The board and the policy as the daemon would have them, for whoever asks what will be.

To read a long queue takes most of an answer's time, and people ask several times in a row: while they type, or go down
a list. So the last board is kept for a moment and serves again where nothing at all has happened since.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from core.clock import SECOND
from core.scheduler.board import Board
from core.scheduler.estimates import AS_SEEN, Stretch, stretch_of
from core.scheduler.policy import Policy
from core.settings import Settings
from core.store import feed
from core.store.queries.board import board_of
from core.store.queries.past import remember_past
from core.store.queries.policy import policy_for
from core.store.queries.shares import remember_use
from core.store.repositories.clusters import ClusterRow
from core.store.repositories.estimates import LEARNED_AGAIN
from core.store.units import Unit

# What has no event of its own, such as a run-out that only time brings, is seen after this at the latest.
_KEPT_FOR = 5 * SECOND


@dataclass(frozen=True, slots=True)
class _Kept:
    seen: tuple[str, int, int, Policy]
    at: int
    board: Board


class Sights:
    """A board serves one question at a time: it is taken for it, and who asks meanwhile builds another."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._guard = threading.Lock()
        self._kept: _Kept | None = None
        self._stretches: dict[str, tuple[int, Stretch]] = {}  # by cluster, with when it was learned
        self.built = 0

    def stretch(self, unit: Unit, cluster: ClusterRow) -> Stretch:
        """By how much people wait longer there than is foreseen."""
        learned_at, stretch = self._stretches.get(cluster.id, (0, AS_SEEN))
        if not 0 <= unit.now - learned_at < LEARNED_AGAIN:
            stretch = stretch_of(unit.estimates.lately(cluster.id))
            self._stretches[cluster.id] = unit.now, stretch
        return stretch

    @contextmanager
    def of(self, unit: Unit, cluster: ClusterRow) -> Iterator[tuple[Board, Policy]]:
        """Whoever asks leaves the board as it was."""
        policy = policy_for(unit, self._settings)
        seen = (cluster.id, cluster.version, feed.newest(unit.connection), policy)
        kept = self._taken(seen, unit.now)
        if kept is None:
            self.built += 1
            kept = _Kept(seen, unit.now, _built(unit, cluster, policy))
        yield kept.board, policy
        with self._guard:
            self._kept = kept

    def _taken(self, seen: tuple[str, int, int, Policy], now: int) -> _Kept | None:
        with self._guard:
            kept, self._kept = self._kept, None
        return kept if kept is not None and kept.seen == seen and 0 <= now - kept.at < _KEPT_FOR else None


def _built(unit: Unit, cluster: ClusterRow, policy: Policy) -> Board:
    """The plan decides over all who use a cluster."""
    everyone = unit.for_all("a cluster's plan is one for all its organizations")
    board = board_of(everyone, cluster)
    if policy.fair_share is not None:
        remember_use(board, everyone, policy.fair_share)
        board.version = cluster.version
    remember_past(board, everyone, cluster, policy)
    return board
