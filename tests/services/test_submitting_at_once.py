"""Many submit at once, in threads and in processes: nobody spends what somebody else has spent already."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.clock import SystemClock
from core.domain.money_requests import LimitsRequest
from core.domain.quota import Measure
from core.domain.roles import Caller
from core.domain.validation import validated
from core.ids import RandomIds
from tests.builders import World, job, quick_settings
from tests.fakes import Task, at_once, at_once_in_processes

SUBMITTERS, HOURS_EACH = 16, 2
WHO = "who-submits.txt"


def caller_in(world: World) -> Caller:
    account, session = (world.settings.home / WHO).read_text().split()
    return Caller(account, session, "test", "vision")


def submit_one(world: World, number: int) -> str:
    world.bursar.deployments.submit(caller_in(world), job(f"train-{number}", hours=HOURS_EACH))
    return "admitted"


def submit_the_same(world: World, _number: int) -> str:
    return world.bursar.deployments.submit(caller_in(world), job("train", key="k-1")).id


def submit_one_name(world: World, number: int) -> str:
    world.bursar.deployments.submit(caller_in(world), job("train", key=f"k-{number}"))
    return "admitted"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    made.mkdir(mode=0o700)
    return made


def open_world(home: Path, url: str) -> World:
    """Whose member mia has ten GPU-hours and no more."""
    world = World.of(quick_settings(home, url), SystemClock(), RandomIds())
    admin = world.org(world.operator(), "vision")
    world.cluster(admin)
    mia = world.join(world.person("mia"), world.invite(admin, gpu_hours=10, credits=1000).code)
    (home / WHO).write_text(f"{mia.account_id} {mia.session_id}")
    return world


def all_at_once(home: Path, url: str, world: World, task: Task, in_processes: bool) -> list[str]:
    if in_processes:
        return at_once_in_processes(home, url, task, SUBMITTERS)
    return at_once(world, task, range(SUBMITTERS))


both = pytest.mark.parametrize("in_processes", [False, True], ids=["threads", "processes"])


@both
def test_I_L4_what_sixteen_submit_at_once_never_costs_more_than_there_is(
    home: Path, store_url: str, in_processes: bool
) -> None:
    world = open_world(home, store_url)
    outcomes = all_at_once(home, store_url, world, submit_one, in_processes)
    mia = caller_in(world)
    wallet, made = world.bursar.credits.wallet(mia), world.bursar.deployments.list(mia).items
    ledger = world.bursar.statements.verify(world.log_in("olga", org="vision"))
    chain = world.bursar.operations.verify_audit(world.log_in("olga"))
    world.close()
    assert sorted(outcomes) == ["admitted"] * 5 + ["balance_exhausted"] * 11
    assert (len(made), wallet.gpu_hours.available_gpu_ms) == (5, 0)
    assert ledger.holds, ledger.findings
    assert chain.holds


@both
def test_I_L10_the_same_key_sent_sixteen_times_at_once_makes_one_deployment(
    home: Path, store_url: str, in_processes: bool
) -> None:
    world = open_world(home, store_url)
    outcomes = all_at_once(home, store_url, world, submit_the_same, in_processes)
    made = world.bursar.deployments.list(caller_in(world)).items
    world.close()
    assert set(outcomes) == {made[0].id}
    assert len(made) == 1


def test_B9_one_name_that_sixteen_want_at_once_is_given_to_one(home: Path, store_url: str) -> None:
    world = open_world(home, store_url)
    outcomes = all_at_once(home, store_url, world, submit_one_name, in_processes=False)
    world.close()
    assert sorted(outcomes) == ["admitted"] + ["name_taken"] * 15


def test_I_L4_a_limit_of_the_organization_is_not_passed_by_sixteen_at_once(home: Path, store_url: str) -> None:
    world = open_world(home, store_url)
    admin = world.log_in("olga", org="vision")
    world.bursar.limits.set(admin, validated(LimitsRequest, gpu_hours="6"))
    outcomes = all_at_once(home, store_url, world, submit_one, in_processes=False)
    (line,) = [one for one in world.bursar.limits.show(admin).items if one.measure == Measure.GPU_HOURS.value]
    world.close()
    assert sorted(outcomes) == ["admitted"] * 3 + ["limit_reached"] * 13
    assert (float(line.used), float(line.left)) == (6.0, 0.0)
