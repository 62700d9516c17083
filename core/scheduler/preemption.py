"""Who has to leave so that a blocked head can start: a minimal set, and only if it then starts.

Base priority alone decides who may evict whom; aging and fair share order the queue and never evict. On paper all
who may leave go in one order over all hosts: lowest base priority, least work lost, the youngest, id. Whoever goes
last when the head first fits is the most precious that has to go; all before it who are not needed are spared.
"""

from __future__ import annotations

from bisect import bisect_left

from core.scheduler.backfill import fill
from core.scheduler.board import Board
from core.scheduler.decisions import Preempt
from core.scheduler.leavers import Evictions, Gain, Leavers, Rank, clear, leavers_key, may_ever_leave
from core.scheduler.placement import Shape, replicas_in
from core.scheduler.policy import Policy, Preemption
from core.scheduler.values import Claim, Holding, Waiting


def may_preempt(board: Board, item: Waiting, policy: Policy) -> bool:
    """One that was preempted itself evicts nobody until something else has ended: evictions do not chain."""
    if not policy.preemption.enabled:
        return False
    if item.preempted_at is not None and board.last_ended_at <= item.preempted_at:
        return False
    lowest = board.lowest_priority()
    return lowest is not None and lowest <= highest_below(item.priority, policy)


def highest_below(priority: int, policy: Policy) -> int:
    """The highest base priority that one of this base priority may evict: strictly lower, whatever the gap."""
    return priority - max(1, policy.preemption.gap)


def next_to_ripen(board: Board, rules: Preemption, now: int) -> int | None:
    """When the next one that somebody waiting might evict will have run for long enough; a pass is due then."""
    lowest, least_run = board.lowest_priority(), rules.min_run_ms * 1000
    if not rules.enabled or lowest is None or not board.classes:
        return None
    reach = max(max(klass.priorities) for klass in board.classes.values()) - max(1, rules.gap)
    if lowest > reach:
        return None
    unripe = bisect_left(board.by_start, (now - least_run + 1, ""))
    for started_at, holding_id in board.by_start[unripe:]:
        holding = board.holdings[holding_id]
        if holding.priority <= reach and may_ever_leave(holding, rules):
            return started_at + least_run
    return None


def choose_victims(board: Board, policy: Policy, now: int, item: Waiting) -> Preempt | None:
    """The victims for a blocked one, or None if no eviction that is allowed would let it start."""
    if not may_preempt(board, item, policy):
        return None
    shape, rules = Shape.of(item), policy.preemption
    before = _as_it_is(board, shape, policy)
    if sum(before) >= shape.replicas:
        return None
    leavers = board.memo(leavers_key(rules), lambda: Leavers(board, rules))
    leavers.move_to(now)
    evictions = board.memo((leavers.key, shape), lambda: Evictions(board, shape, leavers))
    highest = highest_below(item.priority, policy)
    priorities = sorted(p for p in board.by_priority if p <= highest)
    reach = evictions.reach(priorities)
    if reach is None:
        return None
    if reach:
        before = evictions.tally(priorities[reach - 1]).current()
    gains = evictions.gains(before, priorities[reach])
    last, indexes = _first_to_fit(gains, shape.replicas - sum(before))
    indexes.update(index for index, count in enumerate(before) if count)
    trial = _Trial(board, shape, _leaving(leavers, indexes, priorities[reach], last), sorted(indexes))
    trial.spare_needless()
    grace_until = now + rules.grace_ms * 1000
    return Preempt(item.id, trial.victims(), trial.place(), grace_until, grace_until + rules.pin_ms * 1000)


def _as_it_is(board: Board, shape: Shape, policy: Policy) -> list[int]:
    """How many replicas each host holds if nobody leaves."""
    counts = [0] * len(board.hosts)
    for index, (_, count) in board.watch(shape, policy).fitting.current().items():
        counts[index] = count
    return counts


def _first_to_fit(gains: list[Gain], missing: int) -> tuple[Rank, set[int]]:
    """Whose leaving makes it fit, and the hosts on which somebody up to then made room."""
    indexes: set[int] = set()
    for position, (rank, index, more) in enumerate(gains):
        indexes.add(index)
        missing -= more
        if missing <= 0:  # one that sits on several hosts leaves all of them at once
            indexes.update(i for other, i, _ in gains[position + 1 :] if other == rank)
            return rank, indexes
    raise AssertionError("clearing all layers up to this one was found to be enough")


def _leaving(leavers: Leavers, indexes: set[int], level: int, last: Rank) -> list[Holding]:
    """All on these hosts who go up to that one, in the order in which they go."""
    ranked: dict[tuple[int, Rank], Holding] = {}
    for index in indexes:
        for layer in leavers.up_to(index, level):
            for rank, holding in leavers.in_order(index, layer):
                if layer.priority < level or rank <= last:
                    ranked[layer.priority, rank] = holding
    return [ranked[key] for key in sorted(ranked)]


class _Trial:
    """On paper: the hosts that take part, with all of these gone."""

    def __init__(self, board: Board, shape: Shape, leaving: list[Holding], indexes: list[int]) -> None:
        self._board, self._shape = board, shape
        self._gone = {holding.id: holding for holding in leaving}
        self._rooms = {i: board.hosts[i].free.copy() for i in indexes}
        for holding in leaving:
            for host, _ in board.claims_by_host(holding.claims):
                if host.index in self._rooms:
                    clear(self._rooms[host.index], host, holding)
        self._counts = {i: replicas_in(shape, room, board.hosts[i]) for i, room in self._rooms.items()}

    def spare_needless(self) -> None:
        """Spare every one without whom it is enough too, the most precious first: what is left is minimal."""
        for holding in reversed(list(self._gone.values())):
            del self._gone[holding.id]
            before = self._counts.copy(), self._rooms.copy()
            self._let_stay(holding)
            if sum(self._counts.values()) < self._shape.replicas:
                self._gone[holding.id] = holding
                self._counts, self._rooms = before

    def place(self) -> tuple[Claim, ...]:
        order = sorted(((-count, i) for i, count in self._counts.items() if count))
        claims = fill(self._shape, [(self._board.hosts[i], self._rooms[i]) for _, i in order])
        assert claims is not None, "it was found to fit"
        return claims

    def victims(self) -> tuple[str, ...]:
        return tuple(sorted(self._gone))

    def _let_stay(self, holding: Holding) -> None:
        for host, claims in self._board.claims_by_host(holding.claims):
            if host.index in self._rooms:
                room = self._rooms[host.index] = self._rooms[host.index].copy()
                for claim in claims:
                    room.take(claim)
                self._counts[host.index] = replicas_in(self._shape, room, host)
