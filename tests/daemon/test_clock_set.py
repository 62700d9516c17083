"""The host's clock is set while work runs: nothing is billed and nothing ends for time that did not pass."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from core.clock import DAY, HOUR, MINUTE, SECOND
from core.daemon.background import Daemon
from core.domain.engines import Observation
from core.domain.errors import Conflict
from core.domain.lifecycle import State
from core.drivers.registry import DriverRegistry
from core.ledger.amounts import NOTHING
from core.ledger.meter import due
from core.settings import Approvals
from core.store.queries import ledger_checks
from core.views.operations import Verdict
from tests.daemon.world import World

WEB_UCR = 60_000  # an hour of one CPU and one GiB


@pytest.fixture
def sim(either_world: World) -> World:
    either_world.cluster()
    return either_world


def books_balance(world: World) -> None:
    with world.bursar.database.read() as connection:
        findings = ledger_checks.run(connection, world.time.now())
    assert [one for one in findings if one.verdict is Verdict.FAIL] == []


def all_is_well(world: World) -> None:
    books_balance(world)
    (time,) = (one for one in world.bursar.operations.doctor(world.olga).findings if one.id == "I-A4")
    assert time.verdict is Verdict.OK


def stopped(world: World, work: str, daemon: Daemon) -> int:
    """What it has cost when it is stopped now."""
    world.bursar.deployments.stop(world.olga, work)
    daemon.once()
    assert world.state(work) is State.STOPPED
    all_is_well(world)
    return world.cost(work).ucr


def test_E24_a_day_that_did_not_pass_is_not_billed_and_the_day_back_neither(sim: World) -> None:
    web, daemon = sim.submit("web"), sim.daemon()
    daemon.once()
    begun = sim.runs(web)[0].started_at
    sim.pass_time(HOUR, daemon)
    sim.clock.leap(DAY)
    sim.pass_time(HOUR, daemon)
    assert sim.runs(web)[0].line.gaps_us == 0, "nothing slept"
    all_is_well(sim)
    sim.clock.leap(-DAY)
    sim.pass_time(HOUR, daemon)
    all_is_well(sim)
    assert sim.runs(web)[0].started_at == begun
    assert stopped(sim, web, daemon) == 3 * WEB_UCR
    assert [verb for verb, _ in sim.events("clock.")] == ["clock.set_forward", "clock.set_back"]


def test_E24_what_is_posted_at_each_days_end_and_each_six_hours_is_for_time_that_passed(sim: World) -> None:
    web, daemon = sim.submit("web"), sim.daemon()
    daemon.once()
    for by in (3 * DAY, -3 * DAY, 40 * DAY):
        for _ in range(5):
            sim.pass_time(2 * HOUR, daemon)
        sim.clock.leap(by)
        sim.pass_time(MINUTE, daemon)
        all_is_well(sim)
    assert sim.cost(web).ucr <= WEB_UCR * (30 * HOUR + 3 * MINUTE) // HOUR
    assert stopped(sim, web, daemon) == WEB_UCR * (30 * HOUR + 3 * MINUTE) // HOUR


def test_E24_a_job_has_its_hours_whatever_the_clock_says_meanwhile(sim: World) -> None:
    work, daemon = sim.submit(hours="3"), sim.daemon()
    daemon.once()
    sim.pass_time(HOUR, daemon)
    sim.clock.leap(DAY)
    for _ in range(11):
        sim.pass_time(10 * MINUTE, daemon)
        assert sim.state(work) is State.RUNNING
    assert len(sim.events("deployment.limit_near")) == 1, "it is 10 minutes before its end, by the new time"
    sim.pass_time(10 * MINUTE, daemon)
    assert sim.state(work) is State.FAILED
    assert (sim.cost(work).ucr, sim.held(work)) == (3 * WEB_UCR, NOTHING)
    all_is_well(sim)


def test_E24_a_clock_that_was_set_while_nobody_led_is_seen_by_the_next_leader(sim: World) -> None:
    web = sim.submit("web")
    first = sim.daemon()
    first.once()
    sim.pass_time(HOUR, first)
    first.close()
    sim.clock.advance(2 * HOUR)
    sim.clock.leap(DAY)
    sim.clock.advance(2 * HOUR)
    second = sim.daemon()
    second.once()
    assert stopped(sim, web, second) == 5 * WEB_UCR


@pytest.mark.parametrize("by", [DAY, -DAY])
def test_E23_E24_what_people_did_by_the_new_time_while_nobody_led_stays_where_it_is(sim: World, by: int) -> None:
    old, web, first = sim.submit("old", cpu="8"), sim.submit("web"), sim.daemon()
    sim.bursar.deployments.cancel(sim.olga, old)
    first.once()
    sim.pass_time(3 * DAY, first)
    waits = sim.submit("waits", cpu="8")
    first.close()
    sim.clock.leap(by)
    sim.clock.advance(MINUTE)
    new = sim.submit("new", cpu="8")
    sim.bursar.deployments.stop(sim.olga, web)
    asked_at = sim.clock.now()
    rows = {one: sim.row(one) for one in (new, web)}
    assert sim.daemon().lead()
    assert sim.row(new) == rows[new]
    assert (sim.row(web).state_since, sim.row(web).stop_by) == (asked_at, rows[web].stop_by)
    assert sim.row(waits).submitted_at == asked_at - MINUTE, "as old as it is"
    assert sim.row(web).started_at == asked_at - MINUTE - 3 * DAY


def test_E24_what_has_ended_behind_it_pays_to_its_end_at_most(sim: World) -> None:
    """It ended before or after the clock was set, which nobody can tell: by what was proved or by the engine's word."""
    work, first = sim.submit(hours="9", labels={"sim.duration": "2h"}), sim.daemon()
    first.once()
    sim.pass_time(HOUR, first)
    first.close()
    sim.clock.advance(30 * MINUTE)
    sim.clock.leap(DAY)
    sim.daemon().once()
    assert sim.state(work) is State.COMPLETED
    assert WEB_UCR <= sim.cost(work).ucr <= WEB_UCR * 3 // 2
    all_is_well(sim)


