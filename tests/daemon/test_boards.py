"""The board that is kept from pass to pass says what one built anew from the store says, whatever happened."""

from __future__ import annotations

import contextlib
import random
import shutil
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.clock import DAY, HOUR, MINUTE
from core.daemon import boards
from core.daemon.background import Daemon
from core.domain.changes import ExtendRequest, PriorityRequest
from core.domain.errors import BursarError
from core.domain.lifecycle import FINAL, State
from core.domain.resources import Resources
from core.domain.validation import validated
from core.scheduler.board import Board
from core.scheduler.cycle import plan
from core.store.queries.board import board_of
from core.store.queries.policy import policy_for
from tests.daemon.world import World

_numbers = count(1)

Deed = tuple[str, int, int]
OFTEN = {"submit": 6, "round": 8, "wait": 3, "stranger": 2}
RARE = ("cancel", "stop", "start", "delete", "extend", "priority", "cordon", "resume", "vanish", "no_room")


def deeds(seed: int, how_many: int) -> list[Deed]:
    draw = random.Random(seed)
    names, weights = zip(*(OFTEN | dict.fromkeys(RARE, 1)).items(), strict=True)
    return [(draw.choices(names, weights)[0], draw.randrange(8), draw.randrange(8)) for _ in range(how_many)]


class NoInstance(Exception):
    """What has never run has none."""


class Story:
    def __init__(self, world: World) -> None:
        self.world = world
        self.daemon: Daemon = world.daemon()
        self.made: list[str] = []
        assert self.daemon.lead()

    def do(self, deed: Deed) -> None:
        name, a, b = deed
        if name in ("round", "wait"):
            getattr(self, name)(a, b)
        elif self.made or name == "submit":
            with contextlib.suppress(BursarError, NoInstance):  # it cannot be done now, and must have left no trace
                getattr(self, name)(a, b)

    def one(self, number: int) -> str:
        return self.made[number % len(self.made)]

    def submit(self, a: int, b: int) -> None:
        kind = ("job", "job", "service", "vm")[a % 4]
        asked = {
            "kind": kind,
            "cpu": str((1, 2, 3, 4)[b % 4]),
            "gpu": ("0", "1", "0.5", "2")[(a + b) % 4],
            "priority": (10, 50, 90)[(a * b) % 3],
            "hours": "1" if kind == "job" else None,
            "after": [self.one(b)] if self.made and a == 5 else [],
            "replicas": 2 if b == 6 and kind == "job" else 1,
            "labels": {"sim.deaf": "yes"} if b % 2 else {"sim.duration": f"{10 * (a + 1)}m"},
        }
        given = {name: value for name, value in asked.items() if value is not None}
        self.made.append(self.world.submit(f"w{next(_numbers)}", **given))

    def round(self, a: int, b: int) -> None:
        self.world.clock.advance(a * MINUTE)
        assert self.daemon.lead()
        self.daemon.round()

    def wait(self, a: int, b: int) -> None:
        self.world.clock.advance(DAY // 2 if a == 7 else (a + 1) * HOUR // 4)

    def cancel(self, a: int, b: int) -> None:
        self.world.bursar.deployments.cancel(self.world.olga, self.one(a))

    def stop(self, a: int, b: int) -> None:
        self.world.bursar.deployments.stop(self.world.olga, self.one(a))

    def start(self, a: int, b: int) -> None:
        self.world.bursar.deployments.start(self.world.olga, self.one(a))

    def delete(self, a: int, b: int) -> None:
        self.world.bursar.deployments.delete(self.world.olga, self.one(a))

    def extend(self, a: int, b: int) -> None:
        request = validated(ExtendRequest, id=self.one(a), hours="1")
        self.world.bursar.decisions.extend(self.world.olga, request)

    def priority(self, a: int, b: int) -> None:
        request = validated(PriorityRequest, id=self.one(a), priority=10 * b)
        self.world.bursar.decisions.set_priority(self.world.olga, request)

    def cordon(self, a: int, b: int) -> None:
        self.world.bursar.clusters.set_node_state(self.world.olga, "sim", "node-1", "cordoned")

    def resume(self, a: int, b: int) -> None:
        self.world.bursar.clusters.set_node_state(self.world.olga, "sim", "node-1", "up")

    def vanish(self, a: int, b: int) -> None:
        token = self.world.token(self.one(a))
        if self.world.control().record(token) is None:
            raise NoInstance
        self.world.control().vanish(token)

    def stranger(self, a: int, b: int) -> None:
        resources = Resources(cpu_milli=500 * (b + 1))
        self.world.control().foreign(f"stranger-{next(_numbers)}", node="node-1", resources=resources)

    def no_room(self, a: int, b: int) -> None:
        self.world.control().fault("ensure", "no_capacity")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory, sqlite_at_head: Path) -> World:
    home = tmp_path_factory.mktemp("origin") / "home"
    home.mkdir(mode=0o700)
    shutil.copy(sqlite_at_head, home / "bursar.db")
    world = World(home)
    world.cluster(cpu="8", gpu="4")
    world.close()
    return world


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_the_kept_board_is_what_one_built_anew_is(origin: World, seed: int) -> None:
    world = origin.copied(origin.settings.home.parent / f"story-{next(_numbers)}")
    try:
        story = Story(world)
        (tender,) = story.daemon.tenders()
        for deed in deeds(seed, 60):
            story.do(deed)
            with world.units.lead(story.daemon.ground.leadership) as unit:
                cluster = unit.clusters.by_id(world.cluster_row().id)
                assert cluster is not None
                kept = tender.board.current(unit, cluster, tender.foreign)
                anew = board_of(unit, cluster, tender.foreign)
                assert content(kept) == content(anew), f"after {deed} with seed {seed}"
                policy = policy_for(unit, world.settings)
                assert plan(kept, policy, unit.now) == plan(anew, policy, unit.now)
        changes_of_all = sum(verb.startswith("cluster.node") for verb, _ in world.events())
        assert tender.board.rebuilt <= 1 + changes_of_all, "it was moved, not built again and again"
    finally:
        world.close()


