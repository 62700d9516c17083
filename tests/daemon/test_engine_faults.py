"""What engines do to the daemon: silence, lies, late news, things taken away behind its back. Ids of the fault list."""

from __future__ import annotations

import pytest

from core.clock import DAY, HOUR, MINUTE, SECOND
from core.domain.lifecycle import State
from core.domain.resources import Resources
from core.ledger.amounts import NOTHING
from tests.daemon.world import World

JOB_UCR = 60_000


@pytest.fixture
def sim(world: World) -> World:
    world.cluster()
    return world


def test_E32_a_start_that_timed_out_before_it_did_anything_is_asked_for_again(sim: World) -> None:
    sim.control().fault("ensure", "hang")
    work = sim.submit(hours="1")
    daemon = sim.daemon()
    daemon.once()
    sim.pass_time(MINUTE, daemon)
    assert sim.state(work) is State.RUNNING
    assert sim.row(work).generation == 1
    assert sim.control().ever_created() == 1


def test_E33_a_start_whose_answer_was_lost_is_adopted(sim: World) -> None:
    sim.control().fault("ensure", "lost_answer")
    work = sim.submit(hours="1")
    begun = sim.clock.now()
    daemon = sim.daemon()
    daemon.once()
    sim.pass_time(MINUTE, daemon)
    assert sim.state(work) is State.RUNNING
    assert sim.control().ever_created() == 1
    assert [run.started_at for run in sim.runs(work)] == [begun], "it runs since the engine says so"


def test_E34_what_was_accepted_and_then_vanished_before_it_ran_is_created_again(world: World) -> None:
    world.cluster(boot="5m")
    work = world.submit(hours="1")
    daemon = world.daemon()
    daemon.once()
    world.control().vanish(world.token(work))
    world.pass_time(MINUTE, daemon)
    world.pass_time(10 * MINUTE, daemon)
    world.pass_time(10 * MINUTE, daemon)
    assert world.state(work) is State.RUNNING
    (run,) = world.runs(work)
    assert run.started_at >= world.clock.now() - 20 * MINUTE


def test_E35_what_is_listed_late_is_not_made_twice(world: World) -> None:
    world.cluster(visible_after="5s")
    work = world.submit(hours="1")
    daemon = world.daemon()
    daemon.once()
    for _ in range(8):
        world.pass_time(SECOND, daemon)
    assert world.state(work) is State.RUNNING
    assert world.control().ever_created() == 1


@pytest.mark.parametrize("fault", ["truncated", "engine_down", "timeout", "engine_fault", "listing_incomplete"])
def test_E36_a_listing_that_failed_or_is_cut_proves_nothing(sim: World, fault: str) -> None:
    first, second = sim.submit("first"), sim.submit("second")
    daemon = sim.daemon()
    daemon.once()
    sim.control().fault("observe", fault, times=None)
    for _ in range(5):
        sim.pass_time(HOUR, daemon)
    assert {sim.state(first), sim.state(second)} == {State.RUNNING}
    sim.control().calm()
    sim.pass_time(HOUR, daemon)
    assert {sim.state(first), sim.state(second)} == {State.RUNNING}


