"""How long one pass takes after one event, with a full cluster and a long queue.

The cluster has 1,000 nodes of 8 GPUs and 10,000 running deployments; 1,000, 10,000 and 100,000 wait. An event is an
arrival, or an end: of a service by chance, of a job somewhere within its limit, of victims when their grace is over.
After each comes one pass, and what it decided is carried out. Only the pass is timed, in wall time and, since a
machine may be shared, in processor time; `feed` is the board's own bookkeeping for the event. `first` is the very
first pass, which judges everything, and `rest` all that follow it at the same instant until nothing more is decided,
both in processor time. An hour of such events goes by before the measured ones, so that the cluster is as full as it
stays; `held` hold a place then.
"""

from __future__ import annotations

import argparse
import gc
import heapq
import json
import random
import time
from collections.abc import Iterable

from core.clock import HOUR, MINUTE, SECOND
from core.domain.kinds import Kind
from core.domain.resources import Resources
from core.scheduler.board import Board
from core.scheduler.cycle import plan
from core.scheduler.decisions import Plan
from core.scheduler.placement import Shape, claim_in
from core.scheduler.policy import Policy, policy_named
from core.scheduler.values import Device, Node, Waiting
from tests.scheduler.boards import carry_out

NOW = 500_000 * HOUR
SIZES = (1_000, 10_000, 100_000)


def make_nodes(count: int) -> list[Node]:
    totals = Resources(64_000, 512 * 1024, 8_000, 4_000_000)
    models = ("a100", "a100", "a100", "h100", "t4")
    return [Node(f"node-{i:04}", f"n{i:04}", totals, (Device(models[i % 5]),) * 8) for i in range(count)]


def make_item(draw: random.Random, number: int, now: int, members: int) -> Waiting:
    gpu = draw.choice((0, 0, 250, 500, 1000, 1000, 1000, 2000, 4000, 8000))
    kind = draw.choices((Kind.JOB, Kind.SERVICE, Kind.VM), (80, 15, 5))[0]
    member = draw.randrange(members)
    return Waiting(
        id=f"d{number:07}",
        org=f"org{member % 20}",
        member=f"m{member}",
        kind=kind,
        resources=Resources(draw.choice((1000, 2000, 4000, 8000)), draw.choice((4, 16, 64)) * 1024, gpu),
        submitted_at=now,
        priority=draw.choice((10, 30, 50, 50, 50, 70)),
        replicas=draw.choice((1,) * 19 + (4,)),
        gpu_models=frozenset({draw.choice(("a100", "h100"))}) if gpu and draw.random() < 0.2 else frozenset(),
        limit_ms=draw.choice((1, 1, 2, 4, 8, 24)) * 3_600_000 if kind is Kind.JOB else None,
    )


def make_board(waiting: int, nodes: int, running: int, members: int, seed: int) -> tuple[Board, random.Random]:
    """Filled the way first fit would, so that building it does not depend on what is measured."""
    draw = random.Random(seed)
    board = Board(make_nodes(nodes))
    host_index, number, too_large = 0, 0, set[Shape]()
    while len(board.holdings) < running:
        number += 1
        item = make_item(draw, number, NOW - draw.randrange(1, 60) * MINUTE, members)
        shape = Shape.of(item)
        if shape in too_large:
            continue
        for _ in range(nodes):
            host = board.hosts[host_index % nodes]
            host_index += 1
            claim = claim_in(shape, host.free, host)
            if claim is not None:
                board.started(item.seated((claim,), item.submitted_at))
                break
        else:
            too_large.add(shape)
    for i in range(waiting):
        board.add_waiting(make_item(draw, number + 1 + i, NOW - draw.randrange(0, 12 * 60) * MINUTE, members))
    return board, draw


