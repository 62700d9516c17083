"""The simulated hypervisor: the contract, and its own scripts and faults."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.clock import SECOND, ManualClock
from core.domain.engines import Observed, Phase, Site, ensure_each
from core.domain.errors import BursarError, Conflict, Forbidden, Invalid, Unavailable
from core.domain.resources import Resources
from core.drivers.scripted import Control, ScriptedDriver
from tests.drivers.contract import INSTALL, DriverContract, a_token, seen
from tests.drivers.rigs import ScriptedRig, a_spec

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


def the_code(call: Any) -> str:
    with pytest.raises(BursarError) as raised:
        call()
    return raised.value.code


def test_a_script_decides_when_and_how_it_ends(rig: ScriptedRig) -> None:
    labels = {"sim.duration": "90s", "sim.exit": "3", "sim.boot": "10s", "sim.gpu": "35%"}
    start = rig.clock.now()
    assert rig.driver.ensure(a_spec(TOKEN, labels=labels)).phase is Phase.STARTING
    rig.clock.advance(10 * SECOND)
    running = rig.until_running(TOKEN)
    assert (running.phase, running.started_at) == (Phase.RUNNING, start + 10 * SECOND)
    assert running.gpu_utilization_milli == 350
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
    assert (created.facts["status"], created.created_at) == ("created", created.updated_at)
    rig.clock.advance(60 * SECOND)
    rig.driver.stop(TOKEN, 30)
    rig.clock.advance(60 * SECOND)
    rig.driver.forget(TOKEN)
    assert seen(rig.driver, TOKEN) is None
    kept = rig.control.record(TOKEN)
    assert kept is not None
    assert (kept.facts["status"], kept.engine_id, kept.labels) == ("deleted", created.engine_id, {"team": "vision"})
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


def test_E32_a_timeout_before_the_effect_leaves_nothing(rig: ScriptedRig) -> None:
    rig.control.fault("ensure", "hang")
    before = rig.clock.now()
    assert the_code(lambda: rig.driver.ensure(a_spec(TOKEN))) == "timeout"
    assert rig.clock.now() == before + 20 * SECOND, "it took its whole deadline"
    assert seen(rig.driver, TOKEN) is None
    rig.driver.ensure(a_spec(TOKEN))
    assert rig.control.ever_created() == 1


def test_E33_a_timeout_after_the_effect_is_adopted(rig: ScriptedRig) -> None:
    rig.control.fault("ensure", "lost_answer")
    assert the_code(lambda: rig.driver.ensure(a_spec(TOKEN))) == "timeout"
    assert rig.driver.ensure(a_spec(TOKEN)).phase is Phase.RUNNING
    assert rig.control.ever_created() == 1


@pytest.mark.parametrize("verb", ["stop", "forget", "suspend", "resume"])
def test_E33_other_verbs_may_have_worked_though_no_answer_came(rig: ScriptedRig, verb: str) -> None:
    rig.driver.ensure(a_spec(TOKEN))
    if verb == "forget":
        rig.driver.stop(TOKEN, 0)
    if verb == "resume":
        rig.driver.suspend(TOKEN)
    calls = {"stop": lambda: rig.driver.stop(TOKEN, 0)}
    call = calls.get(verb, lambda: getattr(rig.driver, verb)(TOKEN))
    rig.control.fault(verb, "lost_answer")
    assert the_code(call) == "timeout"
    found = seen(rig.driver, TOKEN)
    expected = {"stop": Phase.FINISHED, "forget": None, "suspend": Phase.SUSPENDED, "resume": Phase.RUNNING}
    assert (found.phase if found else None) == expected[verb]


def test_E34_what_was_created_may_be_absent_later(rig: ScriptedRig) -> None:
    rig.driver.ensure(a_spec(TOKEN))
    rig.control.vanish(TOKEN)
    assert seen(rig.driver, TOKEN) is None
    assert rig.driver.ensure(a_spec(TOKEN)).phase is Phase.RUNNING, "policy may create it again"


def test_E35_what_was_created_is_visible_late_but_not_created_twice(tmp_path: Path) -> None:
    rig = ScriptedRig(tmp_path, visible_after="3s")
    rig.driver.ensure(a_spec(TOKEN))
    assert seen(rig.driver, TOKEN) is None
    rig.driver.ensure(a_spec(TOKEN))
    rig.clock.advance(3 * SECOND)
    assert seen(rig.driver, TOKEN) is not None
    assert rig.control.ever_created() == 1
    assert rig.driver.capabilities.eventual_list_s >= 3
    rig.close()


def test_E36_a_truncated_listing_says_that_it_proves_nothing(rig: ScriptedRig) -> None:
    ensure_each(rig.driver, [a_spec(a_token(f"dep-{n}")) for n in range(10)])
    rig.control.fault("observe", "truncated")
    cut = rig.driver.observe(INSTALL)
    assert (cut.complete, len(cut.instances)) == (False, 5)
    whole = rig.driver.observe(INSTALL)
    assert (whole.complete, len(whole.instances)) == (True, 10)


@pytest.mark.parametrize(
    "kind", ["engine_fault", "engine_down", "listing_incomplete", "rate_limited", "hang", "lost_answer"]
)
def test_E36_a_listing_that_failed_is_an_error_and_never_empty(rig: ScriptedRig, kind: str) -> None:
    rig.driver.ensure(a_spec(TOKEN))
    rig.control.fault("observe", kind)
    with pytest.raises(BursarError):
        rig.driver.observe(INSTALL)
    assert seen(rig.driver, TOKEN) is not None


def test_E37_what_was_deleted_behind_our_back_is_no_longer_listed(rig: ScriptedRig) -> None:
    rig.driver.ensure(a_spec(TOKEN))
    rig.control.vanish(TOKEN)
    observation = rig.driver.observe(INSTALL)
    assert observation.complete
    assert observation.find(TOKEN) is None


def test_E38_what_was_powered_off_outside_says_when(rig: ScriptedRig) -> None:
    rig.driver.ensure(a_spec(TOKEN, kind="vm"))
    rig.clock.advance(60 * SECOND)
    rig.control.power_off(TOKEN)
    at = rig.clock.now()
    rig.clock.advance(600 * SECOND)
    off = rig.until_running(TOKEN)
    assert (off.phase, off.finished_at) == (Phase.OFF, at)


def test_E39_a_foreign_instance_takes_room_and_cannot_be_touched_by_token(rig: ScriptedRig) -> None:
    size = Resources(cpu_milli=4000, ram_mib=1024, gpu_milli=1000)
    engine_id = rig.control.foreign("train", node="n1", resources=size, devices=("gpu-a",))
    rig.driver.ensure(a_spec(TOKEN, name="train"))
    (foreign,) = rig.driver.observe(INSTALL).foreign()
    assert (foreign.engine_id, foreign.resources, foreign.gpu_devices) == (engine_id, size, ("gpu-a",))
    rig.driver.stop(TOKEN, 0)
    rig.driver.forget(TOKEN)
    assert [one.engine_id for one in rig.driver.observe(INSTALL).instances] == [engine_id]


@pytest.mark.parametrize("token", ["", "not a token", "other.dep-one.1", "b7k2.dep-one.x"])
def test_E41_a_name_or_label_like_ours_does_not_make_it_ours(rig: ScriptedRig, token: str) -> None:
    rig.control.foreign("dep-one", token=token, labels={"token": str(TOKEN)})
    assert rig.driver.observe(INSTALL).by_token() == {}


def test_E43_all_that_ran_on_a_lost_node_is_gone(rig: ScriptedRig) -> None:
    for n in range(4):
        rig.driver.ensure(a_spec(a_token(f"dep-{n}"), node=f"n{n % 2}"))
    assert rig.control.lose_node("n0") == 2
    assert {one.node for one in rig.driver.observe(INSTALL).instances} == {"n1"}


def test_E46_a_rotated_key_is_told_apart_from_an_engine_that_is_down(rig: ScriptedRig) -> None:
    rig.control.fault("any", "unauthorized", times=None)
    assert the_code(lambda: rig.driver.observe(INSTALL)) == "unauthorized"
    assert the_code(lambda: rig.driver.ensure(a_spec(TOKEN))) == "unauthorized"
    rig.control.calm()
    assert rig.driver.ensure(a_spec(TOKEN)).is_live


def test_E48_a_hanging_engine_gives_up_at_its_deadline(tmp_path: Path) -> None:
    clock = ManualClock()
    driver = ScriptedDriver(Site("c1", tmp_path, clock, {"faults": "observe:hang"}, deadline_s=5))
    before = clock.now()
    with pytest.raises(Unavailable):
        driver.observe(INSTALL)
    assert clock.now() - before == 5 * SECOND
    driver.close()


@pytest.mark.parametrize("code", ["engine_quota", "image_missing", "cannot_run"])
def test_E49_E50_refusals_of_the_engine_keep_their_code_and_leave_nothing(rig: ScriptedRig, code: str) -> None:
    rig.control.fault("ensure", code)
    assert the_code(lambda: rig.driver.ensure(a_spec(TOKEN))) == code
    assert rig.control.ever_created() == 0


def test_E52_while_the_stop_fails_it_is_still_listed_as_running(rig: ScriptedRig) -> None:
    rig.driver.ensure(a_spec(TOKEN))
    rig.control.fault("stop", "engine_fault", times=None)
    for _ in range(24):
        assert the_code(lambda: rig.driver.stop(TOKEN, 0)) == "engine_fault"
        rig.clock.advance(3600 * SECOND)
        assert rig.until_running(TOKEN).is_live
    rig.control.calm()
    rig.driver.stop(TOKEN, 0)
    assert not rig.until_running(TOKEN).is_live


def test_E54_a_victim_that_ends_by_itself_within_the_grace_has_its_own_exit_code(tmp_path: Path) -> None:
    rig = ScriptedRig(tmp_path, stop_takes="60s")
    rig.driver.ensure(a_spec(TOKEN, labels={"sim.duration": "90s", "sim.exit": "4"}))
    rig.clock.advance(80 * SECOND)
    rig.driver.stop(TOKEN, 120)
    over = rig.until_over(TOKEN)
    assert over is not None
    assert (over.exit_code, over.signal) == (4, None)
    rig.close()


def test_faults_in_the_settings_strike_their_share_of_calls(tmp_path: Path) -> None:
    rig = ScriptedRig(tmp_path, faults="observe:engine_down@0.5")
    failed = 0
    for _ in range(100):
        try:
            rig.driver.observe(INSTALL)
        except Unavailable:
            failed += 1
    assert 25 < failed < 75
    rig.close()


def test_a_fault_strikes_whichever_process_calls_next_and_only_as_often_as_asked(rig: ScriptedRig) -> None:
    rig.control.fault("observe", "engine_down", times=2)
    other = rig.reopened()
    assert the_code(lambda: other.observe(INSTALL)) == "engine_down"
    assert the_code(lambda: rig.driver.observe(INSTALL)) == "engine_down"
    assert other.observe(INSTALL).complete


def test_a_damaged_world_is_an_error_and_never_empty(tmp_path: Path) -> None:
    (tmp_path / "c1").mkdir()
    (tmp_path / "c1" / "world.db").write_bytes(b"not a world " * 1000)
    rig = ScriptedRig(tmp_path / "c1")
    with pytest.raises(Unavailable) as refused:
        rig.driver.observe(INSTALL)
    assert refused.value.code == "engine_fault"
    rig.close()


KILLED = """
import os, sys
from pathlib import Path
from core.clock import ManualClock
from core.domain.engines import Site, Spec, Token
from core.drivers.scripted import ScriptedDriver
driver = ScriptedDriver(Site("c1", Path(sys.argv[1]), ManualClock()))
for n in range(100000):
    driver.ensure(Spec(Token("b7k2", f"dep-{n}", 1), "work", "job"))
    os.write(1, b".")
