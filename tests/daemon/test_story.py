"""From a submission to its end, with the money of each way in which it can end."""

from __future__ import annotations

from core.clock import HOUR, MINUTE, SECOND
from core.domain.lifecycle import State
from core.ledger.amounts import NOTHING
from tests.daemon.world import HOUR_MS, RICH, World

JOB_UCR = 60_000  # one CPU at 0.05 and one GiB at 0.01 credits for an hour


def test_a_job_is_held_for_runs_and_pays_for_what_it_used(either_world: World) -> None:
    world = either_world
    world.cluster()
    work = world.submit(hours="2", labels={"sim.duration": "90m"})
    assert world.state(work) is State.QUEUED
    assert world.held(work).ucr == 2 * JOB_UCR
    daemon = world.daemon()
    daemon.once()
    assert world.state(work) is State.RUNNING
    world.pass_time(2 * HOUR, daemon)
    row = world.row(work)
    assert (row.state, row.exit_code) == (State.COMPLETED, 0)
    (run,) = world.runs(work)
    assert run.ended_at is not None and run.ended_at - run.started_at == 90 * MINUTE
    assert world.cost(work).ucr == JOB_UCR * 3 // 2
    assert world.held(work) == NOTHING
    assert world.balance().posted.ucr == RICH.ucr - JOB_UCR * 3 // 2
    assert world.balance().held == NOTHING


