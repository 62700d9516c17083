"""Replays a job log in simulated time under Bursar's own `plan`, and prints what came of it.

`python -m tests.bench replay [--policy P,...] [--sc20 CUT] FILE...` reads SWF and CSV logs. A machine of n
processors is one node; with --nodes and --per-node it is that many GPU nodes. All starts are simulated. With
--judge PATH the yardstick program at PATH replays the same file under the classic policies, for comparison.
Without a file, and without BURSAR_TRACES, a generated log is replayed and said to be one. With --preempt base
priorities are drawn by user, evictions are on, and each is checked as it happens.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from core.scheduler.policy import Order, Policy, policy_named
from tests.bench.evictions import evicting, replay_evicting
from tests.bench.logs import Job, figures, generated, mean_of, read_csv, read_swf, slowdown, windows
from tests.bench.machine import Replay, quiet

COLUMNS = ("wait", "jct", "bsld", "longest", "p99wait", "util", "jain", "preempted", "passes_s", "wall")


def replay(
    jobs: list[Job], policy: Policy, procs: int, nodes: int | None, per_node: int, anew_days: float | None = None
) -> dict[str, float]:
    for job in jobs:
        job.start = job.end = -1.0
    machine = Replay(jobs, policy, nodes or 1, per_node if nodes else procs, bool(nodes))
    machine.anew_every = None if anew_days is None else anew_days * 86_400
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
    if chosen.preempt:
        return report_evictions(name, jobs, procs, chosen)
    rows: list[dict[str, object]] = []
    for policy_name in chosen.policy.split(","):
        policy = quiet(policy_named(policy_name))
        if policy_name == "priority" and not chosen.priorities:
            policy = replace(policy, order=Order.PRIORITY)
        parts = [
            replay(w, policy, procs, chosen.nodes, chosen.per_node, chosen.anew_days)
            for w in windows(jobs, chosen.sc20, chosen.count)
        ]
        rows.append({"log": name, "policy": f"bursar:{policy_name}", **mean_of(parts)})
        show(rows[-1], chosen)
    if chosen.histogram:
        worst = sorted(jobs, key=slowdown)[-5:]
        print("  worst slowdowns:", [(j.id, round(slowdown(j))) for j in worst])
    return rows


def report_evictions(name: str, jobs: list[Job], procs: int, chosen: argparse.Namespace) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for policy_name in chosen.policy.split(","):
        log = jobs[: chosen.count]
        figured, seen = replay_evicting(log, evicting(policy_named(policy_name)), procs, chosen.nodes, chosen.per_node)
        told = {"evictions": seen.evictions, "victims": seen.victims, "queued_again": seen.again}
        rows.append({"log": name, "policy": f"evicting:{policy_name}", **figured, **told})
        show(rows[-1], chosen)
        if not chosen.json:
            print(
                f"  {seen.evictions} evictions of {seen.victims}, {seen.again} queued again: each for one that then "
                "started, none for one evicted since the last end, nothing given away twice"
            )
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
    parser.add_argument("--anew-days", type=float, help="build the board anew so often, as after a restart")
    parser.add_argument("--preempt", action="store_true", help="evictions on, base priorities 20, 50, 80 by user")
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
        if judge is not None and judge.exists() and not chosen.preempt:
            for name, row in judged(judge, file, chosen):
                rows.append({"log": file.name, "policy": name, **row})
                show(rows[-1], chosen)
        rows += report(file.name, jobs, procs, chosen)
    if not files:
        print("# no traces: neither a file nor BURSAR_TRACES was given; a generated log instead", file=sys.stderr)
        rows += report("generated", generated(), chosen.procs or 128, chosen)
    if chosen.json:
        print(json.dumps({"simulated": True, "rows": rows}))
    return 0
