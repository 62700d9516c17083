"""Builders and random boards for the tests of the scheduler."""

from __future__ import annotations

import random
from dataclasses import replace

from core.clock import HOUR, MINUTE
from core.domain.kinds import Kind
from core.domain.resources import Resources
from core.scheduler.board import Board
from core.scheduler.cycle import plan
from core.scheduler.decisions import Plan
from core.scheduler.policy import Policy
from core.scheduler.values import WHOLE, Claim, Device, Holding, Node, NodeState, Pin, Waiting

NOW = 1_000 * HOUR
HOUR_MS = 3_600_000


def node(name: str, *, cpu: int = 64, ram: int = 256, gpus: int = 0, model: str = "a100", **more: object) -> Node:
    devices = tuple(Device(model) for _ in range(gpus))
    totals = Resources(cpu * 1000, ram * 1024, gpus * WHOLE, 1_000_000)
    return Node(id=f"id-{name}", name=name, totals=totals, devices=devices, **more)  # type: ignore[arg-type]


def amount(cpu: float = 1, ram: float = 1, gpu: float = 0) -> Resources:
    return Resources(round(cpu * 1000), round(ram * 1024), round(gpu * 1000))


def job(name: str, *, cpu: float = 1, ram: float = 1, gpu: float = 0, hours: float = 1, **more: object) -> Waiting:
    fields: dict[str, object] = {
        "id": name,
        "org": "lab",
        "member": "ann",
        "kind": Kind.JOB,
        "resources": amount(cpu, ram, gpu),
        "submitted_at": NOW,
        "limit_ms": round(hours * HOUR_MS),
    }
    return Waiting(**(fields | more))  # type: ignore[arg-type]


def service(name: str, **more: object) -> Waiting:
    return job(name, **({"kind": Kind.SERVICE, "limit_ms": None} | more))  # type: ignore[arg-type]


def running(
    name: str,
    on: Node,
    *,
    cpu: float = 1,
    ram: float = 1,
    devices: tuple[int, ...] = (),
    share: int = WHOLE,
    since: int = NOW - HOUR,
    hours: float | None = 2,
    **more: object,
) -> Holding:
    resources = amount(cpu, ram, len(devices) * share / 1000)
    fields: dict[str, object] = {
        "id": name,
        "org": "lab",
        "member": "ann",
        "kind": Kind.SERVICE if hours is None else Kind.JOB,
        "claims": (Claim(on.id, resources, tuple((d, share) for d in devices)),),
        "started_at": since,
        "limit_ms": None if hours is None else round(hours * HOUR_MS),
    }
    return Holding(**(fields | more))  # type: ignore[arg-type]


def carry_out(board: Board, made: Plan) -> None:
    """Do to the board what a daemon would: starts take place at once, victims begin to stop, places are pinned."""
    for unpin in made.unpins:
        board.unpin(unpin.id)
    for start in made.starts:
        board.started(board.waiting[start.id].seated(start.claims, made.now))
    for preempt in made.preempts:
        for victim in preempt.victims:
            holding = board.holdings[victim]
            board.change_holding(replace(holding, ending_by=preempt.grace_until, pinned_for=preempt.for_id))
        board.pin(Pin(preempt.for_id, preempt.claims, preempt.pin_until))


def random_board(seed: int, *, now: int = NOW, crowd: int = 14, services: bool = True) -> Board:
    """A few uneven nodes, partly taken, and a mixed crowd in the queue. The same seed gives the same board."""
    draw = random.Random(seed)
    nodes = [
        node(
            f"n{i}",
            cpu=draw.choice((4, 8, 16)),
            ram=draw.choice((8, 32)),
            gpus=draw.choice((0, 1, 2, 4)),
            model=draw.choice(("a100", "t4")),
            labels=frozenset(draw.sample(("zone=a", "zone=b", "ssd"), draw.randrange(3))),
            state=draw.choice((NodeState.UP,) * 6 + (NodeState.CORDONED,)),
        )
        for i in range(draw.randrange(1, 5))
    ]
    board = Board(nodes)
    for i in range(draw.randrange(crowd)):  # let the scheduler itself seat the first ones, at an earlier time
        since = now - draw.randrange(1, 40) * 5 * MINUTE
        board.add_waiting(random_item(draw, f"r{i:02}", since, services))
        carry_out(board, plan(board, Policy(), since))
    for waiting_id in list(board.waiting):
        if waiting_id not in board.pins:
            board.remove_waiting(waiting_id)
    for i in range(draw.randrange(1, crowd)):
        board.add_waiting(random_item(draw, f"w{i:02}", now - draw.randrange(0, 60) * 10 * MINUTE, services))
    return board


def random_item(draw: random.Random, name: str, submitted_at: int, services: bool = True) -> Waiting:
    gpu = draw.choice((0, 0, 0.25, 0.5, 1, 1, 2, 4))
    is_service = services and draw.random() < 0.3
    return job(
        name,
        cpu=draw.choice((0.5, 1, 2, 4)),
        ram=draw.choice((1, 2, 8)),
        gpu=gpu,
        hours=draw.choice((0.25, 1, 1, 4)),
        kind=Kind.SERVICE if is_service else Kind.JOB,
        limit_ms=None if is_service else draw.choice((900_000, HOUR_MS, HOUR_MS, 4 * HOUR_MS)),
        org=draw.choice(("lab", "shop")),
        member=draw.choice(("ann", "bob", "cyd")),
        priority=draw.choice((10, 30, 50, 50, 70, 90)),
        submitted_at=submitted_at,
        replicas=draw.choice((1, 1, 1, 1, 2, 3)),
        gpu_models=frozenset({draw.choice(("a100", "t4"))}) if gpu and draw.random() < 0.3 else frozenset(),
        labels=frozenset({"ssd"}) if draw.random() < 0.1 else frozenset(),
        preemptible=draw.random() < 0.9,
    )


def started(board: Board, policy: Policy | None = None, now: int = NOW) -> list[str]:
    return [start.id for start in plan(board, policy or Policy(), now).starts]
