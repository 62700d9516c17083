"""A job log played in simulated time: its events move a board, each is followed by a pass, each plan is carried out."""

from __future__ import annotations

import heapq
import time
from dataclasses import replace
from math import inf

from core.clock import SECOND
from core.domain.kinds import Kind
from core.domain.resources import Resources
from core.scheduler.board import Board
from core.scheduler.cycle import plan
from core.scheduler.decisions import Plan
from core.scheduler.facts import Arrival, Usage
from core.scheduler.policy import Aging, Policy, Preemption
from core.scheduler.values import Device, Node, Waiting
from tests.bench.logs import Job

MOST_ARRIVALS = 2_000


def quiet(policy: Policy) -> Policy:
    """As the classics are measured: nobody is evicted, and the whole queue is looked at."""
    return replace(policy, preemption=Preemption(enabled=False), backfill_depth=None, aging=Aging(cap=0))


class Replay:
    """Feeds the events of a log to a board and carries out each plan, in simulated time."""

    anew_every: float | None = None  # seconds after which the board is built anew, as after a restart
    rebuilt = 0

    def __init__(self, jobs: list[Job], policy: Policy, nodes: int, per_node: int, gpus: bool) -> None:
        self._jobs, self._policy, self._gpus, self._per_node = jobs, policy, gpus, per_node
        self._board = Board(make_node(i, per_node, gpus) for i in range(nodes))
        self._by_id = {job.id: job for job in jobs}
        self._ends: list[tuple[float, int, str]] = []
        self._end_of: dict[str, int] = {}  # which of its ends is the one that holds
        self._used: dict[str, Usage] = {}
        self._serial = 0
        self._log: list[str] = []  # ids, as they came
        self.passes = 0

    def run(self) -> float:
        began, position, total = time.perf_counter(), 0, len(self._jobs)
        now = 0.0
        while position < total or self._next_end() < inf:
            arrival = self._jobs[position].submit if position < total else inf
            now = max(now, min(arrival, self._next_end()))
            while self._next_end() <= now:
                self._end(heapq.heappop(self._ends)[2], now)
            while position < total and self._jobs[position].submit <= now:
                self._arrive(self._jobs[position], position)
                position += 1
            if self.anew_every is not None and now >= self.anew_every * (self.rebuilt + 1):
                self._build_anew(now)
            if self._board.waiting:
                self._pass(now)
        return time.perf_counter() - began

    def _build_anew(self, now: float) -> None:
        """What a store tells a new daemon: all that runs and waits, past use, and each member's last runs."""
        assert self.anew_every is not None
        self.rebuilt = int(now // self.anew_every)
        before = self._board
        self._board = Board(
            [host.node for host in before.hosts],
            before.holdings.values(),
            before.waiting.values(),
            usage=before.facts.usage,
            last_ended_at=before.last_ended_at,
        )
        self._board.facts.last_runs = before.facts.last_runs
        self._board.facts.arrivals = tuple(
            self._arrival(one, now) for one in self._log[max(0, len(self._log) - MOST_ARRIVALS) :]
        )
        self._board.facts.mix = before.facts.mix

    def _arrival(self, waiting_id: str, now: float) -> Arrival:
        job = self._by_id[self._log_id(waiting_id)]
        ended_at = instant(job.end) if 0 <= job.end <= now else None
        total, ran_ms = self._total(job), 0 if ended_at is None else round((job.end - job.start) * 1000)
        at = instant(job.submit)
        return Arrival(waiting_id, "log", job.user, at, total, round(job.est * 1000), ended_at, ran_ms)

    def _total(self, job: Job) -> Resources:
        return Resources(gpu_milli=job.n * 1000) if self._gpus else Resources(cpu_milli=job.n * 1000)

    def _pass(self, now: float) -> None:
        self.passes += 1
        self._carry_out(plan(self._board, self._policy, instant(now)), now)

    def _carry_out(self, made: Plan, now: float) -> None:
        for start in made.starts:
            job = self._by_id[self._log_id(start.id)]
            self._board.started(self._board.waiting[start.id].seated(start.claims, instant(now)))
            job.start, job.end = now, now + job.run
            self._set_end(start.id, job.end)

    def _set_end(self, waiting_id: str, at: float) -> None:
        self._serial += 1
        self._end_of[waiting_id] = self._serial
        heapq.heappush(self._ends, (at, self._serial, waiting_id))

    def _next_end(self) -> float:
        while self._ends and self._end_of.get(self._ends[0][2]) != self._ends[0][1]:
            heapq.heappop(self._ends)  # it was evicted meanwhile
        return self._ends[0][0] if self._ends else inf

    def _arrive(self, job: Job, position: int) -> None:
        replicas = job.n if self._gpus and job.n > self._per_node else 1
        each = job.n // replicas
        self._log.append(f"{position:08}.{job.id}")
        self._board.add_waiting(
            Waiting(
                id=f"{position:08}.{job.id}",
                org="log",
                member=job.user,
                kind=Kind.JOB,
                resources=Resources(gpu_milli=each * 1000) if self._gpus else Resources(cpu_milli=each * 1000),
                submitted_at=instant(job.submit),
                priority=job.priority if self._policy.name != "smart" else 50,
                replicas=replicas,
                limit_ms=round(job.est * 1000),
            )
        )

    def _end(self, waiting_id: str, now: float) -> None:
        del self._end_of[waiting_id]
        self._board.ended(waiting_id, instant(now))
        job = self._by_id[self._log_id(waiting_id)]
        if self._policy.fair_share is not None:
            before = self._used.get(job.user, Usage(0, instant(now)))
            half_lives = (instant(now) - before.as_of) / (self._policy.fair_share.half_life_ms * 1000)
            amount = round(before.amount * 2**-half_lives + job.run * job.n * 1000)
            self._used[job.user] = Usage(amount, instant(now))
            self._board.usage_changed("log", job.user, self._used[job.user])

    def _log_id(self, waiting_id: str) -> str:
        return waiting_id.partition(".")[2]


def instant(seconds: float) -> int:
    return round(seconds * SECOND)


def make_node(number: int, per_node: int, gpus: bool) -> Node:
    name = f"node{number:04}"
    if gpus:
        return Node(name, name, Resources(gpu_milli=per_node * 1000), (Device(),) * per_node)
    return Node(name, name, Resources(cpu_milli=per_node * 1000))