class World:
    """A board and the time that passes on it."""

    def __init__(self, board: Board, draw: random.Random, policy: Policy, members: int) -> None:
        self.board, self._draw, self._policy, self._members = board, draw, policy, members
        self.now, self._number = NOW, 9_000_000
        self._due: list[tuple[int, str]] = []
        self._due_at: dict[str, int] = {}
        self._next_chance = NOW
        self._ids: list[str] = []
        self._note(board.holdings)

    def decide(self) -> Plan:
        made = plan(self.board, self._policy, self.now)
        self.apply(made)
        return made

    def apply(self, made: Plan) -> None:
        carry_out(self.board, made)
        self._note(start.id for start in made.starts)
        self._note(victim for preempt in made.preempts for victim in preempt.victims)

    def rest(self) -> None:
        """Pass after pass at this instant, until nothing more is decided."""
        for _ in range(1000):
            if self.decide().is_empty:
                return
        raise AssertionError("the plan never comes to rest")

    def next_event(self) -> None:
        """By chance an arrival or an end, every few seconds; in between whatever is due, at its own instant."""
        at = self._next_due()
        if at is not None and at <= self._next_chance:
            self.now = at
            while self._next_due() == at:  # the victims of one preemption leave together
                self.board.ended(heapq.heappop(self._due)[1], at)
            return
        self.now = self._next_chance
        self._next_chance += self._draw.randrange(1, 5) * SECOND
        if self._draw.random() < 0.5:
            holding_id = self._ids[self._draw.randrange(len(self._ids))]
            while holding_id not in self.board.holdings:
                holding_id = self._ids[self._draw.randrange(len(self._ids))]
            self.board.ended(holding_id, self.now)
        else:
            self._number += 1
            self.board.add_waiting(make_item(self._draw, self._number, self.now, self._members))

    def _next_due(self) -> int | None:
        while self._due:
            at, holding_id = self._due[0]
            if holding_id in self.board.holdings and self._due_at[holding_id] == at:
                return at
            heapq.heappop(self._due)  # it ended before, or will end sooner
        return None

    def _note(self, ids: Iterable[str]) -> None:
        for holding_id in ids:
            self._ids.append(holding_id)
            holding = self.board.holdings[holding_id]
            if holding.ends_at is None:
                continue
            at = max(holding.ends_at, self.now)
            if holding.ending_by is None:
                at = self.now + round((at - self.now) * self._draw.random())
            self._due_at[holding_id] = at
            heapq.heappush(self._due, (at, holding_id))


def measure(board: Board, draw: random.Random, policy: Policy, events: int, members: int) -> dict[str, float]:
    world = World(board, draw, policy, members)
    began = time.process_time()
    world.decide()
    first = time.process_time() - began
    world.rest()
    rest = time.process_time() - began - first
    while world.now < NOW + HOUR:
        world.next_event()
        world.decide()
    gc.collect()
    gc.freeze()
    passes: list[float] = []
    cpu: list[float] = []
    feeds: list[float] = []
    looked = started = evicted = 0
    for _ in range(events):
        begin = time.perf_counter()
        world.next_event()
        middle, worked = time.perf_counter(), time.process_time()
        made = plan(board, policy, world.now)
        end = time.perf_counter()
        cpu.append(time.process_time() - worked)
        feeds.append(middle - begin)
        passes.append(end - middle)
        looked += made.looked_at
        started += len(made.starts)
        evicted += sum(len(p.victims) for p in made.preempts)
        world.apply(made)
    passes.sort()
    cpu.sort()
    return {
        "held": float(len(board.holdings)),
        "first_ms": first * 1000,
        "rest_ms": rest * 1000,
        "median_ms": passes[len(passes) // 2] * 1000,
        "p99_ms": passes[int(len(passes) * 0.99)] * 1000,
        "max_ms": passes[-1] * 1000,
        "cpu_median": cpu[len(cpu) // 2] * 1000,
        "cpu_p99": cpu[int(len(cpu) * 0.99)] * 1000,
        "cpu_max": cpu[-1] * 1000,
        "feed_ms": sum(feeds) / len(feeds) * 1000,
        "looked_at": looked / events,
        "started": started / events,
        "evicted": evicted / events,
    }


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench scheduler", description=__doc__)
    parser.add_argument("--policy", default="priority")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--nodes", type=int, default=1_000)
    parser.add_argument("--running", type=int, default=10_000)
    parser.add_argument("--members", type=int, default=200)
    parser.add_argument("--events", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    rows = []
    for size in map(int, chosen.sizes.split(",")):
        board, draw = make_board(size, chosen.nodes, chosen.running, chosen.members, chosen.seed)
        row = {"waiting": float(size), "running": float(len(board.holdings))}
        row |= measure(board, draw, policy_named(chosen.policy), chosen.events, chosen.members)
        rows.append(row)
        if not chosen.json:
            if size == rows[0]["waiting"]:
                print("".join(f"{name:>12}" for name in row))
            print("".join(f"{value:>12.2f}" for value in row.values()), flush=True)
    if chosen.json:
        print(json.dumps({"policy": chosen.policy, "nodes": chosen.nodes, "rows": rows}))
    return 0