def test_E24_a_start_under_way_is_not_billed_from_before(home: Path) -> None:
    world = World(home)
    world.cluster(boot="60s")
    web, job, daemon = world.submit("web"), world.submit("job", hours="2"), world.daemon()
    daemon.once()
    assert world.state(web) is State.STARTING
    world.clock.advance(MINUTE)
    world.clock.leap(DAY)
    world.pass_time(HOUR, daemon)
    assert (world.state(web), world.state(job)) == (State.RUNNING, State.RUNNING)
    world.pass_time(MINUTE, daemon)
    assert world.state(job) is State.RUNNING, "its two hours are not over"
    assert stopped(world, web, daemon) <= WEB_UCR * (HOUR + 2 * MINUTE) // HOUR
    world.close()


def test_E24_no_approval_expires_by_it(home: Path) -> None:
    world = World(home, approvals=Approvals(policy="always"))
    world.cluster()
    work, daemon = world.submit(by=world.member("ann"), hours="1"), world.daemon()
    daemon.once()
    world.clock.leap(2 * DAY)
    world.pass_time(DAY - 1, daemon)
    assert world.state(work) is State.AWAITING_APPROVAL
    world.clock.leap(-2 * DAY)
    world.pass_time(1, daemon)
    assert world.state(work) is State.EXPIRED
    assert world.held(work) == NOTHING
    world.close()


@pytest.mark.parametrize("back", [HOUR, DAY])
def test_E23_a_clock_that_was_set_back_holds_nothing_up_and_bills_what_passed(sim: World, back: int) -> None:
    web, gone, job = sim.submit("web"), sim.submit("gone"), sim.submit("job", hours="31")
    daemon = sim.daemon()
    daemon.once()
    sim.pass_time(30 * HOUR, daemon)
    assert daemon.lead()
    sim.clock.leap(-back)
    sim.control().vanish(sim.token(gone))
    work_through(daemon)
    assert sim.state(gone) is State.STOPPED, "engines are looked at as before"
    daemon.resign()
    sim.pass_time(HOUR, daemon)
    assert sim.state(job) is State.FAILED, "it has had its hours"
    assert sim.cost(job).ucr == 31 * WEB_UCR
    assert stopped(sim, web, daemon) == 31 * WEB_UCR


def work_through(daemon: Daemon) -> None:
    """As the loop does it, where nothing is done before it is due."""
    daemon.keep_time(only_due=True)
    for tender in daemon.tenders():
        tender.tend(now_or_later=True)


def test_E23_a_run_never_comes_to_overlap_the_one_before(sim: World) -> None:
    web, daemon = sim.submit("web"), sim.daemon()
    daemon.once()
    sim.pass_time(HOUR, daemon)
    sim.bursar.deployments.stop(sim.olga, web)
    sim.pass_time(MINUTE, daemon)
    sim.bursar.deployments.start(sim.olga, web)
    sim.pass_time(0, daemon)
    sim.pass_time(2 * HOUR, daemon)
    sim.clock.leap(-HOUR)
    sim.pass_time(MINUTE, daemon)
    first, second = sim.runs(web)
    assert second.started_at == first.ended_at
    all_is_well(sim)
    assert 0 < stopped(sim, web, daemon) <= WEB_UCR * (3 * HOUR + 3 * MINUTE) // HOUR


def test_E23_what_runs_on_is_charged_within_six_hours_by_either_time(sim: World) -> None:
    sim.submit("web")
    daemon = sim.daemon()
    daemon.once()
    sim.pass_time(27 * HOUR, daemon)
    sim.clock.leap(-5 * HOUR)
    for _ in range(14):
        sim.pass_time(HOUR, daemon)
        books_balance(sim)


