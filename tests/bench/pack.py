"""GPU fragmentation: pods arrive in random order until they have asked for 130 % of a cluster; none ever leaves.

`python -m tests.bench pack NODES PODS` reads an openb pair. Each pod is one waiting service and one pass of
Bursar's own `plan`; a pod that fits nowhere is lost. `alloc` is the share of all GPUs given away when as much, or
130 % of it, was asked for. Without files, and without BURSAR_TRACES, a generated pair is packed and said to be one.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from core.domain.kinds import Kind
from core.domain.resources import Resources
from core.scheduler.board import Board
from core.scheduler.cycle import plan
from core.scheduler.fragments import mix_of
from core.scheduler.placement import Shape
from core.scheduler.policy import Packing, Policy, Preemption, policy_named
from core.scheduler.values import Device, Node, Waiting
from tests.bench.logs import opened

STOP_AT = 1.3


def read_rows(path: Path) -> list[dict[str, str]]:
    with opened(path) as lines:
        return list(csv.DictReader(lines))


def read_nodes(path: Path) -> list[Node]:
    return [
        make_node(row["sn"], int(row["cpu_milli"]), int(row["memory_mib"]), int(row["gpu"]), row["model"])
        for row in read_rows(path)
    ]


def make_node(name: str, cpu: int, ram: int, gpus: int, model: str) -> Node:
    return Node(name, name, Resources(cpu, ram, gpus * 1000), (Device(model),) * gpus)


def read_pods(path: Path) -> list[Shape]:
    return [
        make_pod(
            int(row["cpu_milli"]),
            int(row["memory_mib"]),
            int(row["num_gpu"]),
            int(row["gpu_milli"] or 0),
            frozenset(m for m in (row.get("gpu_spec") or "").split("|") if m and m != "nan"),
        )
        for row in read_rows(path)
    ]


def make_pod(cpu: int, ram: int, count: int, milli: int, models: frozenset[str]) -> Shape:
    gpu = 0 if not count else milli if count == 1 else count * 1000
    return Shape(Resources(cpu, ram, gpu), gpu_models=models if gpu else frozenset())


def generated() -> tuple[list[Node], list[Shape]]:
    draw = random.Random(7)
    nodes = [make_node(f"n{i:03}", 96_000, 393_216, draw.choice((2, 4, 8)), draw.choice(("a", "b"))) for i in range(60)]
    pods = [
        make_pod(
            draw.choice((2000, 4000, 8000, 12_000)),
            draw.choice((4096, 16_384, 32_768)),
            draw.choice((0, 1, 1, 1, 1, 1, 2, 4, 8)),
            draw.choice((50, 100, 330, 460, 500, 650, 810, 1000, 1000, 1000)),
            frozenset(),
        )
        for _ in range(1500)
    ]
    return nodes, pods


def arrivals(pods: list[Shape], capacity: int, seed: int) -> list[Shape]:
    """The whole list, then drawn with repetition until 130 % is asked for, shuffled: as the yardstick does."""
    draw = random.Random(seed)
    order, asked = list(pods), sum(pod.resources.gpu_milli for pod in pods)
    while True:
        pod = draw.choice(pods)
        if asked + pod.resources.gpu_milli > STOP_AT * capacity:
            break
        order.append(pod)
        asked += pod.resources.gpu_milli
    draw.shuffle(order)
    return order


def pack(nodes: Iterable[Node], pods: list[Shape], policy: Policy, seed: int) -> dict[str, float]:
    known = list(nodes)
    capacity = sum(node.totals.gpu_milli for node in known)
    board = Board(known)
    arrived = used = lost = 0
    at_all = 0.0
    began = time.perf_counter()
    order = arrivals(pods, capacity, seed)
    for number, shape in enumerate(order):
        name = f"pod{number:06}"
        board.add_waiting(
            Waiting(name, "log", "log", Kind.SERVICE, shape.resources, number, gpu_models=shape.gpu_models)
        )
        arrived += shape.resources.gpu_milli
        made = plan(board, policy, number)
        if made.starts:
            board.started(board.waiting[name].seated(made.starts[0].claims, number))
            used += shape.resources.gpu_milli
        else:
            board.remove_waiting(name)
            lost += 1
        if not at_all and arrived >= capacity:
            at_all = used / capacity
    wall = time.perf_counter() - began
    return {
        "alloc100": 100 * at_all,
        "alloc130": 100 * used / capacity,
        "lost": lost,
        "pods": len(order),
        "pods_s": len(order) / wall,
        "wall": wall,
    }


def show(name: str, row: dict[str, float], as_json: bool) -> None:
    if not as_json:
        print(f"{name:<18}" + "".join(f"{row[c]:>11.2f}" for c in row), flush=True)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench pack", description=__doc__)
    parser.add_argument("nodes", nargs="?", type=Path)
    parser.add_argument("pods", nargs="*", type=Path)
    parser.add_argument("--packing", default="tight,fragments")
    parser.add_argument("--seeds", default="42-44")
    parser.add_argument("--judge", type=Path, help="the yardstick program; default: pack.py in BURSAR_TRACES")
    parser.add_argument("--classics", default="", help="what the yardstick packs with, such as first,fgd")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    low, _, high = chosen.seeds.partition("-")
    seeds = range(int(low), int(high or low) + 1)
    traces = Path(os.environ["BURSAR_TRACES"]) if "BURSAR_TRACES" in os.environ else None
    judge = chosen.judge or (traces / "pack.py" if traces else None)
    node_file = chosen.nodes or (traces / "gpu" / "openb_node_list_gpu_node.csv.gz" if traces else None)
    pod_files = chosen.pods or (sorted((traces / "gpu").glob("openb_pod_list_*.csv.gz")) if traces else [])
    pairs = [(f.name, read_nodes(node_file), read_pods(f)) for f in pod_files] if node_file else []
    if not pairs:
        print("# no traces: neither files nor BURSAR_TRACES were given; a generated pair instead", file=sys.stderr)
        pairs = [("generated", *generated())]
    rows: list[dict[str, object]] = []
    for (name, nodes, pods), file in zip(pairs, [*pod_files, None][: len(pairs)], strict=True):
        if not chosen.json:
            print(f"# {name}: {len(pods)} pods, {len(nodes)} nodes, {sum(len(n.devices) for n in nodes)} GPUs")
            print(
                f"{'packing':<18}"
                + "".join(f"{c:>11}" for c in ("alloc100", "alloc130", "lost", "pods", "pods_s", "wall"))
            )
        for packing in chosen.packing.split(","):
            policy = policy_named(
                "smart", packing=Packing(packing), mix=mix_of(pods), preemption=Preemption(enabled=False)
            )
            policy = replace(policy, order=policy_named("priority").order)
            parts = [pack(nodes, pods, policy, seed) for seed in seeds]
            row = {column: sum(p[column] for p in parts) / len(parts) for column in parts[0]}
            rows.append({"pods_file": name, "packing": packing} | row)
            show(f"bursar:{packing}", row, chosen.json)
        if judge is not None and judge.exists() and chosen.classics and file is not None:
            command = [sys.executable, str(judge), str(node_file), str(file), "--policy", chosen.classics]
            judged = subprocess.run([*command, "--seeds", chosen.seeds], capture_output=True, text=True, check=True)
            print(judged.stdout)
    if chosen.json:
        print(json.dumps({"rows": rows}))
    return 0
