"""A board once more, to try things on: the same content, and what was found out about the one is known of the other.

Whatever is frozen is shared. Whatever is kept up to date gets a twin that goes its own way from there on.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from core.scheduler.board import Board


def twin_of(board: Board) -> Board:
    twin = Board(last_ended_at=board.last_ended_at, version=board.version)
    for name in ("holdings", "totals", "waiting", "pins", "foreign", "doomed", "by_start", "log", "facts"):
        setattr(twin, name, getattr(board, name).copy())
    twin.held = {who: replace(held) for who, held in board.held.items()}
    twin.by_priority = {priority: ids.copy() for priority, ids in board.by_priority.items()}
    twin.leaving = {waiting_id: ids.copy() for waiting_id, ids in board.leaving.items()}
    twin.hosts = [host.copy() for host in board.hosts]
    twin.host_of = {host.node.id: host for host in twin.hosts}
    twins = {klass: klass.copy() for klass in board.classes.values()}
    twin.classes = {key: twins[klass] for key, klass in board.classes.items()}
    twin.classes_of = {shape: {twins[klass]: None for klass in alike} for shape, alike in board.classes_of.items()}
    twin._packers = board._packers
    twin._watches = {key: watch.copy(twin.hosts, twin.log) for key, watch in board._watches.items()}
    twin._queues = {key: queue.copy(twins, twin.facts) for key, queue in board._queues.items()}
    for key, kept in board._memo.items():
        twin.memo(key, partial(kept.copy, twin))
    return twin
