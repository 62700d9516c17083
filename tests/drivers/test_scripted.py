"""The simulated hypervisor: the contract, and its own scripts and faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.clock import SECOND
from core.domain.engines import Observed, Phase, Use, ensure_each
from core.domain.errors import BursarError, Conflict, Forbidden, Invalid
from core.domain.resources import Resources
from core.drivers.scripted import Control
from tests.drivers.contract import INSTALL, DriverContract, a_token, seen
from tests.drivers.rigs import ScriptedRig, a_spec, the_code

TOKEN = a_token()


@pytest.fixture
def rig(tmp_path: Path) -> Any:
    rig = ScriptedRig(tmp_path / "c1")
    yield rig
    rig.close()


class TestContract(DriverContract):
    @pytest.fixture
    def rig(self, tmp_path: Path) -> Any:
        rig = ScriptedRig(tmp_path / "c1")
        yield rig
        rig.close()


def test_a_script_decides_when_and_how_it_ends(rig: ScriptedRig) -> None:
    labels = {"sim.duration": "90s", "sim.exit": "3", "sim.boot": "10s", "sim.gpu": "35%"}
    start = rig.clock.now()
    assert rig.driver.ensure(a_spec(TOKEN, labels=labels)).phase is Phase.STARTING
    rig.clock.advance(10 * SECOND)
    running = rig.until_running(TOKEN)
    assert (running.phase, running.started_at) == (Phase.RUNNING, start + 10 * SECOND)
    assert running.use == Use(gpu_busy_milli=350)
    rig.clock.advance(3600 * SECOND)
    over = rig.until_running(TOKEN)
    assert (over.phase, over.exit_code) == (Phase.FINISHED, 3)
    assert over.finished_at == start + 100 * SECOND, "it ended at its own time, not when somebody looked"


def test_the_environment_may_carry_the_script_too(rig: ScriptedRig) -> None:
    rig.driver.ensure(a_spec(TOKEN, env={"SIM_DURATION": "5s", "SIM_OOM": "1"}))
    over = rig.until_over(TOKEN)
    assert over is not None
    assert (over.exit_code, over.oom) == (137, True)


def test_without_a_duration_it_runs_until_it_is_stopped(rig: ScriptedRig) -> None:
    rig.driver.ensure(a_spec(TOKEN))
    rig.clock.advance(400 * 24 * 3600 * SECOND)
    assert rig.until_running(TOKEN).phase is Phase.RUNNING


def test_a_suspended_one_does_not_come_nearer_to_its_end(rig: ScriptedRig) -> None:
    rig.driver.ensure(a_spec(TOKEN, labels={"sim.duration": "60s"}))
    rig.clock.advance(20 * SECOND)
    rig.driver.suspend(TOKEN)
    rig.clock.advance(3600 * SECOND)
    rig.driver.resume(TOKEN)
    rig.clock.advance(39 * SECOND)
    assert rig.until_running(TOKEN).phase is Phase.RUNNING
    rig.clock.advance(1 * SECOND)
    assert rig.until_running(TOKEN).phase is Phase.FINISHED


@pytest.mark.parametrize(
    "labels", [{"sim.duration": "soon"}, {"sim.exit": "-1"}, {"sim.exit": "256"}, {"sim.gpu": "x"}, {"sim.exit": "٣"}]
)
def test_a_script_that_cannot_be_played_is_the_users_mistake(rig: ScriptedRig, labels: dict[str, str]) -> None:
    with pytest.raises(Invalid) as refused:
        rig.driver.ensure(a_spec(TOKEN, labels=labels))
    assert refused.value.code == "cannot_run"
    assert seen(rig.driver, TOKEN) is None


def test_a_deleted_machine_keeps_its_record_with_labels_and_instants(rig: ScriptedRig) -> None:
    size = Resources(cpu_milli=2000, ram_mib=4096, disk_mib=51200)
    spec = a_spec(TOKEN, kind="vm", labels={"team": "vision"}, resources=size, public_ip="203.0.113.7")
    created = rig.driver.ensure(spec)
    assert (created.facts, created.created_at) == ({}, created.updated_at)
    rig.clock.advance(60 * SECOND)
    rig.driver.stop(TOKEN, 30)
    rig.clock.advance(60 * SECOND)
    rig.driver.forget(TOKEN)
    assert seen(rig.driver, TOKEN) is None
    kept = rig.control.record(TOKEN)
    assert kept is not None
    assert (kept.facts, kept.engine_id, kept.labels) == (
        {"record": "deleted"},
        created.engine_id,
        {"team": "vision"},
    )
    assert (kept.resources, kept.created_at) == (size, created.created_at)
    assert kept.updated_at == rig.clock.now()


def test_a_stopped_vm_is_off_and_starts_again_with_its_disk(rig: ScriptedRig) -> None:
    first = rig.driver.ensure(a_spec(a_token(generation=1), kind="vm"))
    rig.driver.stop(a_token(generation=1), 30)
    off = rig.until_running(a_token(generation=1))
    assert (off.phase, off.is_live) == (Phase.OFF, False)
    again = rig.driver.ensure(a_spec(a_token(generation=2), kind="vm"))
    assert (again.phase, again.engine_id, again.created_at) == (Phase.RUNNING, first.engine_id, first.created_at)
    assert again.started_at == rig.clock.now()
    assert seen(rig.driver, a_token(generation=1)) is None
    assert rig.control.ever_created() == 1


def test_a_vm_that_still_runs_is_not_started_a_second_time(rig: ScriptedRig) -> None:
    rig.driver.ensure(a_spec(a_token(generation=1), kind="vm"))
    with pytest.raises(Conflict):
        rig.driver.ensure(a_spec(a_token(generation=2), kind="vm"))
    assert rig.control.ever_created() == 1


def test_without_a_key_it_accepts_unless_one_is_required(rig: ScriptedRig) -> None:
    rig.driver.ensure(a_spec(TOKEN))
    strict = rig.opened(auth="required")
    with pytest.raises(Forbidden) as refused:
        strict.observe(INSTALL)
    assert refused.value.code == "unauthorized"
    assert "BURSAR_SCRIPTED_API_KEY" in (refused.value.hint or "")
    keyed = rig.opened(auth="required", secrets={"BURSAR_SCRIPTED_API_KEY": "k"})
    assert seen(keyed, TOKEN) is not None


def refusals(tmp_path: Path, seed: str) -> list[int]:
    rig = ScriptedRig(tmp_path, no_capacity="0.1", seed=seed)
    answers = ensure_each(rig.driver, [a_spec(a_token(f"dep-{n}")) for n in range(300)])
    rig.close()
    errors = {n: a for n, a in enumerate(answers) if isinstance(a, BursarError)}
    assert {error.code for error in errors.values()} == {"no_capacity"}
    return sorted(errors)


def test_the_share_of_no_resources_can_be_seeded(tmp_path: Path) -> None:
    first = refusals(tmp_path / "a", "7")
    assert 10 < len(first) < 60
    assert refusals(tmp_path / "b", "7") == first
    assert refusals(tmp_path / "c", "8") != first


def test_by_default_nothing_is_refused(rig: ScriptedRig) -> None:
    answers = ensure_each(rig.driver, [a_spec(a_token(f"dep-{n}")) for n in range(500)])
    assert all(isinstance(answer, Observed) for answer in answers)


def test_what_was_refused_for_want_of_resources_succeeds_later(rig: ScriptedRig) -> None:
    rig.control.fault("ensure", "no_capacity")
    assert the_code(lambda: rig.driver.ensure(a_spec(TOKEN))) == "no_capacity"
    assert rig.driver.ensure(a_spec(TOKEN)).phase is Phase.RUNNING


def test_the_hand_knows_what_does_not_exist(rig: ScriptedRig) -> None:
    with pytest.raises(LookupError):
        rig.control.vanish(TOKEN)
    assert rig.control.record(TOKEN) is None
    control = Control(rig.driver.world, rig.clock)
    with pytest.raises(Invalid):
        control.fault("ensure", "plague")


def test_utilization_can_be_set_and_taken_back(rig: ScriptedRig) -> None:
    rig.driver.ensure(a_spec(TOKEN))
    rig.control.set_utilization(TOKEN, 970)
    assert rig.until_running(TOKEN).use == Use(gpu_busy_milli=970)
    rig.control.set_utilization(TOKEN, None)
    assert rig.until_running(TOKEN).use is None


def test_discover_finds_the_nodes_that_the_settings_describe(tmp_path: Path) -> None:
    rig = ScriptedRig(tmp_path, nodes="4", node_gpu="8", node_cpu="96", node_ram="1024", gpu_model="H200")
    nodes = rig.driver.discover()
    assert [node.name for node in nodes] == ["sim-1", "sim-2", "sim-3", "sim-4"]
    assert {len(node.gpus) for node in nodes} == {8}
    assert len({gpu.id for node in nodes for gpu in node.gpus}) == 32
    assert nodes[0].capacity == Resources(96_000, 1024 * 1024, 8_000)
    assert nodes[0].gpus[0].model == "H200"
    rig.close()


def test_a_listing_asked_for_again_shows_every_change_even_within_one_instant(rig: ScriptedRig) -> None:
    for n in range(4):
        rig.driver.ensure(a_spec(a_token(f"dep-{n}"), labels={"sim.duration": "60s"} if n == 0 else {}))
    seen(rig.driver, TOKEN)
    rig.control.set_utilization(a_token("dep-1"), 500)
    rig.driver.stop(a_token("dep-2"), 0)
    rig.driver.suspend(a_token("dep-3"))
    rig.clock.advance(60 * SECOND)
    for driver in (rig.driver, rig.reopened()):
        listed = driver.observe(INSTALL).by_token()
        assert [listed[a_token(f"dep-{n}")].phase for n in range(4)] == [
            *(Phase.FINISHED, Phase.RUNNING, Phase.FINISHED, Phase.SUSPENDED),
        ]
        assert listed[a_token("dep-1")].use == Use(gpu_busy_milli=500)
    rig.driver.resume(a_token("dep-3"))
    rig.driver.forget(a_token("dep-0"))
    again = rig.driver.observe(INSTALL).by_token()
    assert again[a_token("dep-3")].phase is Phase.RUNNING
    assert a_token("dep-0") not in again
    assert not rig.driver.observe("other").by_token(), "another installation's view is its own"
    assert len(rig.driver.observe("other").foreign()) == 3