def test_a_gpu_job_pays_in_both_books(world: World) -> None:
    world.cluster(gpu="4")
    work = world.submit(hours="1", gpu="2", labels={"sim.duration": "30m"})
    daemon = world.daemon()
    daemon.once()
    assert world.held(work).gpu_ms == 2 * HOUR_MS
    world.pass_time(HOUR // 2, daemon)
    assert world.cost(work).gpu_ms == HOUR_MS
    assert world.balance().posted.gpu_ms == RICH.gpu_ms - HOUR_MS


def test_an_exit_that_is_not_0_is_paid_for(world: World) -> None:
    world.cluster()
    work = world.submit(hours="1", labels={"sim.duration": "30m", "sim.exit": "3"})
    daemon = world.daemon()
    daemon.once()
    world.pass_time(HOUR // 2, daemon)
    row = world.row(work)
    assert (row.state, row.exit_code, row.reason) == (State.FAILED, 3, "exit status 3")
    assert world.cost(work).ucr == JOB_UCR // 2
    assert world.held(work) == NOTHING


def test_a_service_runs_until_it_is_stopped_and_can_be_started_again(either_world: World) -> None:
    world = either_world
    world.cluster()
    web = world.submit("web")
    daemon = world.daemon()
    daemon.once()
    world.clock.advance(HOUR)
    daemon.once()
    world.bursar.deployments.stop(world.olga, web)
    assert world.state(web) is State.STOPPING
    daemon.once()
    assert world.state(web) is State.STOPPED
    assert world.cost(web).ucr == JOB_UCR
    world.pass_time(HOUR, daemon)
    assert world.cost(web).ucr == JOB_UCR, "what is stopped costs nothing"
    world.bursar.deployments.start(world.olga, web)
    daemon.once()
    assert world.state(web) is State.RUNNING
    first, second = world.runs(web)
    assert (first.generation, second.generation) == (1, 2)
    assert second.started_at == world.clock.now()


def test_a_service_that_is_deaf_is_killed_after_the_wait_and_pays_until_then(world: World) -> None:
    world.cluster()
    web = world.submit("web", labels={"sim.deaf": "yes"})
    daemon = world.daemon()
    daemon.once()
    world.clock.advance(HOUR)
    world.bursar.deployments.stop(world.olga, web)
    daemon.once()
    assert world.state(web) is State.STOPPING
    line, *_ = world.bursar.foresight.why(world.olga, web).blockers
    assert line.message == "somebody stopped it; asked to end, and killed if it has not by then"
    assert line.earliest_at == world.clock.now() + 30 * SECOND
    world.pass_time(30 * SECOND, daemon)
    assert world.state(web) is State.STOPPED
    (run,) = world.runs(web)
    assert run.ended_at is not None and run.ended_at - run.started_at == HOUR + 30 * SECOND


def test_what_is_cancelled_in_the_queue_gets_everything_back(world: World) -> None:
    world.cluster(cpu="1")
    world.submit("first", hours="1")
    second = world.submit("second", hours="1")
    world.daemon().once()
    assert world.state(second) is State.QUEUED
    world.bursar.deployments.cancel(world.olga, second)
    assert world.state(second) is State.CANCELLED
    assert world.held(second) == world.cost(second) == NOTHING


def test_what_is_cancelled_while_it_runs_pays_for_what_it_used(world: World) -> None:
    world.cluster()
    work = world.submit(hours="2")
    daemon = world.daemon()
    daemon.once()
    world.clock.advance(HOUR // 2)
    world.bursar.deployments.cancel(world.olga, work)
    daemon.once()
    assert world.state(work) is State.CANCELLED
    assert world.cost(work).ucr == JOB_UCR // 2
    assert world.held(work) == NOTHING


def test_what_is_cancelled_while_it_starts_pays_nothing(world: World) -> None:
    world.cluster(boot="10m")
    work = world.submit(hours="2")
    daemon = world.daemon()
    daemon.once()
    assert world.state(work) is State.STARTING
    world.bursar.deployments.cancel(world.olga, work)
    world.pass_time(MINUTE, daemon)
    world.pass_time(MINUTE, daemon)
    assert world.state(work) is State.CANCELLED
    assert world.cost(work) == world.held(work) == NOTHING
    assert world.runs(work) == []


def test_a_job_that_reaches_its_limit_is_stopped_and_has_failed(either_world: World) -> None:
    world = either_world
    world.cluster()
    work = world.submit(hours="1")
    daemon = world.daemon()
    daemon.once()
    world.pass_time(HOUR - 1, daemon)
    assert world.state(work) is State.RUNNING
    world.pass_time(1, daemon)
    row = world.row(work)
    assert (row.state, row.reason) == (State.FAILED, "time limit reached")
    assert world.cost(work).ucr == JOB_UCR
    assert world.held(work) == NOTHING


def test_a_job_makes_room_for_a_more_urgent_one_and_runs_again_later(either_world: World) -> None:
    world = either_world
    world.cluster(cpu="1")
    low = world.submit("low", hours="3", priority=20, labels={"sim.deaf": "yes"})
    daemon = world.daemon()
    daemon.once()
    world.clock.advance(2 * HOUR)
    high = world.submit("high", hours="1", priority=90, labels={"sim.duration": "30m"})
    daemon.once()
    assert world.state(low) is State.STOPPING
    assert "preempted by" in (world.row(low).reason or "")
    world.pass_time(120 * SECOND, daemon)
    assert world.state(low) is State.QUEUED
    assert world.state(high) is State.RUNNING
    assert world.cost(low).ucr == JOB_UCR, "the grace and the last hour are given back"
    assert world.held(low).ucr == 3 * JOB_UCR, "it starts over, so its whole cost is set aside again"
    why = world.bursar.foresight.why(world.olga, low)
    assert [line.message for line in why.blockers if line.code == "earlier"] == [f"preempted by {high}"]
    submitted = world.row(low).submitted_at
    world.pass_time(HOUR // 2, daemon)
    assert world.state(high) is State.COMPLETED
    assert world.state(low) is State.RUNNING
    assert world.row(low).submitted_at == submitted
    world.pass_time(3 * HOUR, daemon)
    world.pass_time(30 * SECOND, daemon)
    assert (world.state(low), world.held(low)) == (State.FAILED, NOTHING)


def test_a_service_that_is_preempted_waits_and_a_vm_stops_with_its_disk(world: World) -> None:
    world.cluster(cpu="2")
    web = world.submit("web", priority=20)
    vm = world.submit("vm", kind="vm", priority=20, image="debian-12")
    daemon = world.daemon()
    daemon.once()
    world.clock.advance(HOUR)
    world.submit("high", hours="1", cpu="2", priority=90)
    daemon.once()
    world.pass_time(120 * SECOND, daemon)
    assert world.state(web) is State.QUEUED
    assert world.state(vm) is State.STOPPED
    assert world.held(web) == world.held(vm) == NOTHING


def test_a_vm_starts_again_with_its_disk(world: World) -> None:
    world.cluster()
    vm = world.submit("vm", kind="vm", image="debian-12")
    daemon = world.daemon()
    daemon.once()
    world.bursar.deployments.stop(world.olga, vm)
    daemon.once()
    assert world.state(vm) is State.STOPPED
    world.bursar.deployments.start(world.olga, vm)
    daemon.once()
    assert world.state(vm) is State.RUNNING
    assert world.control().ever_created() == 1


def test_a_gang_starts_together_and_ends_with_its_worst_member(world: World) -> None:
    world.cluster(cpu="3")
    gang = world.submit("gang", hours="1", replicas=3, labels={"sim.duration": "10m", "sim.exit": "2"})
    daemon = world.daemon()
    daemon.once()
    assert world.state(gang) is State.RUNNING
    assert world.control().ever_created() == 3
    world.pass_time(10 * MINUTE, daemon)
    assert (world.state(gang), world.row(gang).exit_code) == (State.FAILED, 2)
    assert world.cost(gang).ucr == 3 * JOB_UCR // 6


def test_what_follows_a_job_that_failed_fails_and_gets_its_hold_back(world: World) -> None:
    world.cluster()
    first = world.submit("first", hours="1", labels={"sim.duration": "1m", "sim.exit": "1"})
    second = world.submit("second", hours="1", after=[first])
    anyhow = world.submit("anyhow", hours="1", after=[f"{first}:any"])
    daemon = world.daemon()
    daemon.once()
    assert world.state(second) is State.QUEUED
    world.pass_time(MINUTE, daemon)
    assert world.state(second) is State.FAILED
    assert "dependency" in (world.row(second).reason or "")
    assert world.held(second) == NOTHING
    assert world.state(anyhow) is State.RUNNING


def test_a_long_run_is_posted_at_day_ends_and_every_six_hours_and_costs_the_same(world: World) -> None:
    world.cluster()
    web = world.submit("web")
    daemon = world.daemon()
    daemon.once()
    for _ in range(30):
        world.pass_time(HOUR, daemon)
    assert world.cost(web).ucr == 30 * JOB_UCR
    world.bursar.deployments.stop(world.olga, web)
    daemon.once()
    assert world.cost(web).ucr == 30 * JOB_UCR