def test_E37_what_was_deleted_behind_our_back_is_stopped_and_billed_to_when_it_was_last_seen(sim: World) -> None:
    web = sim.submit("web")
    daemon = sim.daemon()
    daemon.once()
    sim.pass_time(HOUR, daemon)
    sim.clock.advance(HOUR // 2)
    sim.control().vanish(sim.token(web))
    sim.pass_time(HOUR, daemon)
    row = sim.row(web)
    assert row.state is State.STOPPED
    assert "external" in (row.reason or "")
    (run,) = sim.runs(web)
    assert run.ended_at is not None and run.ended_at - run.started_at == HOUR, (
        "not a second past the last proof of life"
    )
    sim.pass_time(DAY, daemon)
    assert sim.state(web) is State.STOPPED, "nobody starts it again unasked"


def test_E38_what_was_switched_off_outside_stops_and_its_meter_with_it(sim: World) -> None:
    vm = sim.submit("vm", kind="vm", image="debian-12")
    daemon = sim.daemon()
    daemon.once()
    sim.clock.advance(HOUR)
    sim.control().power_off(sim.token(vm))
    sim.pass_time(HOUR, daemon)
    assert sim.state(vm) is State.STOPPED
    (run,) = sim.runs(vm)
    assert run.ended_at is not None and run.ended_at - run.started_at == HOUR


def test_E39_a_stranger_takes_room_and_is_left_alone(sim: World) -> None:
    sim.control().foreign("theirs", node="node-1", resources=Resources(cpu_milli=7500, ram_mib=1024))
    work = sim.submit(hours="1")
    daemon = sim.daemon()
    daemon.once()
    sim.pass_time(MINUTE, daemon)
    assert sim.state(work) is State.QUEUED, "half a CPU is left, and it wants a whole one"
    small = sim.submit("small", cpu="0.5", hours="1")
    sim.pass_time(MINUTE, daemon)
    assert sim.state(small) is State.RUNNING
    assert len(sim.engine().observe("any").instances) == 2


def test_E41_a_stranger_with_the_name_of_ours_is_a_stranger(sim: World) -> None:
    web = sim.submit("web")
    daemon = sim.daemon()
    daemon.once()
    sim.control().vanish(sim.token(web))
    sim.control().foreign("web", node="node-1", resources=Resources(cpu_milli=1000))
    sim.pass_time(MINUTE, daemon)
    assert sim.state(web) is State.STOPPED


def test_E43_a_drained_node_takes_nothing_new_and_keeps_what_it_has(sim: World) -> None:
    web = sim.submit("web")
    daemon = sim.daemon()
    daemon.once()
    sim.bursar.clusters.set_node_state(sim.olga, "sim", "node-1", "drained")
    work = sim.submit(hours="1")
    sim.pass_time(HOUR, daemon)
    assert sim.state(web) is State.RUNNING
    assert sim.state(work) is State.QUEUED
    sim.bursar.clusters.set_node_state(sim.olga, "sim", "node-1", "up")
    sim.pass_time(HOUR, daemon)
    assert sim.state(work) is State.RUNNING


def test_E44_what_is_out_of_sight_is_not_billed_until_it_is_seen_again(sim: World) -> None:
    web = sim.submit("web")
    daemon = sim.daemon()
    daemon.once()
    sim.pass_time(HOUR, daemon)
    sim.control().fault("any", "engine_down", times=None)
    for _ in range(10):
        sim.pass_time(HOUR, daemon)
    assert sim.state(web) is State.RUNNING
    assert sim.cost(web).ucr <= JOB_UCR, "nothing past the last proof of life"
    sim.control().calm()
    sim.control().power_off(sim.token(web))
    sim.pass_time(20 * MINUTE, daemon)
    assert sim.cost(web).ucr in (0, 11 * JOB_UCR), "the engine itself says how long it ran, or it failed and was ours"


def test_E49_an_engine_without_room_puts_it_back_into_the_queue_with_its_hold(sim: World) -> None:
    sim.control().fault("ensure", "no_capacity")
    work = sim.submit(hours="1")
    daemon = sim.daemon()
    daemon.once()
    row = sim.row(work)
    assert row.state is State.QUEUED
    assert sim.held(work).ucr == JOB_UCR
    assert row.not_before is not None and row.not_before > sim.clock.now()
    sim.pass_time(SECOND, daemon)
    assert sim.state(work) is State.QUEUED, "not in a loop"
    sim.pass_time(MINUTE, daemon)
    assert sim.state(work) is State.RUNNING
    assert sim.row(work).generation == 2


def test_E50_an_image_that_is_nowhere_fails_after_a_few_tries_and_costs_nothing(sim: World) -> None:
    sim.control().fault("ensure", "image_missing", times=None)
    work = sim.submit(hours="1")
    daemon = sim.daemon()
    daemon.once()
    assert sim.state(work) is State.QUEUED
    for _ in range(5):
        sim.pass_time(10 * MINUTE, daemon)
    row = sim.row(work)
    assert row.state is State.FAILED
    assert "image_missing" in (row.reason or "")
    assert sim.held(work) == sim.cost(work) == NOTHING
    assert row.generation == 3


def test_E51_a_device_that_something_dead_still_keeps_busy_is_given_to_nobody(world: World) -> None:
    world.cluster(gpu="2")
    world.control().foreign("stale", devices=("0",))
    daemon = world.daemon()
    daemon.once()
    first, second = (world.submit(f"w{n}", gpu="1", hours="1") for n in (1, 2))
    daemon.once()
    assert (world.state(first), world.state(second)) == (State.RUNNING, State.QUEUED)
    (seen,) = (one for one in world.engine().observe(world.token(first).install).instances if one.token)
    assert seen.gpu_devices == ("1",)


def test_E52_what_cannot_be_deleted_stays_stopping_and_holds_its_room(sim: World) -> None:
    web = sim.submit("web", cpu="8")
    daemon = sim.daemon()
    daemon.once()
    sim.control().fault("stop", "engine_fault", times=None)
    sim.bursar.deployments.stop(sim.olga, web)
    other = sim.submit("other", cpu="8")
    for _ in range(25):
        sim.pass_time(HOUR, daemon)
    assert sim.state(web) is State.STOPPING
    assert sim.state(other) is State.QUEUED
    sim.control().calm()
    sim.pass_time(HOUR, daemon)
    sim.pass_time(HOUR, daemon)
    assert (sim.state(web), sim.state(other)) == (State.STOPPED, State.RUNNING)


def test_E54_a_victim_that_had_ended_by_itself_has_completed_and_its_room_is_given_on(sim: World) -> None:
    low = sim.submit("low", cpu="8", hours="2", priority=10, labels={"sim.duration": "59m"})
    daemon = sim.daemon()
    daemon.once()
    sim.clock.advance(HOUR)
    high = sim.submit("high", cpu="8", hours="1", priority=90)
    sim.control().fault("observe", "truncated")  # so it is asked to leave before it is seen that it has left
    daemon.once()
    assert ("deployment.preempt", low) in sim.events("deployment.")
    sim.pass_time(MINUTE, daemon)
    assert (sim.state(low), sim.row(low).exit_code) == (State.COMPLETED, 0)
    assert sim.held(low) == NOTHING
    assert sim.cost(low).ucr == 59 * (8 * 50_000 + 10_000) // 60
    assert sim.state(high) is State.RUNNING


def test_a_command_that_no_engine_will_run_fails_at_once_and_costs_nothing(sim: World) -> None:
    work = sim.submit(hours="1", labels={"sim.duration": "long"})
    sim.daemon().once()
    row = sim.row(work)
    assert row.state is State.FAILED
    assert "sim.duration" in (row.reason or "")
    assert sim.held(work) == NOTHING


def test_E40_a_leak_is_left_alone_for_a_grace_then_stopped_on_record(sim: World) -> None:
    work = sim.submit(hours="1")
    daemon = sim.daemon()
    daemon.once()
    leaked = sim.token(work, generation=7)
    sim.engine().ensure(sim.spec(leaked))
    sim.pass_time(4 * MINUTE, daemon)
    assert sim.control().record(leaked).is_live  # type: ignore[union-attr]
    sim.pass_time(2 * MINUTE, daemon)
    assert not sim.control().record(leaked).is_live  # type: ignore[union-attr]
    sim.pass_time(10 * MINUTE, daemon)
    assert len(sim.events("cluster.leak")) == 1, "stopped once, told once"
    assert sim.state(work) is State.RUNNING, "the one that is wanted goes on"


def test_E45_of_two_generations_the_wanted_one_goes_on_and_each_use_is_billed_once(sim: World) -> None:
    """A partition heals: the instance that was given up is there again beside its replacement."""
    sim.control().fault("ensure", "no_capacity")
    work = sim.submit(hours="3")
    daemon = sim.daemon()
    daemon.once()
    sim.engine().ensure(sim.spec(sim.token(work, 1)))
    sim.pass_time(MINUTE, daemon)
    assert (sim.state(work), sim.row(work).generation) == (State.RUNNING, 2)
    sim.pass_time(HOUR, daemon)
    live = [one.token for one in sim.engine().observe(sim.token(work).install).instances if one.is_live]
    assert live == [sim.token(work, 2)]
    assert [run.generation for run in sim.runs(work)] == [2]


@pytest.mark.parametrize("fault", ["unauthorized", "rate_limited", "engine_down"])
def test_E46_E47_trouble_is_told_once_and_asked_about_more_and_more_rarely(sim: World, fault: str) -> None:
    daemon = sim.daemon()
    daemon.once()
    sim.control().fault("any", fault, times=None)
    work = sim.submit(hours="1")
    asked = 0
    for _ in range(60):
        sim.clock.advance(5 * SECOND)
        assert daemon.lead()
        before = daemon.tenders()[0].standing.again_at
        daemon.round()
        asked += daemon.tenders()[0].standing.again_at != before
    assert 0 < asked <= 10, "no storm"
    assert sim.events("cluster.trouble") == [("cluster.trouble", sim.cluster_row().handle)]
    assert sim.state(work) is State.QUEUED
    sim.control().calm()
    sim.pass_time(10 * MINUTE, daemon)
    assert sim.state(work) is State.RUNNING
    assert len(sim.events("cluster.mended")) == 1


def test_E52_that_it_cannot_be_stopped_is_told_once(sim: World) -> None:
    web = sim.submit("web")
    daemon = sim.daemon()
    daemon.once()
    sim.control().fault("stop", "engine_fault", times=None)
    sim.bursar.deployments.stop(sim.olga, web)
    for _ in range(10):
        sim.pass_time(HOUR, daemon)
    assert sim.events("deployment.stuck") == [("deployment.stuck", web)]