"""


def test_E3_a_killed_process_leaves_a_whole_world(tmp_path: Path) -> None:
    home = tmp_path / "c1"
    for round_ in range(3):
        child = subprocess.Popen([sys.executable, "-c", KILLED, str(home)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        assert select.select([child.stdout], [], [], 30)[0]
        acknowledged = 0
        while acknowledged < 20 * (round_ + 1):
            acknowledged += len(os.read(child.stdout.fileno(), 1))
        os.kill(child.pid, signal.SIGKILL)
        acknowledged += len(child.stdout.read())
        child.stdout.close()
        child.wait()
        rig = ScriptedRig(home)
        listed = rig.driver.observe(INSTALL).by_token()
        assert len(listed) >= acknowledged
        assert sorted(int(token.deployment[4:]) for token in listed) == list(range(len(listed)))
        rig.close()


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
    assert rig.until_running(TOKEN).gpu_utilization_milli == 970
    rig.control.set_utilization(TOKEN, None)
    assert rig.until_running(TOKEN).gpu_utilization_milli is None


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
        assert listed[a_token("dep-1")].gpu_utilization_milli == 500
    rig.driver.resume(a_token("dep-3"))
    rig.driver.forget(a_token("dep-0"))
    again = rig.driver.observe(INSTALL).by_token()
    assert again[a_token("dep-3")].phase is Phase.RUNNING
    assert a_token("dep-0") not in again
    assert not rig.driver.observe("other").by_token(), "another installation's view is its own"
    assert len(rig.driver.observe("other").foreign()) == 3
