"""Faults of the simulated hypervisor: what engines lose, delay, truncate and refuse, played on purpose."""

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
from core.domain.engines import Phase, Site, ensure_each
from core.domain.errors import BursarError, Unavailable
from core.domain.resources import Resources
from core.drivers.scripted import ScriptedDriver
from tests.drivers.contract import INSTALL, a_token, seen
from tests.drivers.rigs import ScriptedRig, a_spec, the_code

TOKEN = a_token()


@pytest.fixture
def rig(tmp_path: Path) -> Any:
    rig = ScriptedRig(tmp_path / "c1")
    yield rig
    rig.close()


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
