"""The story: who asks for what and when, in the past week and while somebody watches. Chance comes as an argument."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.clock import DAY, HOUR, SECOND
from core.demo.cast import GPU_CLUSTER, ORGS, SHORT_OF_CREDITS, SMALL_CLUSTER, THIS_MACHINE
from core.ids import Chance

NAMES = ("train", "sweep", "eval", "finetune", "embed", "render", "ablate", "distill", "probe", "align")
IMAGES = ("tinyllama:latest", "ghcr.io/lab/vision:2.4", "ghcr.io/lab/speech:1.9", "python:3.11-slim")
_PAST_JOBS_A_DAY = 40
_ALREADY_WAITING = 22  # when the present begins, so that there is a queue to look at
_LONGEST_PAST_RUN_MINUTES = 260
# Real commands, short and harmless, for the cluster of real processes.
COMMANDS = (
    ("sh", "-c", "for i in 1 2 3 4 5; do echo step $i; sleep 1; done"),
    ("sh", "-c", "echo counting; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo $i"),
    ("sh", "-c", "echo this one fails; exit 3"),
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One person asks for one thing."""

    at: int
    person: str
    wish: dict[str, Any]


def past_week(chance: Chance, until: int) -> list[Arrival]:
    """A week that ends now: busier by day than by night, most of it small, some of it large."""
    found: list[Arrival] = []
    for day in range(7):
        midnight = until - (7 - day) * DAY
        for _ in range(_PAST_JOBS_A_DAY):
            hour = min(23.9, max(0.0, chance.gauss(14, 4)))
            found.append(_past_job(chance, midnight + round(hour * HOUR), len(found)))
    return sorted((a for a in found if a.at < until), key=lambda arrival: arrival.at)


def _past_job(chance: Chance, at: int, number: int) -> Arrival:
    minutes = min(_LONGEST_PAST_RUN_MINUTES, max(4, round(chance.lognormvariate(4.1, 1.0))))
    asked = min(8.0, round(minutes / 60 * chance.uniform(1.1, 2.5) + 0.1, 1))
    return Arrival(at, _somebody(chance), _gpu_job(chance, number, f"{minutes}m", f"{asked}"))


def live(chance: Chance, start: int, speed: float, *, real_processes: bool) -> Iterator[Arrival]:
    """From now on, for ever: something new every few seconds."""
    at, number = start, 10_000
    while True:
        number += 1
        if number > 10_000 + _ALREADY_WAITING:
            at += round(chance.uniform(1.0, 4.0) / speed * SECOND)
        kind = chance.random()
        if real_processes and kind < 0.25:
            yield Arrival(at, _somebody(chance, ORGS[0].name), _real_job(chance, number))
        elif kind < 0.33:
            yield Arrival(at, _somebody(chance), _urgent(chance, number, speed))
        else:
            seconds = max(2, round(chance.uniform(8, 60) / speed))
            yield Arrival(at, _somebody(chance), _gpu_job(chance, number, f"{seconds}s", "0.5"))


def standing_services(at: int) -> list[Arrival]:
    """What runs until it is stopped: one of them is paid from a wallet that will not last."""
    serve = {"cluster": SMALL_CLUSTER, "image": IMAGES[2], "cpu": "2", "ram": "8", "gpu": "0.5", "kind": "service"}
    notebook = {"cluster": GPU_CLUSTER, "image": IMAGES[0], "cpu": "4", "ram": "16", "gpu": "1", "kind": "service"}
    return [
        Arrival(at, "rosa", {**serve, "name": "transcribe-api"}),
        Arrival(at, SHORT_OF_CREDITS, {**notebook, "name": "tims-notebook"}),
    ]


def _gpu_job(chance: Chance, number: int, runs_for: str, asked_hours: str) -> dict[str, Any]:
    gpus = chance.choices(("0.5", "1", "2", "4", "8"), weights=(2, 9, 6, 4, 2))[0]
    whole = max(1, round(float(gpus)))
    labels = {"sim.duration": runs_for}
    if chance.random() < 0.06:
        labels["sim.exit"] = "1"
    return {
        "name": f"{chance.choice(NAMES)}-{number}",
        "cluster": GPU_CLUSTER,
        "image": chance.choice(IMAGES),
        "cpu": str(4 * whole),
        "ram": str(32 * whole),
        "gpu": gpus,
        "hours": asked_hours,
        "priority": str(chance.choices((20, 40, 50, 60), weights=(2, 3, 6, 1))[0]),
        "labels": labels,
    }


def _urgent(chance: Chance, number: int, speed: float) -> dict[str, Any]:
    """A large one that may make others leave, and that an admin has to agree to."""
    wish = _gpu_job(chance, number, f"{max(3, round(40 / speed))}s", "1")
    return {**wish, "name": f"urgent-{number}", "gpu": "8", "cpu": "32", "ram": "256", "priority": "90"}


def _real_job(chance: Chance, number: int) -> dict[str, Any]:
    command = chance.choice(COMMANDS)
    name = f"{chance.choice(NAMES)}-{number}"
    return {"name": name, "cluster": THIS_MACHINE, "command": command, "cpu": "0.25", "ram": "0.125", "hours": "0.1"}


def _somebody(chance: Chance, org: str | None = None) -> str:
    people = [name for o in ORGS if org in (None, o.name) for name in (o.admin, *o.members)]
    return chance.choice([name for name in people if name != SHORT_OF_CREDITS])
