"""Replays a job log in simulated time under Bursar's own `plan`, and prints what came of it.

`python -m tests.bench replay [--policy P,...] [--sc20 CUT] FILE...` reads SWF and CSV logs. A machine of n
processors is one node; with --nodes and --per-node it is that many GPU nodes. All starts are simulated. With
--judge PATH the yardstick program at PATH replays the same file under the classic policies, for comparison.
Without a file, and without BURSAR_TRACES, a generated log is replayed and said to be one.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from core.clock import SECOND
from core.domain.resources import Resources
from core.scheduler import Board, Device, Kind, Node, Policy, Usage, Waiting, plan, policy_named
from core.scheduler.policy import Aging, Order, Preemption
from tests.bench.logs import Job, figures, generated, mean_of, read_csv, read_swf, slowdown, windows

COLUMNS = ("wait", "jct", "bsld", "longest", "p99wait", "util", "jain", "preempted", "passes_s", "wall")


def quiet(policy: Policy) -> Policy:
    """As the classics are measured: nobody is evicted, and the whole queue is looked at."""
    return replace(policy, preemption=Preemption(enabled=False), backfill_depth=None, aging=Aging(cap=0))


class Replay:
    """Feeds the events of a log to a board and carries out each plan, in simulated time."""

    def __init__(self, jobs: list[Job], policy: Policy, nodes: int, per_node: int, gpus: bool) -> None:
        self._jobs, self._policy, self._gpus, self._per_node = jobs, policy, gpus, per_node
        self._board = Board(make_node(i, per_node, gpus) for i in range(nodes))
        self._by_id = {job.id: job for job in jobs}
        self._ends: list[tuple[float, int, str]] = []
        self._used: dict[str, Usage] = {}
        self._serial = 0
        self.passes = 0

    def run(self) -> float:
        began, position, total = time.perf_counter(), 0, len(self._jobs)
        now = 0.0
        while position < total or self._ends:
            arrival = self._jobs[position].submit if position < total else float("inf")
            now = min(arrival, self._ends[0][0]) if self._ends else max(now, arrival)
            while self._ends and self._ends[0][0] <= now:
                self._end(heapq.heappop(self._ends)[2], now)
            while position < total and self._jobs[position].submit <= now:
                self._arrive(self._jobs[position], position)
                position += 1
            if self._board.waiting:
                self._pass(now)
        return time.perf_counter() - began

    def _pass(self, now: float) -> None:
        self.passes += 1
        made = plan(self._board, self._policy, instant(now))
        for start in made.starts:
            job = self._by_id[self._log_id(start.id)]
            holding = self._board.waiting[start.id].seated(start.claims, instant(now))
            self._board.started(holding)
            job.start, job.end = now, now + job.run
            self._serial += 1
            heapq.heappush(self._ends, (job.end, self._serial, start.id))

    def _arrive(self, job: Job, position: int) -> None:
        replicas = job.n if self._gpus and job.n > self._per_node else 1
        each = job.n // replicas
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


def replay(jobs: list[Job], policy: Policy, procs: int, nodes: int | None, per_node: int) -> dict[str, float]:
    for job in jobs:
        job.start = job.end = -1.0
    machine = Replay(jobs, policy, nodes or 1, per_node if nodes else procs, bool(nodes))
    wall = machine.run()
    lost = [job for job in jobs if job.end < 0]
    assert not lost, f"{len(lost)} jobs never started"
    return figures(jobs, procs) | {"passes_s": machine.passes / wall, "wall": wall}


def judged(judge: Path, file: Path, chosen: argparse.Namespace) -> list[tuple[str, dict[str, float]]]:
    """The yardstick's own figures, from its own program."""
    command = [sys.executable, str(judge), str(file), "--policy", chosen.classics, "--tsv"]
    for flag, value in (("--sc20", chosen.sc20), ("--procs", chosen.procs), ("--nodes", chosen.nodes)):
        command += [flag, str(value)] if value is not None else []
    command += ["--count", str(chosen.count)] if chosen.count else []
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    table = [line.split("\t") for line in lines if not line.startswith("#")]
    names = ["longest" if name == "maxwait" else "preempted" if name == "preempt" else name for name in table[0]]
    return [(row[0], dict(zip(names[1:], map(float, row[1:]), strict=True))) for row in table[1:]]


