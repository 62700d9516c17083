"""Others go on while it is decided: what they change by then is not decided over, the rest is let be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from core.clock import HOUR
from core.daemon import planning, setting
from core.daemon.boards import KeptBoard
from core.daemon.ground import Ground
from core.domain.errors import Conflict
from core.domain.lifecycle import State
from core.scheduler import cycle
from core.store.leases import Leadership
from core.store.units import Unit, Units
from tests.daemon.world import World


class Interrupted(Units):
    """Between a decision and the unit that writes it, something happens: once."""

    meanwhile: Callable[[], object] | None = None

    @contextmanager
    def lead(self, leadership: Leadership) -> Iterator[Unit]:
        happens, self.meanwhile = self.meanwhile, None
        if happens is not None:
            happens()
        with super().lead(leadership) as unit:
            yield unit


class Leader:
    """A leader of its own that plans when it is told to; `decisions` counts how often it had to decide."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch, name: str = "me") -> None:
        known = world.daemon().ground
        self._world = world
        self._units = Interrupted(world.bursar.database, world.time, world.ids)
        self.leadership = Leadership(world.bursar.database, name, HOUR)
        self._ground = Ground(self._units, self.leadership, known.engines, world.settings)
        self._board = KeptBoard()
        self.decisions = 0
        monkeypatch.setattr(planning, "plan", self._counted)
        self.seek()
        self.plan()  # the board is built: from here on it follows the news
        self.decisions = 0

    def _counted(self, *given: object) -> object:
        self.decisions += 1
        return cycle.plan(*given)  # type: ignore[arg-type]

    def seek(self) -> None:
        assert self.leadership.seek(self._world.time.now())
        setting.follow(self._ground)

    def plan(self, meanwhile: Callable[[], object] | None = None) -> int:
        self._units.meanwhile = meanwhile
        return planning.plan_cluster(self._ground, self._world.cluster_row(), self._board, ())


@pytest.fixture
def leader(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Leader]:
    world.cluster(cpu="4")
    made = Leader(world, monkeypatch)
    yield made
    made.leadership.resign()


def states(world: World, handles: list[str]) -> list[State]:
    return [world.state(handle) for handle in handles]


def booked(world: World) -> int:
    """How many thousandths of a CPU are promised on the node, to whatever starts or runs there."""
    with world.units.look() as unit:
        return sum(place.resources.cpu_milli for place in unit.runs.allocations_of([row.id for row in _holding(unit)]))


def _holding(unit: Unit) -> list[planning.DeploymentRow]:
    return list(unit.deployments.in_states({State.STARTING, State.RUNNING}))


def test_whoever_submits_meanwhile_makes_nothing_to_be_decided_twice(world: World, leader: Leader) -> None:
    first = world.submit("first", hours="1")
    later: list[str] = []
    assert leader.plan(lambda: later.append(world.submit("second", hours="1"))) == 1
    assert leader.decisions == 1
    assert states(world, [first, *later]) == [State.STARTING, State.QUEUED]
    assert leader.plan() == 1
    assert states(world, later) == [State.STARTING]


@pytest.mark.parametrize("end", ["cancel", "stop", "delete"])
def test_what_is_withdrawn_meanwhile_is_not_placed_and_the_others_are(world: World, leader: Leader, end: str) -> None:
    gone, kept = world.submit("gone", hours="1"), world.submit("kept", hours="1")
    assert leader.plan(lambda: getattr(world.bursar.deployments, end)(world.olga, gone)) == 1
    assert leader.decisions == 2
    assert world.state(gone) not in (State.QUEUED, State.STARTING)
    assert world.state(kept) is State.STARTING
    assert booked(world) == 1000


def test_nothing_is_placed_on_a_node_that_is_closed_meanwhile(world: World, leader: Leader) -> None:
    work = world.submit(hours="1")
    close = world.bursar.clusters.set_node_state
    assert leader.plan(lambda: close(world.olga, "sim", "node-1", "cordoned")) == 0
    assert world.state(work) is State.QUEUED


def test_nothing_is_placed_in_a_cluster_that_is_paused_meanwhile(world: World, leader: Leader) -> None:
    work = world.submit(hours="1")
    assert leader.plan(lambda: world.bursar.clusters.pause(world.olga, "sim")) == 0
    assert world.state(work) is State.QUEUED


def test_one_whom_another_has_followed_meanwhile_writes_nothing(world: World, leader: Leader) -> None:
    work = world.submit(hours="1")
    other = Leadership(world.bursar.database, "other", HOUR)

    def follow() -> None:
        leader.leadership.resign()
        assert other.seek(world.time.now())

    with pytest.raises(Conflict, match="another process leads"):
        leader.plan(follow)
    assert world.state(work) is State.QUEUED
    other.resign()


def test_room_that_another_leader_gave_away_meanwhile_is_not_given_twice(world: World, leader: Leader) -> None:
    """It led in between and is gone again: the place that this one had found is taken, though it leads once more."""
    big = [world.submit(f"big-{number}", cpu="3", hours="1") for number in range(2)]

    def lead_and_go() -> None:
        leader.leadership.resign()
        world.bursar.deployments.cancel(world.olga, big[0])
        world.daemon().once()
        assert world.state(big[1]) is State.RUNNING
        leader.seek()

    assert leader.plan(lead_and_go) == 0
    assert states(world, big) == [State.CANCELLED, State.RUNNING]
    assert booked(world) == 3000


def test_room_that_another_leader_gave_to_somebody_new_is_not_given_twice(world: World, leader: Leader) -> None:
    """None of those that were decided on has changed: only that somebody else led tells that the room may be gone."""
    waiting = world.submit("waiting", cpu="3", hours="1")
    urgent: list[str] = []

    def lead_and_go() -> None:
        leader.leadership.resign()
        urgent.append(world.submit("urgent", cpu="3", hours="1", priority=90))
        world.daemon().once()
        assert states(world, urgent) == [State.RUNNING]
        leader.seek()

    assert leader.plan(lead_and_go) == 0
    assert world.state(waiting) is State.QUEUED
    assert booked(world) == 3000


def test_a_pass_that_decides_nothing_keeps_nobody_from_writing(world: World, leader: Leader) -> None:
    """It needs no turn of the writer: here one would never come."""
    world.submit("waits", cpu="4", hours="1")
    world.submit("waits-behind", cpu="4", hours="1")
    assert leader.plan() == 1
    with world.bursar.database.write():
        assert leader.plan() == 0
