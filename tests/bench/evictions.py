"""A replay with preemption on, and a witness that keeps its own books and checks each eviction against the rules.

Logs know no base priority: it is 20, 50 or 80 by user, from a digest of the name, so that it is the same in every
run and has nothing to do with the size of the jobs. A log of one user alone has it by job. An evicted job loses its
work and queues again with its first submission. A pass follows each arrival and each end, and nothing else: nobody
is woken when a minimum run is over.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import replace

from core.clock import DAY, SECOND
from core.scheduler.decisions import Plan, Preempt
from core.scheduler.policy import Policy, Preemption
from core.scheduler.values import Claim, Node, Pin, Waiting
from tests.bench.logs import Job, figures
from tests.bench.machine import Replay, instant

BASE_PRIORITIES = (20, 50, 80)


def evicting(policy: Policy) -> Policy:
    """The policy as it is used, except that the whole queue is looked at and each instant is decided in one pass."""
    return replace(policy, preemption=Preemption(heads_per_pass=None), backfill_depth=None)


def priority_of(name: str) -> int:
    return BASE_PRIORITIES[hashlib.sha256(name.encode()).digest()[0] % len(BASE_PRIORITIES)]


class EvictingReplay(Replay):
    def __init__(self, jobs: list[Job], policy: Policy, nodes: int, per_node: int, *, gpus: bool) -> None:
        is_of_many = len({job.user for job in jobs}) > 1
        for job in jobs:
            job.priority, job.preempted = priority_of(job.user if is_of_many else job.id), 0
        super().__init__(jobs, policy, nodes, per_node, gpus)
        self.witness = Witness([host.node for host in self._board.hosts], policy.preemption)
        self._as_queued: dict[str, Waiting] = {}
        self._evicted_at: dict[str, list[int]] = defaultdict(list)
        self._unfinished: set[str] = set()  # those whose grace is over before they are done

    def _carry_out(self, made: Plan, now: float) -> None:
        queued = self._board.waiting
        self._as_queued.update((start.id, queued[start.id]) for start in made.starts)
        self.witness.decided(made, {i: queued[i].priority for i in _named(made)})
        super()._carry_out(made, now)
        for preempt in made.preempts:
            for victim in preempt.victims:
                self._stop(victim, preempt)
            self._board.pin(Pin(preempt.for_id, preempt.claims, preempt.pin_until))

    def _stop(self, victim: str, preempt: Preempt) -> None:
        holding = self._board.holdings[victim]
        self._board.change_holding(replace(holding, ending_by=preempt.grace_until, pinned_for=preempt.for_id))
        job = self._by_id[self._log_id(victim)]
        if job.end * SECOND > preempt.grace_until:
            self._unfinished.add(victim)
            self._set_end(victim, preempt.grace_until / SECOND)

    def _end(self, waiting_id: str, now: float) -> None:
        was_leaving = self._board.holdings[waiting_id].pinned_for is not None
        self.witness.ended(waiting_id, by_itself=not was_leaving)
        super()._end(waiting_id, now)
        if waiting_id not in self._unfinished:
            return
        self._unfinished.remove(waiting_id)
        job, at = self._by_id[self._log_id(waiting_id)], instant(now)
        job.start = job.end = -1.0
        job.preempted += 1
        times = self._evicted_at[waiting_id]
        times.append(at)
        today = sum(t > at - DAY for t in times)
        self._queue_again(replace(self._as_queued[waiting_id], preempted_at=at, preemptions=today))
        self.witness.queued_again(waiting_id, today)

    def _queue_again(self, item: Waiting) -> None:
        self._board.add_waiting(item)


def _named(made: Plan) -> list[str]:
    return [start.id for start in made.starts] + [preempt.for_id for preempt in made.preempts]


class Witness:
    """Follows what is decided, in books of its own, and fails at the first eviction that breaks a rule."""

    def __init__(self, nodes: list[Node], rules: Preemption) -> None:
        self.rules = rules
        self._free: Counter[tuple[str, str | int]] = Counter()
        for node in nodes:
            self._free[node.id, "cpu"] = node.totals.cpu_milli
            self._free.update({(node.id, index): device.milli for index, device in enumerate(node.devices)})
        self._seats: dict[str, tuple[int, int, tuple[Claim, ...]]] = {}  # since when, base priority, where
        self._evicted_today: Counter[str] = Counter()
        self._leaving_for: dict[str, str] = {}
        self._owed: dict[str, tuple[Claim, ...]] = {}  # the places kept for those who evicted
        self._silenced: set[str] = set()  # evicted, queued again, and nothing else has ended since
        self.evictions = self.victims = self.again = 0

    def decided(self, made: Plan, priorities: dict[str, int]) -> None:
        assert not made.unpins, "somebody was evicted for nothing: a kept place was given up"
        started = {start.id: start.claims for start in made.starts}
        for waiting_id in self._owed.keys() - set(self._leaving_for.values()):
            assert started.get(waiting_id) == self._owed.pop(waiting_id), f"victims without a start: {waiting_id}"
        for start in made.starts:
            self._seats[start.id] = (made.now, priorities[start.id], start.claims)
            self._book(start.claims, -1)
        for preempt in made.preempts:
            self._judge(preempt, priorities[preempt.for_id], made.now)

    def _judge(self, preempt: Preempt, priority: int, now: int) -> None:
        assert preempt.for_id not in self._silenced, f"{preempt.for_id} was evicted itself and nothing has ended since"
        assert preempt.victims, "nobody had to leave"
        for victim in preempt.victims:
            since, base, _ = self._seats[victim]
            assert base <= priority - self.rules.gap
            assert now - since >= self.rules.min_run_ms * 1000
            assert self._evicted_today[victim] < self.rules.budget
            assert victim not in self._leaving_for
            self._leaving_for[victim] = preempt.for_id
        self._owed[preempt.for_id] = preempt.claims
        self.evictions += 1
        self.victims += len(preempt.victims)

    def ended(self, holding_id: str, *, by_itself: bool) -> None:
        self._book(self._seats.pop(holding_id)[2], 1)
        self._leaving_for.pop(holding_id, None)
        if by_itself:
            self._silenced.clear()

    def queued_again(self, waiting_id: str, evicted_today: int) -> None:
        self._evicted_today[waiting_id] = evicted_today
        self._silenced.add(waiting_id)
        self.again += 1

    def closed(self) -> None:
        """At the end of the log: nobody is owed a place, and all is free again."""
        assert not self._owed and not self._seats and not self._leaving_for

    def _book(self, claims: tuple[Claim, ...], sign: int) -> None:
        for claim in claims:
            amounts: dict[str | int, int] = {"cpu": claim.resources.cpu_milli, **dict(claim.shares)}
            for what, amount in amounts.items():
                self._free[claim.node_id, what] += sign * amount
                assert self._free[claim.node_id, what] >= 0, f"{what} of {claim.node_id} is given away twice"


def replay_evicting(
    jobs: list[Job], policy: Policy, procs: int, nodes: int | None, per_node: int
) -> tuple[dict[str, float], Witness]:
    for job in jobs:
        job.start = job.end = -1.0
    machine = EvictingReplay(jobs, policy, nodes or 1, per_node if nodes else procs, gpus=bool(nodes))
    wall = machine.run()
    machine.witness.closed()
    assert all(job.end >= 0 for job in jobs), "somebody never came to an end"
    return figures(jobs, procs) | {"passes_s": machine.passes / wall, "wall": wall}, machine.witness