def load(file: Path, chosen: argparse.Namespace) -> tuple[list[Job], int]:
    is_swf = ".swf" in file.name
    jobs, procs = read_swf(file, published=chosen.sc20 is not None) if is_swf else (read_csv(file), 0)
    procs = chosen.nodes * chosen.per_node if chosen.nodes else chosen.procs or procs
    if not procs:
        raise SystemExit(f"{file.name} does not say how large the machine is: give --procs or --nodes")
    return [job for job in jobs if job.n <= procs], procs


def report(name: str, jobs: list[Job], procs: int, chosen: argparse.Namespace) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for policy_name in chosen.policy.split(","):
        policy = quiet(policy_named(policy_name))
        if policy_name == "priority" and not chosen.priorities:
            policy = replace(policy, order=Order.PRIORITY)
        parts = [
            replay(w, policy, procs, chosen.nodes, chosen.per_node) for w in windows(jobs, chosen.sc20, chosen.count)
        ]
        rows.append({"log": name, "policy": f"bursar:{policy_name}"} | mean_of(parts))
        show(rows[-1], chosen)
    if chosen.histogram:
        worst = sorted(jobs, key=slowdown)[-5:]
        print("  worst slowdowns:", [(j.id, round(slowdown(j))) for j in worst])
    return rows


def show(row: dict[str, object], chosen: argparse.Namespace) -> None:
    if not chosen.json:
        print(
            f"{row['policy']:<18}"
            + "".join(
                f"{float(str(row.get(c, 0))):>12.5g}"
                if c in ("jain", "util")
                else f"{float(str(row.get(c, 0))):>12.1f}"
                for c in COLUMNS
            ),
            flush=True,
        )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench replay", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--policy", default="priority,smart", help="of: priority, fair, smart")
    parser.add_argument("--sc20", type=int, metavar="CUT", help="mean over ten windows of 1,024 jobs; CUT 0 or 10000")
    parser.add_argument("--count", type=int, help="only the first jobs")
    parser.add_argument("--procs", type=int, help="size of the machine, where the log does not say")
    parser.add_argument("--nodes", type=int, help="GPU nodes")
    parser.add_argument("--per-node", type=int, default=8)
    parser.add_argument("--priorities", action="store_true", help="use the priorities of the log")
    parser.add_argument("--judge", type=Path, help="the yardstick program; default: replay.py in BURSAR_TRACES")
    parser.add_argument("--classics", default="easy", help="what the yardstick replays")
    parser.add_argument("--histogram", action="store_true", help="name the worst slowdowns")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    traces = Path(os.environ["BURSAR_TRACES"]) if "BURSAR_TRACES" in os.environ else None
    judge = chosen.judge or (traces / "replay.py" if traces else None)
    files = chosen.files or (sorted((traces / "swf").glob("*.gz")) if traces else [])
    rows: list[dict[str, object]] = []
    if not chosen.json:
        print("simulated starts\n" + f"{'policy':<18}" + "".join(f"{c:>12}" for c in COLUMNS))
    for file in files:
        jobs, procs = load(file, chosen)
        if not chosen.json:
            print(f"# {file.name}: {len(jobs)} jobs, {procs} processors")
        if judge is not None and judge.exists():
            for name, row in judged(judge, file, chosen):
                rows.append({"log": file.name, "policy": name} | row)
                show(rows[-1], chosen)
        rows += report(file.name, jobs, procs, chosen)
    if not files:
        print("# no traces: neither a file nor BURSAR_TRACES was given; a generated log instead", file=sys.stderr)
        rows += report("generated", generated(), chosen.procs or 128, chosen)
    if chosen.json:
        print(json.dumps({"simulated": True, "rows": rows}))
    return 0
