"""Days of traffic in virtual time: people, faults, crashes between act and apply, clocks that are set, two daemons.

Everything follows from a seed. After each step the laws of money, capacity and state hold; in the end, when the
faults are over, all that was asked for has come to an end or runs, and no engine has anything that nobody knows.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
from pathlib import Path

import pytest

from core.clock import DAY, HOUR, MINUTE, SECOND
from core.daemon.background import Daemon
from core.domain.engines import Observation
from core.domain.errors import BursarError, Conflict
from core.domain.lifecycle import HOLDS_CAPACITY, TRANSITIONS, State, Trigger
from core.domain.resources import NOTHING, Resources
from core.store import leases
from core.store.queries import ledger_checks
from core.store.repositories.journal import Audit
from core.store.scope import unscoped
from core.views.operations import Verdict
from tests.daemon.mortality import Fate, Killed, mortal_daemon
from tests.daemon.world import World

STEPS = 60
FAULTS = (
    "ensure:lost_answer@0.05,ensure:no_capacity@0.05,observe:truncated@0.05,observe:engine_down@0.03,stop:timeout@0.05"
)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory, sqlite_at_head: Path) -> World:
    home = tmp_path_factory.mktemp("origin") / "home"
    home.mkdir(mode=0o700)
    shutil.copy(sqlite_at_head, home / "bursar.db")
    world = World(home)
    world.cluster("big", cpu="16", gpu="8", faults=FAULTS, stop_takes="20s")
    world.cluster("small", cpu="4", boot="30s", visible_after="4s", stop_takes="5s")
    world.close()
    return world


class Days:
    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.draw = random.Random(seed)
        self.made: list[str] = []
        self.fates: list[Fate] = []
        self.daemons = [self.born(), self.born()]
        self.deaths = self.epoch = self.read = 0

    def born(self) -> Daemon:
        fate = Fate(self.draw.choice([None, None, self.draw.randrange(1, 20)]))
        self.fates.append(fate)
        return mortal_daemon(self.world, fate)

    def step(self) -> None:
        draw = self.draw
        for _ in range(draw.randrange(4)):
            self.somebody_asks()
        if draw.random() < 0.2:
            self.something_happens()
        self.world.clock.advance(draw.choice([SECOND, 10 * SECOND, MINUTE, 5 * MINUTE, 20 * MINUTE, 2 * HOUR]))
        if draw.random() < 0.1:
            self.world.clock.leap(draw.choice([MINUTE, DAY, -MINUTE, -HOUR]))
        self.a_daemon_works(draw.randrange(2))

    def somebody_asks(self) -> None:
        draw, deployments, olga = self.draw, self.world.bursar.deployments, self.world.olga
        with contextlib.suppress(BursarError):
            if draw.random() < 0.6 or not self.made:
                self.submit()
                return
            act = draw.choice([deployments.cancel, deployments.stop, deployments.start, deployments.delete])
            act(olga, draw.choice(self.made))

    def submit(self) -> None:
        draw = self.draw
        kind = draw.choice(["job", "job", "job", "service", "vm"])
        labels = {"sim.duration": f"{draw.randrange(1, 180)}m", "sim.exit": str(draw.choice([0, 0, 0, 1]))}
        if draw.random() < 0.2:
            labels = {"sim.deaf": "yes"}
        asked = {
            "kind": kind,
            "cpu": str(draw.choice([1, 1, 2, 4])),
            "priority": draw.choice([10, 50, 50, 90]),
            "labels": labels,
            "cluster": draw.choice(["big", "big", "small"]),
        }
        if kind == "job":
            asked |= {"hours": str(draw.randrange(1, 4)), "replicas": draw.choice([1, 1, 1, 2])}
        if asked["cluster"] == "big":
            asked["gpu"] = draw.choice(["0", "0.5", "1", "2"])
        if self.made and draw.random() < 0.1:
            asked["after"] = [f"{draw.choice(self.made)}:any"]
        self.made.append(self.world.submit(f"w{len(self.made)}", **asked))

    def something_happens(self) -> None:
        """Behind our back, at an engine."""
        draw = self.draw
        control = self.world.control(draw.choice(["big", "small"]))
        running = [handle for handle in self.made if self.world.row(handle).generation]
        if running and draw.random() < 0.6:
            with contextlib.suppress(LookupError):
                act = draw.choice([control.vanish, control.power_off])
                act(self.world.token(draw.choice(running)))
        else:
            control.foreign("stranger", node="node-1", resources=Resources(cpu_milli=500, ram_mib=512))

    def a_daemon_works(self, which: int) -> None:
        """It may die of it, be paused for so long that the other leads, or go on."""
        daemon = self.daemons[which]
        try:
            if daemon.lead():
                daemon.round()
                if self.draw.random() < 0.3:
                    daemon.resign()
        except Killed:
            self.deaths += 1
            daemon.close()
            self.daemons[which] = self.born()
        except Conflict as conflict:
            assert conflict.code in ("lease_lost", "clock_set")

    def hold_the_laws(self) -> None:
        with self.world.bursar.database.read() as connection:
            broken = [f for f in ledger_checks.run(connection, self.world.clock.now()) if f.verdict is Verdict.FAIL]
            assert not broken, broken
            held = leases.current(connection)
            audit = Audit(connection, unscoped("every move is looked at"))
            moves = [row for row in audit.newest(10_000) if row.seq > self.read]
        epoch = held.epoch if held else 0
        assert epoch >= self.epoch, "I-E1: an epoch never comes back"
        self.epoch = epoch
        for row in moves:
            self.read = max(self.read, row.seq)
            after = json.loads(row.after or "{}")
            if row.before and "trigger" in after:
                before = State(json.loads(row.before)["state"])
                assert TRANSITIONS[before, Trigger(after["trigger"])] == after["state"], "I-C8: a move of the table"
        for name in ("big", "small"):
            self.hold_the_laws_of_an_engine(name)

    def hold_the_laws_of_an_engine(self, name: str) -> None:
        """As the engine itself knows it, whatever its listings leave out."""
        row = self.world.cluster_row(name)
        with self.world.units.look() as unit:
            rooms = {node.name: node.totals for node in unit.clusters.nodes_of(row.id)}
        ours = [one for one in self.world.control(name).everything() if one.token is not None]
        for node, room in rooms.items():
            taken = sum((one.resources for one in ours if one.is_live and one.node == node), NOTHING)
            assert taken.fits_in(room), f"I-C3: {node} of {name} has {room} and runs {taken}"

    def come_to_rest(self) -> None:
        """No faults any more, and time: everything ends that has an end."""
        for daemon in self.daemons:
            daemon.close()
        last = self.world.daemon()
        for _ in range(20):
            self.world.clock.advance(HOUR)
            last.once()
        for _ in range(4):
            self.world.clock.advance(MINUTE)  # for what has just been told to stop
            last.once()
        self.hold_the_laws()

    def nothing_is_left_over(self) -> None:
        for name in ("big", "small"):
            row = self.world.cluster_row(name)
            with self.world.units.look() as unit:
                living = unit.deployments.in_states(HOLDS_CAPACITY, row.id)
            assert {one.state for one in living} <= {State.RUNNING}
            known = {self.world.token(one.handle, rank=rank) for one in living for rank in range(one.replicas)}
            install = self.world.token(self.made[0], 1).install
            seen = self.seen_at_last(name, install)
            shown = {one.token for one in seen.instances if one.is_live and one.token is not None}
            assert shown == known, "I-C7, I-E2: neither an orphan nor a ghost, and each but once"

    def seen_at_last(self, cluster: str, install: str) -> Observation:
        """A complete listing; the engine's faults go on."""
        for _ in range(100):
            with contextlib.suppress(BursarError):
                seen = self.world.engine(cluster).observe(install)
                if seen.complete:
                    return seen
        raise AssertionError("no complete listing in a hundred")


@pytest.mark.parametrize("seed", range(2))
def test_I_C1_I_C2_I_C3_I_C4_I_C6_I_C7_I_C8_I_L8_I_L9_I_L15_I_E1_hold_through_days_of_faults(
    origin: World, seed: int
) -> None:
    world = origin.copied(origin.settings.home.parent / f"days-{seed}")
    days = Days(world, seed)
    try:
        for number in range(STEPS):
            days.step()
            if number % 5 == 0:
                days.hold_the_laws()
        days.come_to_rest()
        days.nothing_is_left_over()
        assert days.made
    finally:
        for daemon in days.daemons:
            daemon.close()
        world.close()
