"""How long a person waits to be told what is to come: why, queue, forecast and a dry run, by the service's own calls.

A thousand nodes of 8 GPUs are full and 10,000 deployments wait, in a durable store. Each question is asked as a face
asks it: read the store, build a board, plan, foretell. Processor time stands beside the wall's.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from core.clock import MINUTE
from core.daemon import planning
from core.daemon.boards import KeptBoard
from core.domain.lifecycle import State
from core.domain.workloads import SubmitRequest
from tests.bench.admit import Yard
from tests.builders import job

SWEEP = 500
AIM_MS = 2_000


@dataclass(frozen=True, slots=True)
class Answered:
    what: str
    wall_ms: float
    cpu_ms: float
    said: str

    def __str__(self) -> str:
        return f"{self.what:<28}{self.wall_ms:>8.0f} ms{self.cpu_ms:>8.0f} ms CPU   {self.said}"


def request(number: int, **fields: object) -> SubmitRequest:
    """Jobs of one to a day's hours, and a fifth of services; a share of a GPU, one, several, all of a node, or none."""
    draw = Random(number)
    gpu = draw.choice((0, 0, 0.25, 0.5, 1, 1, 1, 2, 4, 8))
    asked: dict[str, object] = {
        "kind": draw.choice(("job",) * 4 + ("service",)),
        "cpu": draw.choice((1, 2, 4, 8)),
        "ram": draw.choice((4, 16, 64)),
        "gpu": gpu,
        "priority": draw.choice((10, 30, 50, 50, 50, 70)),
        "replicas": draw.choice((1,) * 19 + (4,)),
    }
    asked["hours"] = draw.choice((1, 1, 2, 4, 8, 24)) if asked["kind"] == "job" else None
    return job(f"task-{number:06}", **(asked | fields))


def crowded(yard: Yard, waiting: int) -> None:
    """Wave after wave is submitted and placed, a quarter of an hour apart, until the cluster is full; then the rest."""
    daemon, board, number = yard.world.bursar.daemon(), KeptBoard(), 0
    assert daemon.lead()
    ground = daemon.ground
    with ground.units.look() as unit:
        cluster = unit.clusters.all()[0]
    while yard.count(State.QUEUED) < waiting:
        member = yard.members[number // SWEEP % len(yard.members)]
        yard.world.bursar.deployments.submit_all(member, [request(n) for n in range(number, number + SWEEP)])
        number += SWEEP
        planning.plan_cluster(ground, cluster, board, ())
        yard.clock.advance(15 * MINUTE if yard.count(State.QUEUED) < SWEEP else MINUTE)
    daemon.once()
    daemon.close()


def measure(yard: Yard) -> Iterator[Answered]:
    foresight, who = yard.world.bursar.foresight, yard.members[0]
    queued = [line for line in foresight.queue(who).items if line.id is not None]
    with yard.world.units.look() as unit:
        middle = sorted(row.handle for row in unit.deployments.in_states({State.QUEUED}, unit.clusters.all()[0].id))
    wishes = {"fits at once": {"gpu": 0}, "waits": {"gpu": 8, "hours": 4}, "evicts": {"gpu": 4, "priority": 79}}
    yield asked("why, the first", lambda: foresight.why(who, str(queued[0].id)))
    yield asked("why, of the middle", lambda: foresight.why(who, middle[len(middle) // 2]))
    yield asked("queue", lambda: foresight.queue(who))
    yield asked("forecast", lambda: foresight.forecast(who))
    for what, wish in wishes.items():
        trial = request(10**6, **({"kind": "job", "hours": 1, "replicas": 1, "priority": 50} | wish))
        yield asked(f"dry run, {what}", lambda trial=trial: foresight.preview(who, trial))


def asked(what: str, question: Callable[[], object]) -> Answered:
    began, worked = time.perf_counter(), time.process_time()
    answer = question()
    wall, cpu = time.perf_counter() - began, time.process_time() - worked
    return Answered(what, wall * 1000, cpu * 1000, in_short(answer))


def in_short(answer: object) -> str:
    lines = getattr(answer, "items", None)
    shown = {
        name: getattr(answer, name)
        for name in ("starts_now", "position", "estimate_at", "latest_at", "made_at", "horizon_at")
        if hasattr(answer, name)
    }
    return ", ".join([f"{name} {value}" for name, value in shown.items()] + ([f"{len(lines)} lines"] if lines else []))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench foresight", description=__doc__)
    parser.add_argument("--nodes", type=int, default=1_000)
    parser.add_argument("--waiting", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="bursar-bench-"))
    found = []
    try:
        with Yard.at(folder / "yard", chosen.nodes) as yard:
            crowded(yard, chosen.waiting)
            if not chosen.json:
                print(f"{yard.count(State.RUNNING)} run, {yard.count(State.QUEUED)} wait")
            for one in measure(yard):
                found.append(one)
                if not chosen.json:
                    print(one, flush=True)
    finally:
        shutil.rmtree(folder)
    if chosen.json:
        print(json.dumps([asdict(one) for one in found]))
    return 0