def content(board: Board) -> dict[str, object]:
    return {
        "nodes": [host.node for host in board.hosts],
        "free": [_free(host) for host in board.hosts],
        "holdings": board.holdings,
        "waiting": board.waiting,
        "pins": board.pins,
        "foreign": board.foreign,
        "leaving": board.leaving,
        "doomed": board.doomed,
        "held": {who: held for who, held in board.held.items() if held.deployments},
        "last_ended_at": board.last_ended_at,
        "version": board.version,
    }


def _free(host: object) -> object:
    room = host.free  # type: ignore[attr-defined]
    return {name: getattr(room, name) for name in room.__slots__}


def test_a_board_is_built_anew_after_a_gap_in_the_feed(world: World) -> None:
    world.cluster()
    daemon = world.daemon()
    assert daemon.lead()
    world.submit("first")
    daemon.round()
    (tender,) = daemon.tenders()
    assert tender.board.rebuilt == 1
    with world.bursar.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM events")
    second = world.submit("second")
    daemon.round()
    assert tender.board.rebuilt == 2
    assert world.state(second) is State.RUNNING


def test_while_much_moves_no_board_is_built_for_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards, "MOST_NEWS", 2)
    world.cluster()
    daemon = world.daemon()
    assert daemon.lead()
    (tender,) = daemon.tenders()
    daemon.round()
    assert (tender.board.rebuilt, tender.board.latest) == (0, None), "it has just begun to lead, and nobody waits"
    works = [world.submit(f"work-{number}", hours="1") for number in range(3)]
    daemon.round()
    assert {world.state(work) for work in works} == {State.RUNNING}
    assert tender.board.rebuilt == 1
    daemon.round()
    assert (tender.board.rebuilt, tender.board.latest) == (1, None), "all have just started: nobody waits"
    daemon.round()
    assert tender.board.rebuilt == 2, "nothing moves: it is ready for who comes next"
    last = world.submit("last", hours="1")
    daemon.round()
    assert (world.state(last), tender.board.rebuilt) == (State.RUNNING, 2)


def test_a_daemon_that_leads_again_trusts_nothing_that_it_knew(world: World) -> None:
    world.cluster()
    first, second = world.daemon(), world.daemon()
    first.once()
    work = world.submit(hours="1")
    second.once()
    assert world.state(work) is State.RUNNING
    world.clock.advance(HOUR)
    first.once()
    assert world.state(work) in FINAL
