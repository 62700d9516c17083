"""What stands still keeps its place for a part of its price; what slept with its host pays nothing for that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from core.clock import HOUR, MINUTE, SECOND
from core.daemon.background import Daemon
from core.domain.engines import Observation, Phase, Token
from core.domain.errors import Conflict
from core.domain.lifecycle import State
from core.drivers.registry import DriverRegistry
from core.drivers.scripted import ScriptedDriver
from core.ledger.amounts import NOTHING
from core.store.queries import ledger_checks
from core.views.money import Sum
from core.views.operations import Verdict
from tests.daemon.world import World

WEB_UCR = 60_000  # an hour of one CPU and one GiB


@pytest.fixture
def sim(world: World) -> World:
    world.cluster()
    return world


def suspend(world: World, handle: str) -> None:
    world.bursar.deployments.suspend(world.olga, handle)


def resume(world: World, handle: str) -> None:
    world.bursar.deployments.resume(world.olga, handle)


def phase(world: World, handle: str) -> Phase:
    token = world.token(handle)
    found = world.engine().observe(token.install).find(token)
    assert found is not None
    return found.phase


def books_balance(world: World) -> None:
    with world.bursar.database.read() as connection:
        findings = ledger_checks.run(connection, world.time.now())
    assert [one for one in findings if one.verdict is Verdict.FAIL] == []


def test_a_suspended_hour_costs_three_quarters_and_the_place_is_kept(either_world: World) -> None:
    sim = either_world
    sim.cluster()
    web = sim.submit("web", cpu="8", ram="8")
    hour = sim.bursar.deployments.show(sim.olga, web).rate.credits_ucr
    daemon = sim.daemon()
    daemon.once()
    sim.clock.advance(HOUR)
    offered = {step.action: step.credits_per_hour_ucr for step in sim.bursar.deployments.show(sim.olga, web).next}
    assert offered["suspend"] == hour * 3 // 4, "the price is shown before"
    suspend(sim, web)
    assert sim.bursar.deployments.show(sim.olga, web).pays_now is None, "until the engine has obeyed"
    daemon.once()
    still = sim.bursar.deployments.show(sim.olga, web)
    assert (still.rate, still.pays_now) == (Sum(hour), Sum(hour * 3 // 4))
    assert (sim.state(web), phase(sim, web)) == (State.SUSPENDED, Phase.SUSPENDED)
    other = sim.submit("other")
    sim.pass_time(HOUR, daemon)
    assert sim.state(other) is State.QUEUED
    assert sim.bursar.credits.wallet(sim.olga).credits.burn_per_hour_ucr == hour * 3 // 4
    resume(sim, web)
    daemon.once()
    assert (sim.state(web), phase(sim, web)) == (State.RUNNING, Phase.RUNNING)
    assert sim.bursar.deployments.show(sim.olga, web).pays_now is None
    sim.clock.advance(HOUR)
    sim.bursar.deployments.stop(sim.olga, web)
    daemon.once()
    assert sim.state(web) is State.STOPPED
    assert sim.cost(web).ucr == hour * 11 // 4
    assert len(sim.runs(web)) == 1
    books_balance(sim)


def test_the_price_follows_what_the_engine_shows_not_what_was_asked_for(sim: World) -> None:
    web = sim.submit("web")
    daemon = sim.daemon()
    daemon.once()
    sim.control().fault("suspend", "engine_fault", times=None)
    suspend(sim, web)
    for _ in range(4):
        sim.pass_time(15 * MINUTE, daemon)
    assert (sim.state(web), phase(sim, web)) == (State.SUSPENDED, Phase.RUNNING)
    sim.control().calm()
    sim.pass_time(11 * SECOND, daemon)
    assert phase(sim, web) is Phase.SUSPENDED
    sim.clock.advance(HOUR)
    daemon.once()
    ran = HOUR + 11 * SECOND
    sim.bursar.deployments.stop(sim.olga, web)
    daemon.once()
    assert sim.cost(web).ucr == WEB_UCR * (4 * ran + 3 * HOUR) // (4 * HOUR)


def test_an_answer_that_was_lost_changes_nothing(sim: World) -> None:
    web = sim.submit("web")
    daemon = sim.daemon()
    daemon.once()
    sim.control().fault("suspend", "lost_answer")
    suspend(sim, web)
    daemon.once()
    sim.pass_time(MINUTE, daemon)
    assert phase(sim, web) is Phase.SUSPENDED
    assert [segment.share.compute_milli for segment in sim.runs(web)[0].segments] == [1000, 750]


def test_E3_whoever_leads_next_asks_once_more_for_what_shall_stand_still(
    sim: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one before may have died with half of the processes stopped, which no listing shows."""
    web = sim.submit("web")
    daemon = sim.daemon()
    daemon.once()
    suspend(sim, web)
    daemon.once()
    asked: list[Token] = []
    monkeypatch.setattr(ScriptedDriver, "suspend", lambda _self, token: asked.append(token))
    assert daemon.lead()
    for _ in range(3):
        daemon.round()
    assert asked == [sim.token(web)]


def test_a_gang_stands_still_once_all_of_it_does(sim: World) -> None:
    gang = sim.submit("gang", cpu="4", replicas=2, hours="4")
    daemon = sim.daemon()
    daemon.once()
    suspend(sim, gang)
    daemon.once()
    seen = sim.engine().observe(sim.token(gang).install).instances
    assert {one.phase for one in seen} == {Phase.SUSPENDED}
    assert [segment.share.compute_milli for segment in sim.runs(gang)[0].segments] == [750]


