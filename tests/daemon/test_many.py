"""Many deployments at once: a large plan is written in parts, and what is seen of many is written together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from core.clock import HOUR
from core.daemon import planning, starting
from core.daemon.background import Daemon
from core.daemon.outcomes import Outcomes
from core.domain.lifecycle import State
from core.ledger.amounts import NOTHING
from core.store.leases import Leadership
from core.store.repositories.deployments import DeploymentRow
from core.store.units import Unit, Units
from tests.daemon.world import World

MANY = 11


class Watched(Units):
    """Something happens after each unit of the leader that wrote a start."""

    after_a_part: Callable[[], None]

    @contextmanager
    def lead(self, leadership: Leadership) -> Iterator[Unit]:
        with super().lead(leadership) as unit:
            yield unit
            placed = any(change.verb == "deployment.place" for change in unit.changes)
        if placed:
            self.after_a_part()


def daemon_of(world: World, after_a_part: Callable[[], None]) -> Daemon:
    units = Watched(world.bursar.database, world.time, world.ids)
    units.after_a_part = after_a_part
    return Daemon(units, world.settings, world.registry, world.ids)


@pytest.fixture
def in_parts_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "_MOST_STARTS", 3)


def states(world: World, handles: list[str]) -> list[State]:
    return [world.state(handle) for handle in handles]


@pytest.mark.usefixtures("in_parts_of_three")
def test_a_large_plan_is_written_in_parts_and_carried_out_as_a_whole(world: World) -> None:
    world.cluster(cpu="16")
    handles = [world.submit(f"work-{number}", hours="1") for number in range(MANY)]
    parts: list[int] = []

    def count() -> None:
        parts.append(states(world, handles).count(State.STARTING))

    daemon = daemon_of(world, count)
    daemon.once()
    assert parts == [3, 6, 9, 11]
    assert states(world, handles) == [State.RUNNING] * MANY
    assert world.control().ever_created() == MANY
    daemon.close()


@pytest.mark.usefixtures("in_parts_of_three")
def test_what_was_decided_is_not_written_over_what_somebody_changes_between_the_parts(world: World) -> None:
    """The last is cancelled after the first part, and the node is closed after the second."""
    world.cluster(cpu="16")
    handles = [world.submit(f"work-{number}", hours="1") for number in range(MANY)]
    happened: list[int] = []

    def interfere() -> None:
        happened.append(len(happened))
        if len(happened) == 1:
            world.bursar.deployments.cancel(world.olga, handles[-1])
        elif len(happened) == 2:
            world.bursar.clusters.set_node_state(world.olga, "sim", "node-1", "cordoned")

    daemon = daemon_of(world, interfere)
    daemon.once()
    now = states(world, handles)
    assert now[-1] is State.CANCELLED
    assert now.count(State.RUNNING) == world.control().ever_created() == 6
    assert now.count(State.QUEUED) == MANY - 7
    daemon.close()


def test_the_engine_is_asked_for_the_next_while_the_answers_before_are_noted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is started once and noted once, however the parts fall."""
    monkeypatch.setattr(starting, "_AT_ONCE", 3)
    world.cluster(cpu="16")
    handles = [world.submit(f"work-{number}", hours="1") for number in range(MANY)]
    world.daemon().once()
    assert states(world, handles) == [State.RUNNING] * MANY
    assert world.control().ever_created() == MANY
    assert all(len(world.runs(handle)) == 1 for handle in handles)


def test_an_engine_that_fails_between_the_parts_is_not_asked_further_and_nothing_is_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "_AT_ONCE", 3)
    world.cluster(cpu="16")
    handles = [world.submit(f"work-{number}", hours="1") for number in range(MANY)]
    started: list[int] = []

    def fail_once(outcomes: Outcomes, row: DeploymentRow, answers: list[starting.Answer]) -> bool:
        if not started:
            world.control().fault("ensure", "engine_down", times=None)
        started.append(len(answers))
        return apply(outcomes, row, answers)

    apply = starting.apply
    monkeypatch.setattr(starting, "apply", fail_once)
    daemon = world.daemon()
    daemon.once()
    before = states(world, handles).count(State.RUNNING)
    assert 3 <= before < MANY and world.control().ever_created() == before
    world.control().calm()
    world.pass_time(HOUR // 60, daemon)
    assert states(world, handles) == [State.RUNNING] * MANY
    assert world.control().ever_created() == MANY


def test_many_that_end_in_different_ways_are_each_paid_for_as_if_they_were_alone(either_world: World) -> None:
    world = either_world
    world.cluster(cpu="32")
    ends = {
        "well": {"sim.duration": "1h"},
        "badly": {"sim.duration": "1h", "sim.exit": "3"},
        "short": {"sim.duration": "0s"},
        "lasting": {},
    }
    handles = {
        name: [world.submit(f"{name}-{number}", hours="2", labels=labels) for number in range(3)]
        for name, labels in ends.items()
    }
    daemon = world.daemon()
    world.pass_time(0, daemon)
    world.pass_time(HOUR, daemon)
    seen = {name: (states(world, some), {world.cost(one).ucr for one in some}) for name, some in handles.items()}
    assert seen["well"] == ([State.COMPLETED] * 3, {60_000})
    assert seen["badly"] == ([State.FAILED] * 3, {60_000})
    assert seen["short"] == ([State.COMPLETED] * 3, {0})
    assert seen["lasting"][0] == [State.RUNNING] * 3
    ended = [one for name, some in handles.items() if name != "lasting" for one in some]
    assert all(world.held(one) == NOTHING for one in ended)
    assert world.balance().held.ucr == sum(world.held(one).ucr for one in handles["lasting"])
    assert world.bursar.operations.doctor(world.olga).verdict.value != "fail"


def test_what_an_engine_loses_is_given_back_and_starts_over_however_many_there_are(world: World) -> None:
    world.cluster(cpu="16")
    handles = [world.submit(f"work-{number}", hours="2") for number in range(5)]
    daemon = world.daemon()
    world.pass_time(0, daemon)
    world.clock.advance(HOUR)
    for handle in handles:
        world.control().vanish(world.token(handle))
    daemon.once()
    assert states(world, handles) == [State.STOPPED] * 5
    assert all(world.cost(handle) == NOTHING and world.held(handle) == NOTHING for handle in handles)


def test_a_round_that_outlasts_the_lease_is_followed_by_another(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.cluster()
    work = world.submit("work", hours="1")
    daemon = world.daemon()
    rounds: list[int] = []
    round_of_it = daemon.round

    def one_that_begins_late() -> int:
        if not rounds:
            world.clock.advance(world.settings.daemon.lease_ms * 1000)
        rounds.append(round_of_it())
        return rounds[-1]

    monkeypatch.setattr(daemon, "round", one_that_begins_late)
    assert daemon.once().leading
    assert rounds[0] == 0, "it may not act when its lease may be over"
    assert world.state(work) is State.RUNNING
