"""I-S9: of the processes that think that they lead, one decides, and what it decides on is what it writes to.

A tick is a state of the cluster: its version. Each decision that is written moves it, in the unit that read it.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.clock import SECOND
from core.daemon import setting
from core.daemon.boards import KeptBoard
from core.daemon.ground import Ground
from core.daemon.planning import plan_cluster
from core.domain.errors import Conflict
from core.store.database import Database
from core.store.leases import Leadership
from core.store.units import Units
from tests.daemon.world import World

_numbers = count(1)
LIFETIME = 30 * SECOND


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory, sqlite_at_head: Path) -> Iterator[World]:
    home = tmp_path_factory.mktemp("decisions") / "home"
    home.mkdir(mode=0o700)
    shutil.copy(sqlite_at_head, home / "bursar.db")
    (home / "bursar.db").chmod(0o600)
    made = World(home)
    made.cluster(cpu="64")
    yield made
    made.close()


class Process:
    """One that seeks to lead, and plans whenever it is told to, whether it still leads or not."""

    def __init__(self, world: World, name: str) -> None:
        known = world.daemon().ground
        self.database = Database(world.bursar.database.url)
        self.leadership = Leadership(self.database, name, LIFETIME)
        units = Units(self.database, world.time, world.ids)
        self.ground = Ground(units, self.leadership, known.engines, world.settings)
        self.board = KeptBoard()

    def close(self) -> None:
        self.leadership.resign()
        self.database.close()

    def seek(self, world: World) -> None:
        if self.leadership.seek(world.clock.now()):
            setting.follow(self.ground)  # else it would write nothing, for a clock that it does not know

    def plan(self, world: World) -> int:
        return plan_cluster(self.ground, world.cluster_row(), self.board, ())


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(seed=st.integers(0, 2**32))
def test_I_S9_no_two_decisions_are_made_on_one_state_of_a_cluster(origin: World, seed: int) -> None:
    world, draw = origin.copied(origin.settings.home.parent / f"world-{next(_numbers)}"), random.Random(seed)
    processes = [Process(world, f"p{n}") for n in range(2)]
    try:
        decided: list[tuple[int, int]] = []  # the epoch of who decided, the version decided on
        processes[0].seek(world)
        world.submit("first")
        _plan(world, processes[0], decided)
        assert len(decided) == 1, "one that leads decides"
        for number in range(40):
            deed, who = draw.choice(("submit", "seek", "plan", "plan", "resign", "wait")), draw.choice(processes)
            if deed == "submit":
                world.submit(f"w{number}")
            elif deed == "seek":
                who.seek(world)
            elif deed == "resign":
                who.leadership.resign()
            elif deed == "wait":
                world.clock.advance(draw.choice((1, 20, 40)) * SECOND)
            else:
                _plan(world, who, decided)
        assert len(set(decided)) == len(decided)
        assert decided == sorted(decided)
        assert len({version for _, version in decided}) == len(decided)
    finally:
        for process in processes:
            process.close()
        world.close()


def _plan(world: World, who: Process, decided: list[tuple[int, int]]) -> None:
    version, epoch = world.cluster_row().version, who.leadership.epoch
    try:
        moved = who.plan(world)
    except Conflict:
        assert world.cluster_row().version == version, "one that does not lead has written"
        return
    if moved:
        assert epoch is not None
        assert world.cluster_row().version > version
        decided.append((epoch, version))
