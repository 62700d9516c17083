"""What time alone brings: warnings, wallets that run out step by step, approvals that expire; and what is swept."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path

import pytest

from core.clock import DAY, HOUR, MINUTE, SECOND
from core.daemon.background import Daemon
from core.domain.changes import ExtendRequest
from core.domain.engines import Observation
from core.domain.errors import Conflict, Exhausted
from core.domain.lifecycle import State
from core.domain.validation import validated
from core.drivers.scripted import ScriptedDriver
from core.ledger.amounts import NOTHING, Amounts
from core.services.operations import Operations
from core.services.upkeep import Upkeep
from core.settings import Approvals, Orgs
from core.store.queries import health
from core.views.background import Agreement
from core.views.work import DeploymentCard
from tests.daemon.world import HOUR_MS, RICH, World

WEB_UCR = 60_000  # an hour of one CPU and one GiB


@pytest.fixture
def sim(world: World) -> World:
    world.cluster(gpu="4")
    return world


def test_a_job_is_warned_of_15_and_5_minutes_before_its_limit_once_each(sim: World) -> None:
    work = sim.submit(hours="1")
    daemon = sim.daemon()
    daemon.once()
    told = []
    for _ in range(60):
        sim.pass_time(MINUTE, daemon)
        told.append(len(sim.events("deployment.limit_near")))
    assert told == [0] * 44 + [1] * 10 + [2] * 6
    assert sim.state(work) is State.FAILED


def test_an_extension_brings_new_warnings_at_the_new_end(sim: World) -> None:
    work = sim.submit(hours="1")
    daemon = sim.daemon()
    daemon.once()
    sim.pass_time(50 * MINUTE, daemon)
    assert len(sim.events("deployment.limit_near")) == 1
    sim.bursar.decisions.extend(sim.olga, validated(ExtendRequest, id=work, hours="1"))
    sim.pass_time(20 * MINUTE, daemon)
    assert sim.state(work) is State.RUNNING
    assert len(sim.events("deployment.limit_near")) == 1
    sim.pass_time(36 * MINUTE, daemon)
    assert len(sim.events("deployment.limit_near")) == 2
    assert sim.daemon().once().moved == 0, "another daemon does not say it again"
    assert len(sim.events("deployment.limit_near")) == 2


def test_an_extension_that_is_asked_for_again_with_its_key_is_one_extension(sim: World) -> None:
    def extend(hours: str, key: str | None = "k-1") -> DeploymentCard:
        request = validated(ExtendRequest, id=work, hours=hours, key=key)
        return sim.bursar.decisions.extend(sim.olga, request)

    work = sim.submit(hours="1")
    once, held = extend("2"), sim.held(work)
    assert extend("2").hours_ms == once.hours_ms == 3 * HOUR_MS
    assert sim.held(work) == held
    with pytest.raises(Conflict) as other:
        extend("1")
    assert (other.value.code, sim.held(work)) == ("key_reused", held)
    assert extend("1", "k-2").hours_ms == 4 * HOUR_MS
    assert extend("1", None).hours_ms == 5 * HOUR_MS


def test_a_wallet_goes_down_the_ladder_once_and_its_services_stop_half_an_hour_after_it_is_empty(
    sim: World,
) -> None:
    ann = sim.member("ann", Amounts(10 * WEB_UCR, HOUR_MS))
    web = sim.submit("web", by=ann)
    daemon = sim.daemon()
    daemon.once()
    begun = sim.clock.now()
    steps: list[tuple[int, str]] = []
    for minute in range(10, 650, 10):
        sim.clock.advance(10 * MINUTE)
        assert daemon.lead()
        daemon.round()
        heard = [verb for verb, name in sim.events("wallet.") if name == "ann"]
        steps += [(minute, verb) for verb in heard[len(steps) :]]
    assert steps == [
        (480, "wallet.notice"),
        (570, "wallet.notice"),
        (570, "wallet.need_approval"),
        (600, "wallet.refuse_submissions"),
        (630, "wallet.stop_unheld"),
    ]
    assert (sim.state(web), sim.row(web).reason) == (State.STOPPED, "the balance is used up")
    (run,) = sim.runs(web)
    assert run.ended_at == begun + 630 * MINUTE
    assert sim.balance(ann).posted.ucr == -WEB_UCR // 2, "use is always posted, so it ends a little below zero"


def test_work_whose_cost_is_held_runs_on_when_the_wallet_is_empty(sim: World) -> None:
    ann = sim.member("ann", Amounts(20 * WEB_UCR, 0))
    job = sim.submit("job", by=ann, hours="12")
    web = sim.submit("web", by=ann)
    daemon = sim.daemon()
    daemon.once()
    for _ in range(11):
        sim.pass_time(HOUR, daemon)
    assert sim.state(web) is State.STOPPED
    assert sim.state(job) is State.RUNNING
    with pytest.raises(Exhausted):
        sim.submit("more", by=ann)


def test_who_has_no_gpu_time_left_keeps_what_needs_no_gpu(sim: World) -> None:
    ann = sim.member("ann", Amounts(RICH.ucr, HOUR_MS))
    web = sim.submit("web", by=ann)
    model = sim.submit("model", by=ann, gpu="1")
    daemon = sim.daemon()
    daemon.once()
    for _ in range(3):
        sim.pass_time(HOUR, daemon)
    assert (sim.state(web), sim.state(model)) == (State.RUNNING, State.STOPPED)


def test_a_service_of_an_empty_wallet_waits_for_money_and_starts_when_it_comes(sim: World) -> None:
    ann = sim.member("ann", Amounts(10 * WEB_UCR, 0))
    sim.submit("web", by=ann)
    daemon = sim.daemon()
    daemon.once()
    other = sim.submit("other", by=ann, cpu="8")
    sim.pass_time(11 * HOUR, daemon)
    sim.pass_time(MINUTE, daemon)
    assert sim.state(other) is State.QUEUED, "the room is there, the money is not"
    sim.fund(ann, Amounts(10 * WEB_UCR * 8, 0))
    sim.note("money.grant")
    daemon.once()
    assert sim.state(other) is State.RUNNING


def test_an_approval_that_nobody_gives_expires_and_the_hold_comes_back(home: object) -> None:
    world = World(home, approvals=Approvals(policy="always"))  # type: ignore[arg-type]
    world.cluster()
    ann = world.member("ann")
    work = world.submit(by=ann, hours="1")
    assert world.state(work) is State.AWAITING_APPROVAL
    daemon = world.daemon()
    world.pass_time(DAY - 1, daemon)
    assert world.state(work) is State.AWAITING_APPROVAL
    world.pass_time(1, daemon)
    assert world.state(work) is State.EXPIRED
    assert world.held(work) == NOTHING
    world.close()


def test_reconcile_names_what_matches_what_is_missing_what_leaks_and_who_is_foreign(sim: World) -> None:
    good, gone = sim.submit("good"), sim.submit("gone")
    daemon = sim.daemon()
    daemon.once()
    sim.control().vanish(sim.token(gone))
    leaked = sim.token(good, generation=9)
    sim.engine().ensure(sim.spec(leaked))
    sim.control().foreign("theirs", node="node-1")
    sim.clock.advance(HOUR)
    seen = daemon.reconcile()
    assert [line.deployment for line in seen.of(Agreement.MATCHING)] == [good]
    assert [line.deployment for line in seen.of(Agreement.MISSING)] == [gone]
    assert [(line.deployment, line.credits_ucr, line.stopped) for line in seen.of(Agreement.LEAK)] == [
        (good, WEB_UCR, False)
    ]
    assert len(seen.of(Agreement.FOREIGN)) == 1
    assert sim.events("cluster.leak") == [], "a dry run changes nothing"
    applied = sim.bursar.upkeep.reconcile(sim.olga, apply=True)
    assert [line.stopped for line in applied.of(Agreement.LEAK)] == [True]
    assert sim.events("cluster.leak") == [("cluster.leak", sim.cluster_row().handle)]
    assert not sim.control().record(leaked).is_live  # type: ignore[union-attr]


def test_who_has_looked_has_a_leak_stopped_at_once_while_another_leads(sim: World) -> None:
    work = sim.submit()
    daemon = sim.daemon()
    daemon.once()
    leaked = sim.token(work, generation=9)
    sim.engine().ensure(sim.spec(leaked))
    assert daemon.lead()
    applied = sim.bursar.upkeep.reconcile(sim.olga, apply=True)
    assert [line.stopped for line in applied.of(Agreement.LEAK)] == [True], "it is not left alone for a grace"
    assert not sim.control().record(leaked).is_live  # type: ignore[union-attr]
    told = [line for line in sim.bursar.operations.audit_everywhere(sim.olga).items if line.verb == "cluster.leak"]
    assert [(line.actor, str(leaked) in (line.after or "")) for line in told] == [("olga", True)]
    assert daemon.leads and sim.state(work) is State.RUNNING
    with pytest.raises(Conflict, match="clears away by itself every 5 m"):
        sim.bursar.upkeep.cleanup(sim.olga, apply=True)


def test_what_ends_while_reconcile_looks_is_no_leak(sim: World, monkeypatch: pytest.MonkeyPatch) -> None:
    work = sim.submit(hours="1", labels={"sim.duration": "1m"})
    daemon = sim.daemon()
    daemon.once()
    observe = ScriptedDriver.observe

    def ends_behind_the_listing(driver: ScriptedDriver, install: str) -> Observation:
        seen = observe(driver, install)
        monkeypatch.undo()
        sim.pass_time(MINUTE, daemon)
        return seen

    monkeypatch.setattr(ScriptedDriver, "observe", ends_behind_the_listing)
    report = sim.bursar.upkeep.reconcile(sim.olga, apply=True)
    assert sim.state(work) is State.COMPLETED
    assert (report.lines, sim.events("cluster.leak")) == ((), [])


def test_reconcile_names_what_has_ended_and_was_not_seen_to(sim: World) -> None:
    work = sim.submit(hours="1", labels={"sim.duration": "1m"})
    daemon = sim.daemon()
    daemon.once()
    sim.clock.advance(MINUTE)
    seen = daemon.reconcile()
    assert [(line.agreement, line.deployment) for line in seen.lines] == [(Agreement.ENDED, work)]
    assert sim.state(work) is State.RUNNING, "a dry run changes nothing"


def test_reconcile_says_nothing_of_an_engine_that_does_not_answer(sim: World) -> None:
    sim.submit("web")
    daemon = sim.daemon()
    daemon.once()
    sim.control().fault("observe", "engine_down")
    seen = daemon.reconcile()
    assert (seen.lines, seen.unanswered) == ((), ("sim",))


def test_what_has_ended_long_ago_becomes_a_tombstone_and_its_record_at_the_engine_goes(either_world: World) -> None:
    sim = either_world
    sim.cluster()
    work = sim.submit(hours="1", env={"TOKEN": "secret"}, labels={"sim.duration": "1m", "team": "a"})
    vm = sim.submit("vm", kind="vm", image="debian-12")
    daemon = sim.daemon()
    daemon.once()
    sim.pass_time(MINUTE, daemon)
    sim.bursar.deployments.stop(sim.olga, vm)
    daemon.once()
    sim.clock.advance(15 * DAY)
    dry = daemon.cleanup(apply=False)
    assert (dry.tombstones, dry.instances) == ((), (str(sim.token(work)),))
    sim.clock.advance(80 * DAY)
    cost = sim.cost(work)
    dry = daemon.cleanup(apply=False)
    assert dry.tombstones == (work,)
    assert sim.state(work) is State.COMPLETED
    done = daemon.cleanup(apply=True)
    assert (done.tombstones, done.instances) == (dry.tombstones, dry.instances)
    row = sim.row(work)
    assert (row.state, row.name, row.labels["team"], row.env) == (State.DELETED, "work", "a", {})
    assert sim.cost(work) == cost
    assert [one.token for one in sim.engine().observe(sim.token(vm).install).instances] == [sim.token(vm)], "its disk"
    assert daemon.cleanup(apply=True).tombstones == ()


def test_health_tells_who_leads_what_is_late_and_which_engine_is_in_trouble(sim: World) -> None:
    daemon = sim.daemon()
    assert daemon.lead()
    work = sim.submit(hours="1")
    daemon.round()
    with sim.bursar.database.read() as connection:
        seen = health.of_daemon(connection, sim.clock.now(), sim.settings.daemon.lease_ms, {})
    assert (seen.leads, seen.last_sign_at, seen.overdue_ms, seen.troubles) == (True, sim.clock.now(), 0, ())
    assert (seen.leader or "").startswith(f"{platform.node()}-"), "on which host it is"
    sim.clock.advance(HOUR + 10 * SECOND)
    with sim.bursar.database.read() as connection:
        seen = health.of_daemon(connection, sim.clock.now(), sim.settings.daemon.lease_ms, {})
    assert (seen.leads, seen.leader, seen.overdue_ms) == (False, None, 10_000)
    sim.control().fault("observe", "unauthorized", times=None)
    daemon.once()
    with sim.bursar.database.read() as connection:
        seen = health.of_daemon(connection, sim.clock.now(), sim.settings.daemon.lease_ms, {})
    assert [(trouble.cluster, trouble.code) for trouble in seen.troubles] == [("sim", "unauthorized")]
    assert sim.state(work) is State.STOPPING


def test_a_treasury_that_members_fall_back_on_goes_down_the_ladder_like_a_wallet(home: Path, store_url: str) -> None:
    world = World(home, store_url, orgs=Orgs(treasury_ucr=15 * WEB_UCR, allowance_ucr=0, fall_back_on_treasury=True))
    world.cluster()
    ann = world.member("ann", Amounts(0, 0))
    web = world.submit("web", by=ann)
    assert world.row(web).payer == "treasury"
    daemon = world.daemon()
    daemon.once()
    told = []
    for _ in range(16):
        world.pass_time(HOUR, daemon)
        told.append([verb for verb, name in world.events("treasury.") if name == "lab"])
    assert told[10] == []
    assert told[11] == ["treasury.notice"], "at 80 of a hundred"
    assert told[14][-1] == "treasury.refuse_submissions"
    with pytest.raises(Exhausted):
        world.submit("more", by=ann)
    assert (world.state(web), world.row(web).reason) == (State.STOPPED, "the balance is used up")
    assert world.cost(web).ucr == 16 * WEB_UCR, "it is looked at once an hour here"
    world.close()


def test_settings_that_were_changed_behind_the_leader_are_named(either_world: World) -> None:
    world = either_world
    changed = replace(world.settings, scheduling=replace(world.settings.scheduling, policy="fair", grace_ms=1_000))
    here, elsewhere = (Operations(world.units, settings) for settings in (world.settings, changed))

    def warned(operations: Operations) -> list[str]:
        return [one.message for one in operations.doctor(world.olga).findings if one.id == "ENV-6"]

    assert warned(elsewhere) == [], "nobody leads"
    daemon = world.daemon()
    assert daemon.lead()
    assert warned(here) == []
    (message,) = warned(elsewhere)
    assert message.endswith(": scheduling.grace, scheduling.policy")
    upkeep = Upkeep(world.units, changed, world.bursar.daemon)
    assert upkeep.health(world.olga).other_settings == ("scheduling.grace", "scheduling.policy")
    assert upkeep.health(world.member("mia")).other_settings == ()
    daemon.resign()
    anew = Daemon(world.units, changed, world.registry, world.ids)
    assert anew.lead()
    assert warned(elsewhere) == []
    assert len(warned(here)) == 1
    anew.close()
