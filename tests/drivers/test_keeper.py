"""Every death around a run: of daemon, keeper, shim and host. What the run survives, and what is known then."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from core.domain.engines import Observed, Phase, Token, ensure_each
from core.domain.errors import Unavailable
from core.drivers.keeper.records import Place, descendants, living, process_facts, session_of
from core.drivers.process.limits import find_means
from tests.drivers.contract import INSTALL, a_token, seen
from tests.drivers.rigs import PATIENCE_S, ProcessRig, a_spec, heard, until_ended

TOKEN = a_token()
MEANS = find_means("auto")


@pytest.fixture
def rig(tmp_path: Path) -> Any:
    rig = ProcessRig(tmp_path / "c1")
    yield rig
    rig.close()


def keepers(rig: ProcessRig) -> list[int]:
    """The processes that serve this rig's directory, and are nobody's shim."""
    shims = {int(one.facts["shim"]) for one in rig.driver.observe(INSTALL).instances if "shim" in one.facts}
    found = []
    for pid in living().keys() - shims:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(rig.home).encode() in words:
            found.append(pid)
    return found


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    until_ended(pid)


def rewrite(rig: ProcessRig, token: Token, **parts: object) -> None:
    """Let the record of the start say something else, as after a restart of the host."""
    place = Path(Place(str(rig.home), str(token)).record)
    lines = [json.loads(line) for line in place.read_text().splitlines()]
    lines[1] |= parts
    place.write_text("".join(json.dumps(line) + "\n" for line in lines))


DAEMON = """
import os, sys
from pathlib import Path
from core.clock import SystemClock
from core.domain.engines import Site, Spec, Token
from core.drivers.process import ProcessDriver
driver = ProcessDriver(Site("c1", Path(sys.argv[1]), SystemClock(), {"limits": "rlimits", "keeper_idle": "0.05s"}))
script = f"cat {sys.argv[2]}; exit 9"
driver.ensure(Spec(Token("b7k2", "dep-one", 1), "work", "job", command=("/bin/sh", "-c", script), by_operator=True))
os.write(1, b"ensured")
os.read(0, 1)
"""


def test_E3_a_run_survives_the_kill_of_the_daemon_with_its_exit_code(rig: ProcessRig) -> None:
    gate = rig.fifo()
    daemon = subprocess.Popen(
        [sys.executable, "-c", DAEMON, str(rig.home), str(gate)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert daemon.stdout is not None and daemon.stdin is not None
    assert select.select([daemon.stdout], [], [], PATIENCE_S)[0]
    daemon.kill()
    daemon.wait()
    daemon.stdout.close()
    daemon.stdin.close()
    found = rig.until_running(TOKEN)
    assert found.phase is Phase.RUNNING
    gate.write_text("go on\n")
    over = rig.until_over(TOKEN)
    assert over is not None
    assert (over.phase, over.exit_code, over.engine_id) == (Phase.FINISHED, 9, found.engine_id)


def test_the_kill_of_the_keeper_costs_no_run_its_exit_code(rig: ProcessRig) -> None:
    gate = rig.fifo()
    rig.driver.ensure(a_spec(TOKEN, command=("/bin/sh", "-c", f"cat {gate}; exit 4")))
    for pid in keepers(rig):
        kill(pid)
    assert rig.until_running(TOKEN).is_live
    other = a_token("dep-two")
    assert rig.driver.ensure(rig.lasting(other)).is_live, "another keeper takes its place by itself"
    gate.write_text("go on\n")
    over = rig.until_over(TOKEN)
    assert over is not None and over.exit_code == 4


def test_E42_a_stop_carries_its_grace_without_keeper_and_daemon(rig: ProcessRig) -> None:
    rig.driver.ensure(rig.deaf(TOKEN))
    rig.until_running(TOKEN)
    rig.driver.stop(TOKEN, 0.3)
    rig.driver.close()
    for pid in keepers(rig):
        kill(pid)
    over = rig.until_over(TOKEN)
    assert over is not None and over.signal == 9


def test_the_keeper_ends_when_nobody_needs_it_and_the_run_goes_on(rig: ProcessRig) -> None:
    rig.driver.ensure(rig.lasting(TOKEN))
    rig.until_running(TOKEN)
    (pid,) = keepers(rig)
    rig.driver.close()
    until_ended(pid)
    assert rig.until_running(TOKEN).is_live
    assert rig.driver.ensure(rig.lasting(a_token("dep-two"))).is_live


def test_two_daemons_share_one_keeper(rig: ProcessRig) -> None:
    rig.driver.ensure(rig.lasting(TOKEN))
    rig.reopened().ensure(rig.lasting(a_token("dep-two")))
    assert len(keepers(rig)) == 1


def test_what_outlives_its_shim_still_counts_and_can_be_stopped(rig: ProcessRig) -> None:
    rig.driver.ensure(rig.lasting(TOKEN))
    shim = int(rig.until_running(TOKEN).facts["shim"])
    (command,) = [pid for pid, facts in living().items() if facts.parent == shim]
    kill(shim)
    orphaned = seen(rig.reopened(), TOKEN)
    assert orphaned is not None and orphaned.phase is Phase.RUNNING
    rig.driver.stop(TOKEN, 60)
    until_ended(command)
    gone = seen(rig.driver, TOKEN)
    assert gone is not None
    assert (gone.phase, gone.exit_code, gone.finished_at) == (Phase.GONE, None, None)
    assert "not known" in gone.message
    rig.driver.forget(TOKEN)
    assert seen(rig.driver, TOKEN) is None


@pytest.mark.skipif(MEANS.version == 0, reason="no cgroup can be written here")
def test_what_outlives_its_shim_is_found_by_its_cgroup_and_leaves_none_behind(tmp_path: Path) -> None:
    """Also what made a session of its own, which nothing else would find; it has the room, so it counts as running."""
    caged = ProcessRig(tmp_path / "c1", limits="auto")
    with contextlib.closing(caged) as rig:
        rig.driver.ensure(rig.shell(TOKEN, "setsid sh -c 'READY; exec sleep 1000' & exec sleep 1000"))
        shim = int(rig.until_running(TOKEN).facts["shim"])
        stray = next(pid for pid in descendants(shim) if os.getsid(pid) == pid)
        kill(shim)
        for pid in session_of(shim):
            kill(pid)
        orphaned = seen(rig.reopened(), TOKEN)
        assert orphaned is not None and orphaned.phase is Phase.RUNNING
        rig.driver.stop(TOKEN, 0)
        until_ended(stray)
        gone = seen(rig.reopened(), TOKEN)
        assert gone is not None and gone.phase is Phase.GONE
        assert not any((root / str(TOKEN)).exists() for root in MEANS.roots.values())


def test_a_deaf_orphan_is_forced_by_who_asks_again(rig: ProcessRig) -> None:
    rig.driver.ensure(rig.deaf(TOKEN))
    shim = int(rig.until_running(TOKEN).facts["shim"])
    kill(shim)
    rig.driver.stop(TOKEN, 3600)
    assert rig.until_running(TOKEN).is_live
    while below := session_of(shim):
        rig.driver.stop(TOKEN, 0)
        for pid in below:
            until_ended(pid)
    gone = seen(rig.driver, TOKEN)
    assert gone is not None and gone.phase is Phase.GONE


def test_E2_a_shim_killed_before_it_started_anything_leaves_a_run_that_can_be_ended(rig: ProcessRig) -> None:
    """Its start is written down first, so nothing is ever started twice; a start that never came is GONE."""
    rig.driver.ensure(rig.ending(TOKEN, 0))
    rig.until_over(TOKEN)
    place = Path(Place(str(rig.home), str(TOKEN)).record)
    place.write_text("".join(line + "\n" for line in place.read_text().splitlines()[:2]))
    again = rig.reopened()
    found = again.ensure(rig.ending(TOKEN, 0))
    assert (found.phase, found.exit_code) == (Phase.GONE, None)


def test_a_line_that_was_cut_short_has_not_happened(rig: ProcessRig) -> None:
    rig.driver.ensure(rig.ending(TOKEN, 3))
    rig.until_over(TOKEN)
    place = Path(Place(str(rig.home), str(TOKEN)).record)
    whole = place.read_text().splitlines()
    place.write_text(f"{whole[0]}\n{whole[1]}\n" + '{"code": 3, "err')
    cut = seen(rig.reopened(), TOKEN)
    assert cut is not None and cut.phase is Phase.GONE
    place.write_text(f"{whole[0]}\n{whole[1]}\n" + '{"code": 3, "err\n' + f"{whole[2]}\n")
    mended = seen(rig.reopened(), TOKEN)
    assert mended is not None and mended.exit_code == 3


def test_a_number_used_again_by_another_process_is_not_the_run(rig: ProcessRig) -> None:
    rig.driver.ensure(rig.ending(TOKEN, 0))
    rig.until_over(TOKEN)
    place = Path(Place(str(rig.home), str(TOKEN)).record)
    place.write_text("".join(line + "\n" for line in place.read_text().splitlines()[:2]))
    bystander = subprocess.Popen(["/bin/sleep", "1000"], start_new_session=True)
    facts = process_facts(bystander.pid)
    assert facts is not None
    rewrite(rig, TOKEN, shim=bystander.pid, ticks=facts.ticks - 1)
    other = rig.reopened()
    found = seen(other, TOKEN)
    assert found is not None and found.phase is Phase.GONE
    other.stop(TOKEN, 0)
    assert bystander.poll() is None, "a stranger is not touched"
    bystander.kill()
    bystander.wait()


def test_a_zombie_counts_as_gone(rig: ProcessRig) -> None:
    rig.driver.ensure(rig.ending(TOKEN, 0))
    rig.until_over(TOKEN)
    place = Path(Place(str(rig.home), str(TOKEN)).record)
    place.write_text("".join(line + "\n" for line in place.read_text().splitlines()[:2]))
    dead = subprocess.Popen(["/bin/true"], start_new_session=True)
    os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
    facts = process_facts(dead.pid)
    assert facts is not None and facts.state == "Z"
    rewrite(rig, TOKEN, shim=dead.pid, ticks=facts.ticks)
    found = seen(rig.reopened(), TOKEN)
    assert found is not None and found.phase is Phase.GONE
    dead.wait()


def test_E16_after_a_restart_of_the_host_what_ran_is_gone_and_no_process_is_taken_for_it(rig: ProcessRig) -> None:
    rig.driver.ensure(rig.lasting(TOKEN))
    before = rig.until_running(TOKEN)
    rewrite(rig, TOKEN, boot="another-boot")
    other = rig.reopened()
    found = seen(other, TOKEN)
    assert found is not None
    assert (found.phase, found.finished_at) == (Phase.GONE, None)
    assert "restarted" in found.message
    other.stop(TOKEN, 0)
    assert process_facts(int(before.facts["shim"])) is not None
    facts = living()[int(before.facts["shim"])]
    rewrite(rig, TOKEN, boot=Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    assert facts.ticks


def test_a_run_of_another_container_is_seen_but_not_signalled(rig: ProcessRig) -> None:
    rig.driver.ensure(rig.lasting(TOKEN))
    rig.until_running(TOKEN)
    real = json.loads(Path(Place(str(rig.home), str(TOKEN)).record).read_text().splitlines()[1])["pid_space"]
    rewrite(rig, TOKEN, pid_space="pid:[1]")
    other = rig.reopened()
    found = seen(other, TOKEN)
    assert found is not None and found.is_live, "its shim holds the run"
    with pytest.raises(Unavailable) as refused:
        other.stop(TOKEN, 0)
    assert refused.value.code == "other_host"
    rewrite(rig, TOKEN, pid_space=real)


def test_a_directory_from_another_host_is_never_taken_for_an_empty_one(rig: ProcessRig) -> None:
    rig.driver.ensure(rig.lasting(TOKEN))
    rig.until_running(TOKEN)
    host = rig.home / "host"
    mine = host.read_text()
    host.write_text(json.dumps({"machine": "m-0123456789ab"}))
    with pytest.raises(Unavailable) as refused:
        rig.driver.observe(INSTALL)
    assert refused.value.code == "other_host"
    host.write_text(mine)


def test_E22_time_that_the_host_slept_is_told_apart(rig: ProcessRig) -> None:
    rig.driver.ensure(rig.lasting(TOKEN))
    assert rig.until_running(TOKEN).asleep_ms == 0
    started = json.loads(Path(Place(str(rig.home), str(TOKEN)).record).read_text().splitlines()[1])
    rewrite(rig, TOKEN, asleep_us=started["asleep_us"] - 8 * 3600 * 1_000_000)
    found = seen(rig.reopened(), TOKEN)
    assert found is not None and 8 * 3_600_000 <= found.asleep_ms < 8 * 3_600_000 + 1000


def test_E48_a_keeper_that_hangs_is_a_timeout_and_the_run_is_adopted_later(rig: ProcessRig) -> None:
    rig.driver.ensure(rig.ending(a_token("dep-warm"), 0))
    (pid,) = keepers(rig)
    os.kill(pid, signal.SIGSTOP)
    hasty = rig.opened(deadline_s=0.2)
    spec = rig.lasting(TOKEN)
    with pytest.raises(Unavailable) as refused:
        hasty.ensure(spec)
    assert refused.value.code == "timeout"
    os.kill(pid, signal.SIGCONT)
    assert rig.driver.ensure(spec).is_live
    assert rig.until_running(TOKEN).is_live
    assert len(rig.driver.observe(INSTALL).instances) == 2


def test_a_keeper_that_cannot_start_says_where_to_look(rig: ProcessRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.drivers.process.connection.BOOT", "raise SystemExit(3)")
    with pytest.raises(Unavailable) as refused:
        rig.driver.ensure(rig.lasting(TOKEN))
    assert refused.value.code == "engine_down"
    assert "keeper.log" in (refused.value.hint or "")


def test_what_runs_is_not_started_again_while_its_end_is_being_written(rig: ProcessRig) -> None:
    fifo = rig.fifo()
    spec = a_spec(TOKEN, command=("/bin/sh", "-c", f"echo once > {fifo}; exit 0"))
    rig.driver.ensure(spec)
    assert heard(fifo) == "once\n"
    for _ in range(20):
        rig.reopened().ensure(spec)
    rig.until_over(TOKEN)
    assert rig.driver.ensure(spec).exit_code == 0


def test_E2_E3_whatever_is_killed_meanwhile_no_command_runs_twice(rig: ProcessRig) -> None:
    ledger = rig.home.parent / "ran"
    command = ("/bin/sh", "-c", f"echo $BURSAR_RUN >> {ledger}; exit 5")
    specs = [a_spec(a_token(f"dep-{n}"), command=command) for n in range(60)]
    killed = 0
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(specs), 10):
            asked = [
                pool.submit(ensure_each, driver, specs[start : start + 10]) for driver in (rig.driver, rig.reopened())
            ]
            while not all(one.done() for one in asked):
                for pid in keepers(rig):  # the keeper, and whichever shim has not yet written that it started
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                        killed += 1
    assert killed > 0
    for spec in specs:
        while not isinstance(ensure_each(rig.driver, [spec])[0], Observed):
            continue
        rig.until_over(spec.token)
    ends = {spec.token: seen(rig.driver, spec.token) for spec in specs}
    ran = Counter(ledger.read_text().split())
    assert max(ran.values()) == 1
    for token, end in ends.items():
        assert end is not None
        # Until it has become its command, what was just started looks like a keeper, too, and is killed as one.
        assert (end.phase, end.exit_code) in {(Phase.FINISHED, 5), (Phase.FINISHED, 137), (Phase.GONE, None)}
        assert end.exit_code != 5 or ran[str(token)] == 1
