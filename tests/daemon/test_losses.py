"""What the engines lose, break or give by halves: it is given back, tried again a few times, and never left half."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from core.clock import HOUR, MINUTE, SECOND
from core.daemon.background import Daemon
from core.domain.engines import Observation, Phase
from core.domain.lifecycle import State
from core.drivers.registry import DriverRegistry
from core.ledger.amounts import NOTHING
from tests.daemon.world import World

JOB_UCR = 60_000


@pytest.fixture
def sim(world: World) -> World:
    world.cluster()
    return world


def test_a_gang_that_loses_a_member_keeps_its_room_until_the_others_have_ended(sim: World) -> None:
    gang = sim.submit("gang", hours="2", cpu="4", replicas=2)
    daemon = sim.daemon()
    daemon.once()
    sim.pass_time(MINUTE, daemon)
    sim.control().vanish(sim.token(gang, rank=1))
    assert daemon.lead()
    daemon.round()
    assert sim.state(gang) is State.RUNNING, "one of the two still takes its room"
    sim.pass_time(MINUTE, daemon)
    assert sim.state(gang) is State.STOPPED
    assert not any(one.is_live for one in sim.engine().observe(sim.token(gang).install).instances)
    assert sim.events("cluster.leak") == []


def test_a_job_of_which_one_member_failed_ends_the_others_and_failed_as_that_one_did(sim: World) -> None:
    gang = sim.submit("gang", hours="2", cpu="2", replicas=3)
    daemon = sim.daemon()
    daemon.once()
    sim.pass_time(MINUTE, daemon)
    sim.control().power_off(sim.token(gang, rank=1))  # killed, as by its host's kernel
    sim.clock.advance(SECOND)
    daemon.once()
    sim.pass_time(MINUTE, daemon)
    row = sim.row(gang)
    assert (row.state, row.exit_code) == (State.FAILED, 137), "not 143, which is how the others were ended"
    assert (row.reason or "").startswith("replica 1: ")
    (run,) = sim.runs(gang)
    assert run.ended_at is not None and run.ended_at - run.started_at < 2 * MINUTE, "nobody pays for the two hours"
    assert not any(one.is_live for one in sim.engine().observe(sim.token(gang).install).instances)


def test_a_service_of_which_one_member_ended_goes_on_with_the_others(sim: World) -> None:
    service = sim.submit("service", kind="service", cpu="2", replicas=3)
    daemon = sim.daemon()
    daemon.once()
    sim.control().power_off(sim.token(service, rank=1))
    sim.pass_time(MINUTE, daemon)
    assert sim.state(service) is State.RUNNING
    assert sum(one.is_live for one in sim.engine().observe(sim.token(service).install).instances) == 2


def test_of_a_job_one_member_may_be_done_well_before_the_others(sim: World) -> None:
    gang = sim.submit("gang", hours="2", cpu="2", replicas=2, labels={"sim.duration": "10m"})
    daemon = sim.daemon()
    daemon.once()
    with sim.engine().world.change() as db:
        db.execute(
            "UPDATE instances SET ends_at = started_at + 60000000 WHERE token = ?", (str(sim.token(gang, rank=0)),)
        )
    sim.pass_time(2 * MINUTE, daemon)
    assert sim.state(gang) is State.RUNNING
    sim.pass_time(9 * MINUTE, daemon)
    assert (sim.state(gang), sim.row(gang).exit_code) == (State.COMPLETED, 0)


def test_a_gang_that_finds_room_for_some_only_gives_it_back_before_it_waits(world: World) -> None:
    """The engine refuses one creation in two, the second of the gang among them: no member lives on unknown."""
    world.cluster(cpu="8", no_capacity="0.5", seed="9", stop_takes="20s")
    gang = world.submit("gang", hours="1", cpu="4", replicas=2)
    daemon = world.daemon()
    for _ in range(60):
        world.pass_time(30 * SECOND, daemon)
        row = world.row(gang)
        install = world.token(gang, 1).install
        live = [one for one in world.engine().observe(install).instances if one.is_live]
        with world.units.look() as unit:
            holds = unit.runs.allocations_of([row.id])
        assert not live or len(holds) == 2, "what lives has its place"
        assert {one.token.generation for one in live if one.token} <= {row.generation}
        if row.state is State.RUNNING:
            break
    assert world.state(gang) is State.RUNNING
    assert world.row(gang).generation > 1
    assert ("deployment.stop", gang) in world.events("deployment.stop"), "some of it had begun to live"
    assert world.held(gang).ucr == 2 * (4 * 50_000 + 10_000)


class Failing:
    """An engine that says of an instance that it has failed."""

    def __init__(self, inner: Any, phase: Phase) -> None:
        self._inner, self._phase = inner, phase

    def observe(self, install: str) -> Observation:
        seen = self._inner.observe(install)
        failed = [replace(one, phase=self._phase, finished_at=None, message="host lost") for one in seen.instances]
        return replace(seen, instances=tuple(failed))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@pytest.mark.parametrize("phase", [Phase.FAILED, Phase.GONE])
def test_what_the_engine_says_it_lost_is_given_back_and_runs_again_a_few_times(sim: World, phase: Phase) -> None:
    work = sim.submit(hours="2")
    daemon = sim.daemon()
    daemon.once()
    for losses in (1, 2):
        sim.pass_time(HOUR, daemon)
        assert sim.state(work) is State.RUNNING
        with failing(sim, phase) as unlucky:
            unlucky.once()
        assert sim.state(work) is State.QUEUED
        assert sim.cost(work) == NOTHING, "the engine's failure is paid by us"
        assert sim.held(work).ucr == 2 * JOB_UCR
        (line,) = sim.bursar.foresight.why(sim.olga, work).blockers[1:]
        assert (line.code, line.message) == ("not_before", "engine: host lost; tried again after a pause")
        assert line.earliest_at == sim.row(work).not_before
        sim.pass_time(10 * MINUTE, daemon)
        assert (sim.state(work), sim.row(work).generation) == (State.RUNNING, losses + 1)
    with failing(sim, phase) as unlucky:
        unlucky.once()
    assert sim.state(work) is State.STOPPED
    assert sim.held(work) == NOTHING


@contextmanager
def failing(world: World, phase: Phase) -> Iterator[Daemon]:
    class Registry(DriverRegistry):
        def open(self, driver: str, cluster: str, settings: Mapping[str, str]) -> Any:
            return Failing(super().open(driver, cluster, settings), phase)

    registry = Registry(home=world.settings.home, clock=world.time, environ={})
    daemon = Daemon(world.units, world.settings, registry, world.ids)
    yield daemon
    daemon.close()


def test_a_driver_that_breaks_is_an_engine_in_trouble_and_no_end_of_the_daemon(sim: World) -> None:
    class Broken(DriverRegistry):
        def open(self, driver: str, cluster: str, settings: Mapping[str, str]) -> Any:
            raise ValueError("a bug of somebody else")

    daemon = Daemon(sim.units, sim.settings, Broken(home=sim.settings.home, clock=sim.time, environ={}), sim.ids)
    sim.submit(hours="1")
    done = daemon.once()
    daemon.close()
    assert done.troubles and "a bug of somebody else" in done.troubles[0]