def test_the_limit_of_a_job_runs_on_while_it_stands_still(sim: World) -> None:
    work = sim.submit(hours="1", labels={"sim.duration": "30m"})
    daemon = sim.daemon()
    daemon.once()
    suspend(sim, work)
    daemon.once()
    sim.pass_time(59 * MINUTE, daemon)
    assert sim.state(work) is State.SUSPENDED, "its script stands still with it"
    sim.pass_time(MINUTE, daemon)
    row = sim.row(work)
    assert (row.state, row.reason) == (State.FAILED, "time limit reached")
    assert sim.cost(work).ucr == WEB_UCR * 3 // 4
    assert sim.held(work) == NOTHING


def test_what_stands_still_gives_way_like_what_runs(sim: World) -> None:
    low = sim.submit("low", cpu="8", hours="5", priority=10)
    daemon = sim.daemon()
    daemon.once()
    suspend(sim, low)
    sim.pass_time(HOUR, daemon)
    high = sim.submit("high", cpu="8", hours="1", priority=90)
    daemon.once()
    sim.pass_time(MINUTE, daemon)
    assert (sim.state(low), sim.state(high)) == (State.QUEUED, State.RUNNING)
    books_balance(sim)


@pytest.mark.parametrize("act", ["cancel", "stop", "delete"])
def test_what_stands_still_can_be_ended(sim: World, act: str) -> None:
    web = sim.submit("web")
    daemon = sim.daemon()
    daemon.once()
    suspend(sim, web)
    daemon.once()
    getattr(sim.bursar.deployments, act)(sim.olga, web)
    daemon.once()
    assert sim.state(web) in (State.CANCELLED, State.STOPPED, State.DELETED)


def test_what_does_not_run_is_not_suspended_and_what_runs_is_not_resumed(sim: World) -> None:
    web = sim.submit("web")
    with pytest.raises(Conflict) as refused:
        suspend(sim, web)
    assert refused.value.message == "cannot suspend a deployment that is queued"
    sim.daemon().once()
    with pytest.raises(Conflict) as refused:
        resume(sim, web)
    assert refused.value.message == "cannot resume a deployment that is running"


def test_an_engine_that_cannot_is_named(sim: World, monkeypatch: pytest.MonkeyPatch) -> None:
    web = sim.submit("web")
    sim.daemon().once()
    monkeypatch.setattr(ScriptedDriver, "capabilities", replace(ScriptedDriver.capabilities, suspend=False))
    with pytest.raises(Conflict) as refused:
        suspend(sim, web)
    assert refused.value.code == "cannot_suspend"
    assert refused.value.hint == f"bursar stop {web}"
    assert "suspend" not in {step.action for step in sim.bursar.deployments.show(sim.olga, web).next}
    assert sim.state(web) is State.RUNNING


class Drowsy(DriverRegistry):
    """An engine on a host that sleeps: it says of each instance for how long that was so far."""

    asleep_ms = 0

    def open(self, driver: str, cluster: str, settings: Mapping[str, str]) -> Any:
        return _Drowsy(super().open(driver, cluster, settings), self)


class _Drowsy:
    def __init__(self, inner: Any, host: Drowsy) -> None:
        self._inner, self._host = inner, host

    def observe(self, install: str) -> Observation:
        seen = self._inner.observe(install)
        return replace(seen, instances=tuple(replace(one, asleep_ms=self._host.asleep_ms) for one in seen.instances))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@pytest.fixture
def laptop(sim: World) -> Iterator[tuple[World, Daemon, Drowsy]]:
    host = Drowsy(home=sim.settings.home, clock=sim.time, environ={})
    daemon = Daemon(sim.units, sim.settings, host, sim.ids)
    yield sim, daemon, host
    daemon.close()


def sleep(world: World, host: Drowsy, microseconds: int) -> None:
    world.clock.advance(microseconds)
    host.asleep_ms += microseconds // 1000


def test_E22_the_hours_that_a_laptop_slept_are_not_billed(laptop: tuple[World, Daemon, Drowsy]) -> None:
    sim, daemon, host = laptop
    web = sim.submit("web")
    daemon.once()
    for _ in range(2):
        sim.pass_time(HOUR, daemon)
        sleep(sim, host, 8 * HOUR)
        sim.pass_time(MINUTE, daemon)
        books_balance(sim)
    sim.bursar.deployments.stop(sim.olga, web)
    daemon.once()
    assert sim.cost(web).ucr == WEB_UCR * (2 * HOUR + 2 * MINUTE) // HOUR
    assert sim.runs(web)[0].line.gaps_us == 16 * HOUR
    books_balance(sim)


def test_E22_what_ended_right_after_the_host_woke_pays_for_what_it_was_awake(
    laptop: tuple[World, Daemon, Drowsy],
) -> None:
    sim, daemon, host = laptop
    work = sim.submit(hours="10", labels={"sim.duration": "9h"})
    daemon.once()
    sim.pass_time(30 * MINUTE, daemon)
    sleep(sim, host, 8 * HOUR)
    sim.pass_time(HOUR, daemon)
    assert sim.state(work) is State.COMPLETED
    assert sim.cost(work).ucr == WEB_UCR
    assert sim.held(work) == NOTHING
    books_balance(sim)
