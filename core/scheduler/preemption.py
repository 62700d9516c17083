"""Who has to leave so that a blocked head can start: a minimal set, and only if it then starts.

Base priority alone decides who may evict whom; aging and fair share order the queue and never evict. Hosts are
asked first whether evicting all who may be evicted would help; most say no, and only changed ones are asked again.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from core.scheduler.backfill import fill
from core.scheduler.board import Board
from core.scheduler.capacity import Host, Room
from core.scheduler.decisions import Preempt
from core.scheduler.placement import Shape, admits, replicas_in
from core.scheduler.policy import Policy, Preemption
from core.scheduler.values import WHOLE, Claim, Holding, Waiting, total_of
from core.scheduler.watch import PerHost


class Evictions:
    """For one shape and one base priority: what each host could do if those who may leave left.

    A fact is (replicas it could hold if all of them left, the highest base priority that has to leave for one).
    """

    def __init__(self, board: Board, shape: Shape, priority: int, rules: Preemption) -> None:
        self._board, self._shape, self._priority, self._rules = board, shape, priority, rules
        self._now = 0
        self._ripening: list[tuple[int, int]] = []
        self._facts: PerHost[tuple[int, int]] = PerHost(board.hosts, board.log, self._judge)

    def facts(self, now: int) -> dict[int, tuple[int, int]]:
        if now < self._now:  # asked about the past: who is ripe has to be judged anew
            self._facts.forget()
            self._ripening.clear()
        self._now = now
        facts = self._facts.current()
        ripe: set[int] = set()
        while self._ripening and self._ripening[0][0] <= now:
            ripe.add(heapq.heappop(self._ripening)[1])
        for index in ripe:
            if index < len(self._board.hosts):
                self._facts.renew(index)
        return facts

    def _judge(self, host: Host) -> tuple[int, int] | None:
        if not admits(host.node, self._shape):
            return None
        leaving = self._who_may_leave(host)
        count, needed, gone = replicas_in(self._shape, host.free, host), -1, set[str]()
        room = host.free.copy() if leaving else host.free
        for level in sorted(leaving):
            if host.pins:
                gone.update(leaving[level])
                room = host.room_without(gone)
            else:
                for holding_id in leaving[level]:
                    for claim in host.residents[holding_id]:
                        room.give(claim)
            before, count = count, replicas_in(self._shape, room, host)
            if not before and count:
                needed = level
        return (count, needed) if count else None

    def _who_may_leave(self, host: Host) -> dict[int, list[str]]:
        """By base priority. Those whose minimum run is not over yet are noted, to be asked again then."""
        leaving: dict[int, list[str]] = {}
        highest, unripe_until = self._priority - self._rules.gap, 0
        for holding in host.by_id.values():
            if holding.priority > highest or not may_ever_leave(holding, self._priority, self._rules):
                continue
            ripe_at = holding.started_at + self._rules.min_run_ms * 1000
            if ripe_at <= self._now:
                leaving.setdefault(holding.priority, []).append(holding.id)
            elif not unripe_until or ripe_at < unripe_until:
                unripe_until = ripe_at
        if unripe_until:
            heapq.heappush(self._ripening, (unripe_until, host.index))
        return leaving


def may_ever_leave(holding: Holding, priority: int, rules: Preemption) -> bool:
    """Whether a deployment of that base priority may evict it, apart from the minimum run."""
    return (
        holding.preemptible
        and holding.ending_by is None
        and holding.priority < priority
        and priority - holding.priority >= rules.gap
        and holding.preemptions < rules.budget
    )


def may_preempt(board: Board, item: Waiting, policy: Policy) -> bool:
    """One that was preempted itself evicts nobody until something else has ended: evictions do not chain."""
    if not policy.preemption.enabled:
        return False
    if item.preempted_at is not None and board.last_ended_at <= item.preempted_at:
        return False
    lowest = board.lowest_priority()
    return lowest is not None and lowest < item.priority and item.priority - lowest >= policy.preemption.gap


def choose_victims(board: Board, policy: Policy, now: int, item: Waiting) -> Preempt | None:
    """The victims for a blocked one, or None if no eviction that is allowed would let it start."""
    if not may_preempt(board, item, policy):
        return None
    shape, rules = Shape.of(item), policy.preemption
    key = ("evictions", shape, item.priority, rules)
    facts = board.memo(key, lambda: Evictions(board, shape, item.priority, rules)).facts(now)
    if sum(count for count, _ in facts.values()) < shape.replicas:
        return None
    highest = item.priority - rules.gap
    if shape.replicas == 1:  # only the hosts where the least precious have to leave can be the first to fit
        highest = min(level for _, level in facts.values())
        facts = {index: fact for index, fact in facts.items() if fact[1] == highest}
    search = _Search(board, shape, facts)
    search.evict(_in_order(board, item.priority, highest, rules, now))
    search.drop_needless()
    claims = search.place()
    assert claims is not None
    grace_until = now + rules.grace_ms * 1000
    return Preempt(item.id, search.victims(), claims, grace_until, grace_until + rules.pin_ms * 1000)


def _in_order(board: Board, priority: int, highest: int, rules: Preemption, now: int) -> Iterator[Holding]:
    """Lowest base priority first, then least work lost, then the youngest, then by id."""
    for level in sorted(p for p in board.by_priority if p <= highest):
        ripe = [
            holding
            for holding in (board.holdings[i] for i in board.by_priority[level])
            if now - holding.started_at >= rules.min_run_ms * 1000 and may_ever_leave(holding, priority, rules)
        ]
        yield from sorted(ripe, key=lambda h: (*work_lost(board, h, now), -h.started_at, h.id))


def work_lost(board: Board, holding: Holding, now: int) -> tuple[int, int]:
    """GPU time, then CPU time, since its start."""
    total, ran = board.totals[holding.id], now - holding.started_at
    return ran * total.gpu_milli, ran * total.cpu_milli


class _Search:
    """Evicts on paper: the rooms of all hosts that could help, with the chosen victims gone."""

    def __init__(self, board: Board, shape: Shape, indexes: Iterable[int]) -> None:
        self._board, self._shape = board, shape
        self._rooms: dict[int, Room] = {i: board.hosts[i].free for i in sorted(indexes)}
        self._counts = {i: replicas_in(shape, room, board.hosts[i]) for i, room in self._rooms.items()}
        self._total = sum(self._counts.values())
        self._gone: dict[str, Holding] = {}

    def fits(self) -> bool:
        return self._total >= self._shape.replicas

    def evict(self, candidates: Iterable[Holding]) -> None:
        """Take them in order, leaving out those who free nothing scarce, until the shape fits.

        For a gang, what is plenty for one replica may be scarce for the next, so those left out are asked again.
        """
        while not self.fits():
            left_out: list[Holding] = []
            before = len(self._gone)
            for holding in candidates:
                if not self._is_useful(holding):
                    left_out.append(holding)
                    continue
                self._move(holding, gone=True)
                if self.fits():
                    return
            assert len(self._gone) > before, "evicting all who may leave was found to be enough"
            candidates = left_out

    def drop_needless(self) -> None:
        """Spare every one without whom it would be enough too, the most precious first."""
        if self._shape.replicas == 1:
            fitting = {i for i, count in self._counts.items() if count}
            for holding in list(self._gone.values()):
                if not any(host.index in fitting for host, _ in self._board.claims_by_host(holding.claims)):
                    del self._gone[holding.id]
        for holding in reversed(list(self._gone.values())):
            self._move(holding, gone=False)
            if not self.fits():
                self._move(holding, gone=True)

    def place(self) -> tuple[Claim, ...] | None:
        order = sorted(((-count, i) for i, count in self._counts.items() if count))
        return fill(self._shape, [(self._board.hosts[i], self._rooms[i]) for _, i in order])

    def victims(self) -> tuple[str, ...]:
        return tuple(sorted(self._gone))

    def _move(self, holding: Holding, *, gone: bool) -> None:
        if gone:
            self._gone[holding.id] = holding
        else:
            del self._gone[holding.id]
        for host, claims in self._board.claims_by_host(holding.claims):
            if host.index not in self._rooms:
                continue
            if host.pins:
                room = host.room_without(self._gone)
            else:
                room = self._rooms[host.index].copy()
                for claim in claims:
                    if gone:
                        room.give(claim)
                    else:
                        room.take(claim)
            self._rooms[host.index] = room
            count = replicas_in(self._shape, room, host)
            self._total += count - self._counts[host.index]
            self._counts[host.index] = count

    def _is_useful(self, holding: Holding) -> bool:
        return any(self._frees_scarce(host, claims) for host, claims in self._board.claims_by_host(holding.claims))

    def _frees_scarce(self, host: Host, claims: list[Claim]) -> bool:
        """Whether they are of a dimension of which the host has too little for one more replica."""
        room = self._rooms.get(host.index)
        if room is None:
            return False
        need, freed, more = self._shape.resources, total_of(claims), self._counts[host.index] + 1
        if (
            (freed.cpu_milli and need.cpu_milli * more > room.cpu)
            or (freed.ram_mib and need.ram_mib * more > room.ram)
            or (freed.disk_mib and need.disk_mib * more > room.disk)
        ):
            return True
        if not freed.gpu_milli or not need.gpu_milli:
            return False
        allowed = host.devices_for(self._shape.gpu_models)
        if not any(device in allowed for claim in claims for device, _ in claim.shares):
            return False
        if need.gpu_milli < WHOLE:
            return sum(room.gpus[i] // need.gpu_milli for i in allowed) < more
        return sum(room.gpus[i] == WHOLE for i in allowed) * WHOLE < need.gpu_milli * more