class Restless:
    """An engine during whose listing somebody sets the clock."""

    def __init__(self, inner: Any, world: World, leaps: list[int]) -> None:
        self._inner, self._world, self._leaps = inner, world, leaps

    def observe(self, install: str) -> Observation:
        if self._leaps:
            self._world.clock.leap(self._leaps.pop())
        seen: Observation = self._inner.observe(install)
        return seen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@pytest.fixture
def leaps() -> list[int]:
    return []


@pytest.fixture
def restless(sim: World, leaps: list[int]) -> Iterator[Daemon]:
    class Registry(DriverRegistry):
        def open(self, driver: str, cluster: str, settings: Mapping[str, str]) -> Any:
            return Restless(super().open(driver, cluster, settings), sim, leaps)

    daemon = Daemon(sim.units, sim.settings, Registry(home=sim.settings.home, clock=sim.time, environ={}), sim.ids)
    yield daemon
    daemon.close()


def test_E24_a_pass_that_began_before_writes_nothing_and_is_done_again(
    sim: World, restless: Daemon, leaps: list[int]
) -> None:
    web, gone = sim.submit("web"), sim.submit("gone")
    restless.once()
    sim.pass_time(HOUR, restless)
    sim.control().vanish(sim.token(gone))
    sim.clock.advance(MINUTE)
    leaps.append(DAY)
    with pytest.raises(Conflict, match="the clock was set meanwhile"):
        restless.once()
    assert (sim.state(gone), sim.runs(web)[0].seen_at) == (State.RUNNING, sim.clock.now() - DAY - MINUTE)
    restless.once()
    assert sim.state(gone) is State.STOPPED
    assert stopped(sim, web, restless) == WEB_UCR * (HOUR + MINUTE) // HOUR


@pytest.mark.parametrize("seed", range(3))
def test_E23_E24_whatever_is_set_by_how_much_the_cost_is_of_the_time_that_passed(world: World, seed: int) -> None:
    """With leaders that come and go; a clock that is only trimmed is believed."""
    draw = random.Random(seed)
    world.cluster()
    web, daemon, passed = world.submit("web"), world.daemon(), 100 * DAY
    daemon.once()
    world.pass_time(passed, daemon)
    for _ in range(30):
        step = draw.choice([SECOND, MINUTE, HOUR, 7 * HOUR])
        world.clock.advance(step)
        passed += step
        if draw.random() < 0.4:
            world.clock.leap(draw.choice([5 * SECOND, HOUR, DAY, 30 * DAY, -5 * SECOND, -HOUR, -DAY, -9 * DAY]))
        if draw.random() < 0.2:
            daemon.close()
            daemon = world.daemon()
        if draw.random() < 0.6:
            daemon.once()
    daemon.once()
    books_balance(world)
    (run,) = world.runs(web)
    assert due(run.line, world.time.now()).ucr == WEB_UCR * passed // HOUR


YEARS = 2000 * DAY


def ended(world: World, daemon: Daemon) -> str:
    work = world.submit(hours="1", labels={"sim.duration": "1m"})
    daemon.once()
    world.pass_time(2 * MINUTE, daemon)
    assert world.state(work) is State.COMPLETED
    return work


@pytest.mark.parametrize("by", ["its hands", "a reboot"])
def test_E24_a_clock_that_is_years_ahead_lets_nothing_go_that_is_not_old(sim: World, by: str) -> None:
    daemon = sim.daemon()
    work = ended(sim, daemon)
    vm = sim.submit(kind="vm", name="vm")
    sim.bursar.deployments.delete(sim.olga, vm)
    sim.clock.leap(YEARS)
    if by == "a reboot":
        sim.clock._boot = sim.clock.boot()._replace(id="the next")
    daemon.once()
    assert daemon.lead()
    assert daemon.sweep() == 0, "nothing has been kept for long enough"
    sim.clock.leap(-YEARS)
    daemon.once()
    assert sim.bursar.deployments.undelete(sim.olga, vm).state is State.STOPPED
    assert daemon.lead()
    assert daemon.sweep() == 0
    sim.pass_time(91 * DAY, daemon)
    old = daemon.cleanup(apply=False)
    assert work in old.tombstones and old.events and old.instances, "what did pass counts"


def test_E24_a_sweep_before_anybody_has_seen_that_the_clock_was_set_is_refused(sim: World) -> None:
    daemon = sim.daemon()
    ended(sim, daemon)
    assert daemon.lead()
    sim.clock.leap(YEARS)
    with pytest.raises(Conflict):
        daemon.sweep()
    assert len(sim.engine().observe(sim.token("work").install).instances) == 1, "its records are there"
