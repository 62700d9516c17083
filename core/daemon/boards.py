"""The board of one cluster as the leader keeps it from pass to pass: moved by what the feed names, never read whole.

It asks the store only for what changed since its last pass, inside the unit that will decide, so it is exact. On
any doubt it is built anew: a gap in the feed, another node, a cluster paused, a wallet that ran out, too much news.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from core.clock import DAY, MINUTE
from core.domain.errors import BursarError
from core.scheduler.board import Board
from core.scheduler.policy import Policy, Preemption
from core.scheduler.preemption import next_to_ripen
from core.scheduler.values import Claim, Holding, Waiting
from core.store import feed
from core.store.queries import touched
from core.store.queries.board import board_of, entries_of, is_waited_at, last_ended_at, pin_value
from core.store.queries.past import remember_past
from core.store.queries.shares import remember_use
from core.store.repositories.clusters import ClusterRow
from core.store.units import Unit

DEFAULT = Policy()
# So much news is followed one by one however small the board is.
MOST_NEWS = 2_000
# Holds count in the fair share at once; what is settled may be this old.
_SHARES_AFRESH = 5 * MINUTE
# Events that may change more of a board than the one deployment they name.
_CHANGES_ALL = ("cluster.", "wallet.", "treasury.", "org.")


def changes_all(event: feed.EventRow) -> bool:
    return event.kind.startswith(_CHANGES_ALL)


@dataclass(slots=True)
class KeptBoard:
    """`current` is asked by a leader; `also` is told what changed without an event, such as a hold."""

    _board: Board | None = None
    _seq: int = 0
    _as_of: int = 0
    _state: str = ""
    _also: set[str] = field(default_factory=set)
    _shares_as_of: int = 0
    _rules: Preemption = DEFAULT.preemption
    rebuilt: int = 0

    @property
    def latest(self) -> Board | None:
        """As it was when the last pass began; None where that is not known any more."""
        return self._board

    @property
    def seq(self) -> int:
        """The last news that it knows of."""
        return self._seq

    def forget(self) -> None:
        """Whatever is known may be wrong from here on."""
        self._board = None

    def also(self, deployment_ids: Iterable[str]) -> None:
        self._also.update(deployment_ids)

    def ripens_at(self, now: int) -> int | None:
        """When somebody who waits may evict one more, as far as the last pass knew."""
        return None if self._board is None else next_to_ripen(self._board, self._rules, now)

    def may_wait(self, unit: Unit, cluster: ClusterRow) -> bool:
        """Nobody waits whom it could help, and it would have to be built anew: that has time until all is quiet."""
        if self._is_near(feed.newest(unit.connection)) or is_waited_at(unit, cluster):
            return False
        self.forget()
        return True

    def _is_near(self, newest: int) -> bool:
        """Whether it is less work to follow the news than to build the board anew."""
        if self._board is None:
            return False
        return newest - self._seq <= max(MOST_NEWS, len(self._board.holdings) + len(self._board.waiting))

    def current(self, unit: Unit, cluster: ClusterRow, foreign: tuple[Claim, ...], policy: Policy = DEFAULT) -> Board:
        newest = feed.newest(unit.connection)
        also, self._also = self._also, set()  # another thread may tell more meanwhile: that is for the next pass
        board = self._moved(unit, cluster, foreign, newest, also)
        if board is None:
            board = board_of(unit, cluster, foreign)
            self.rebuilt += 1
            remember_past(board, unit, cluster, policy)
            self._shares_as_of = 0
        self._rules, share = policy.preemption, policy.fair_share
        if share is not None and unit.now - self._shares_as_of >= _SHARES_AFRESH:
            remember_use(board, unit, share)
            board.version = cluster.version
            self._shares_as_of = unit.now
        self._board, self._seq, self._as_of, self._state = board, newest, unit.now, cluster.state
        return board

    def _moved(
        self, unit: Unit, cluster: ClusterRow, foreign: tuple[Claim, ...], newest: int, also: set[str]
    ) -> Board | None:
        """The board as it was, brought up to date; None where only a new one is sure."""
        board = self._board
        if board is None or cluster.state != self._state or unit.now < self._as_of:
            return None
        if not self._is_near(newest) or not feed.is_kept(unit.connection, self._seq):
            return None
        news = feed.behind(unit.connection, self._seq)
        if any(map(changes_all, news)):
            return None
        handles = {event.subject for event in news if event.kind.startswith("deployment.")}
        ids = touched.on_cluster(unit.connection, cluster.id, handles) | also
        ids |= touched.by_time(unit.connection, cluster.id, self._as_of - DAY, unit.now - DAY)
        try:
            move_to_rows(board, unit, cluster, ids)
            _move_foreign(board, foreign)
        except BursarError:  # it contradicts the store: the store is right
            return None
        board.last_ended_at = last_ended_at(unit, cluster, board.waiting.values())
        board.version = cluster.version
        return board


def move_to_rows(board: Board, unit: Unit, cluster: ClusterRow, ids: Collection[str]) -> None:
    """Make the board say of these deployments what the store says now."""
    pins = {pin.waiting_id: pin for pin in map(pin_value, unit.runs.pins_of(cluster.id))}
    ids = set(ids)
    if pins != board.pins:  # whom somebody leaves for hangs on the pins
        ids |= {holding.id for holding in board.holdings.values() if holding.ending_by is not None}
    for waiting_id in [known for known, pin in board.pins.items() if pins.get(known) != pin]:
        board.unpin(waiting_id)
    rows = [row for row in unit.deployments.by_ids(sorted(ids)) if row.cluster_id == cluster.id]
    holdings, waiting = entries_of(unit, cluster, rows)
    seats = {holding.id: holding for holding in holdings}
    queue = {item.id: item for item in waiting}
    for deployment_id in sorted(ids - seats.keys()):
        if deployment_id in board.holdings:
            board.ended(deployment_id, unit.now)
    for deployment_id in sorted(ids - queue.keys() - seats.keys()):
        if deployment_id in board.waiting:
            board.remove_waiting(deployment_id)
    for holding in holdings:
        _seat(board, holding)
    for item in waiting:
        _queue(board, item)
    for waiting_id, pin in pins.items():
        if waiting_id not in board.pins:
            board.pin(pin)


def _seat(board: Board, holding: Holding) -> None:
    before = board.holdings.get(holding.id)
    if before is None:
        board.started(holding)
    elif before != holding:
        board.change_holding(holding)


def _queue(board: Board, item: Waiting) -> None:
    before = board.waiting.get(item.id)
    if before is None:
        board.add_waiting(item)
    elif before != item:
        board.change_waiting(item)


def _move_foreign(board: Board, foreign: tuple[Claim, ...]) -> None:
    wanted = {claim.node_id: claim for claim in foreign}
    for node_id in sorted(board.foreign.keys() | wanted.keys()):
        if board.foreign.get(node_id) != wanted.get(node_id):
            board.foreign_changed(node_id, wanted.get(node_id))
