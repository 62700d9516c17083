"""Real processes: the contract, what a run is given, how it is held down, and how it ends."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from core.domain.engines import Observed, Phase, Trouble, ensure_each
from core.domain.errors import BursarError, Forbidden, Invalid, Unavailable
from core.domain.resources import Resources
from core.drivers.keeper.records import Place
from core.drivers.process import ProcessDriver
from core.drivers.process.limits import find_means
from tests.drivers.contract import INSTALL, DriverContract, a_token, seen
from tests.drivers.rigs import PATIENCE_S, ProcessRig, a_spec, heard, until_ended

TOKEN = a_token()
NOBODY = "nobody"
is_root = os.getuid() == 0


@pytest.fixture
def a_rig(tmp_path: Path) -> Any:
    """Makes rigs with settings of their own, and cleans up after all of them."""
    made: list[ProcessRig] = []

    def make(home: Path = tmp_path / "c1", **settings: str) -> ProcessRig:
        made.append(ProcessRig(home, **settings))
        return made[-1]

    yield make
    for rig in made:
        rig.close()


@pytest.fixture
def rig(a_rig: Any) -> ProcessRig:
    return a_rig()


class TestContract(DriverContract):
    @pytest.fixture
    def rig(self, a_rig: Any) -> ProcessRig:
        return a_rig()


def place(rig: ProcessRig) -> Place:
    return Place(str(rig.home), str(TOKEN))


def ran(rig: ProcessRig, script: str, driver: ProcessDriver | None = None, **parts: Any) -> tuple[Observed, str]:
    """A script's end and its output."""
    driver = driver or rig.driver
    driver.ensure(a_spec(TOKEN, command=("/bin/sh", "-c", script), **parts))
    over = rig.until_over(TOKEN)
    assert over is not None
    return over, driver.logs(TOKEN).text


def test_E3_what_was_cut_off_while_it_was_being_suspended_is_seen_and_can_be_resumed(
    rig: ProcessRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.driver.ensure(a_spec(TOKEN, command=("/bin/sleep", "600")))
    assert rig.until_running(TOKEN).phase is Phase.RUNNING

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as cut, pytest.raises(KeyboardInterrupt):
        cut.setattr("core.drivers.process.driver.send", dies)
        rig.driver.suspend(TOKEN)
    assert seen(rig.driver, TOKEN).phase is Phase.SUSPENDED, "so that who wants it to run asks for that"
    rig.driver.resume(TOKEN)
    assert seen(rig.driver, TOKEN).phase is Phase.RUNNING


def test_it_gets_a_clean_environment_and_what_was_declared(rig: ProcessRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURSAR_TOKEN", "canary")
    _, text = ran(rig, "env; pwd", env={"MODEL": "a b", "BURSAR_RUN": "forged", "CUDA_VISIBLE_DEVICES": "0,1,2"})
    lines = text.splitlines()
    work = place(rig).work
    assert {"MODEL=a b", f"BURSAR_RUN={TOKEN}", "CUDA_VISIBLE_DEVICES=", f"HOME={work}", "LANG=C.UTF-8"} <= set(lines)
    assert lines[-1] == work
    assert {line.split("=")[0] for line in lines[:-1]} == {
        *("MODEL", "BURSAR_RUN", "BURSAR_RANK", "CUDA_VISIBLE_DEVICES", "HOME", "LANG", "PATH", "PWD"),
    }


def test_the_keeper_does_not_know_our_secrets(rig: ProcessRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURSAR_TOKEN", "canary")
    rig.driver.ensure(rig.lasting(TOKEN))
    shim = rig.until_running(TOKEN).facts["shim"]
    assert b"canary" not in Path(f"/proc/{shim}/environ").read_bytes()


def test_it_sees_the_devices_of_its_allocation(rig: ProcessRig) -> None:
    _, text = ran(rig, "echo $CUDA_VISIBLE_DEVICES", gpu_devices=("GPU-aa", "GPU-bb"))
    assert text == "GPU-aa,GPU-bb\n"


def test_B17_arguments_are_words_and_no_shell_reads_them(rig: ProcessRig) -> None:
    words = ("$(id)", "; rm -rf /", "a  b", "`x`", "-v", "\n", "é")
    rig.driver.ensure(a_spec(TOKEN, command=("printf", "<%s>", *words)))
    rig.until_over(TOKEN)
    assert rig.driver.logs(TOKEN).text == "".join(f"<{word}>" for word in words)


def test_standard_input_is_empty_and_no_descriptor_leaks(rig: ProcessRig) -> None:
    _, text = ran(rig, "cat; ls /proc/self/fd")
    assert text.split() == ["0", "1", "2", "3"], "3 is the directory that ls itself has open"


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("/no/such/file", "No such file"),
        ("no-such-command-anywhere", "No such file"),
        ("/etc", "Permission denied"),
        ("PLACE/text", "Permission denied"),
        ("PLACE/rubbish", "Exec format error"),
        ("PLACE/text/below", "Not a directory"),
    ],
)
def test_E50_what_can_never_run_has_failed_and_says_why(
    rig: ProcessRig, tmp_path: Path, command: str, named: str
) -> None:
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o644)
    (tmp_path / "rubbish").write_bytes(b"\x00\x01")
    (tmp_path / "rubbish").chmod(0o755)
    word = command.replace("PLACE", str(tmp_path))
    rig.driver.ensure(a_spec(TOKEN, command=(word,)))
    failed = rig.until_over(TOKEN)
    assert failed is not None
    assert (failed.phase, failed.error) == (Phase.FAILED, Trouble.CANNOT_RUN)
    assert named in failed.message and word in failed.message
    assert (failed.started_at, failed.exit_code) == (None, None)


@pytest.mark.parametrize(
    "parts",
    [
        {"command": ()},
        {"command": ("true",), "kind": "vm"},
        {"command": ("a\0b",)},
        {"env": {"A": "\0"}},
        {"env": {"A=B": "c"}},
        {"env": {"": "c"}},
        {"command": ("a\ud800",)},
    ],
)
def test_what_is_no_command_is_refused_and_leaves_nothing(rig: ProcessRig, parts: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        rig.driver.ensure(a_spec(TOKEN, **{"command": ("true",), **parts}))
    assert refused.value.code == "cannot_run"
    assert seen(rig.driver, TOKEN) is None


def test_it_is_closed_to_members_unless_the_cluster_says_otherwise(rig: ProcessRig) -> None:
    theirs = a_spec(TOKEN, command=("true",), by_operator=False)
    with pytest.raises(Forbidden) as refused:
        rig.driver.ensure(theirs)
    assert refused.value.code == "members_not_trusted"
    assert "run_as" in (refused.value.hint or "")
    rig.opened(trust="members").ensure(theirs)
    over = rig.until_over(TOKEN)
    assert over is not None and over.exit_code == 0


@pytest.mark.skipif(not is_root, reason="only root can become somebody else")
def test_run_as_drops_to_the_user_for_good(a_rig: Any) -> None:
    rig = a_rig(run_as=NOBODY)
    who = pwd.getpwnam(NOBODY)
    script = "id -u; id -g; grep NoNewPrivs /proc/self/status; cat /etc/shadow; echo $USER >> /dev/stderr"
    over, text = ran(rig, script, by_operator=False)
    assert over.facts["user"] == str(who.pw_uid)
    lines = text.splitlines()
    assert lines[:2] == [str(who.pw_uid), str(who.pw_gid)]
    assert lines[2].split() == ["NoNewPrivs:", "1"]
    assert "Permission denied" in lines[3]
    assert lines[4] == NOBODY


def test_run_as_somebody_this_host_does_not_have_is_for_the_operator_to_mend(a_rig: Any) -> None:
    rig = a_rig(run_as="no-such-user")
    with pytest.raises(Forbidden) as refused:
        rig.driver.ensure(a_spec(TOKEN, command=("true",)))
    assert refused.value.code == "unauthorized"


def test_a_signal_is_told_apart_from_an_exit_code(rig: ProcessRig) -> None:
    over, _ = ran(rig, "kill -USR1 $$")
    assert (over.exit_code, over.signal) == (128 + 10, 10)


def test_what_it_leaves_behind_ends_with_it_even_in_a_session_of_its_own(rig: ProcessRig) -> None:
    fifo, gate = rig.fifo(), rig.fifo()
    script = f"setsid sh -c 'echo $$ > {fifo}; exec sleep 1000' & cat {gate}; exit 6"
    rig.driver.ensure(a_spec(TOKEN, command=("/bin/sh", "-c", script)))
    left_behind = int(heard(fifo))
    gate.write_text("go on\n")
    until_ended(left_behind)
    over = rig.until_over(TOKEN)
    assert over is not None and over.exit_code == 6


def test_a_stop_reaches_the_whole_group_and_all_of_it_has_the_grace(rig: ProcessRig) -> None:
    gate = rig.fifo()
    child = f"trap 'cat {gate}; exit 0' TERM; READY; while :; do :; done"
    rig.driver.ensure(rig.shell(TOKEN, f'sh -c "{child}" & wait; echo never'))
    rig.until_running(TOKEN)
    rig.driver.stop(TOKEN, 60)
    gate.write_text("saved\n")  # only who is still in its trap reads it
    over = rig.until_over(TOKEN)
    assert over is not None and over.signal == 15
    assert rig.driver.logs(TOKEN).text == "saved\n"


def test_a_stop_asks_also_who_has_left_the_group_once_the_command_has_ended(rig: ProcessRig) -> None:
    """Else they would have their run paid for until the end of the grace, without ever being asked to end."""
    child = "trap 'echo saved; exit 0' TERM; READY; while :; do sleep 0.01; done"
    rig.driver.ensure(rig.shell(TOKEN, f'setsid sh -c "{child}" & exec sleep 1000'))
    rig.until_running(TOKEN)
    rig.driver.stop(TOKEN, 10 * PATIENCE_S)
    over = rig.until_over(TOKEN)
    assert over is not None and over.signal == 15
    assert rig.driver.logs(TOKEN).text.endswith("saved\n")


def test_a_stop_that_comes_before_the_start_is_not_lost(rig: ProcessRig) -> None:
    rig.driver.ensure(a_spec(a_token("dep-other"), command=("true",)))  # so that there is a directory
    spec = rig.lasting(TOKEN)
    driver = rig.driver
    driver._adopted_or_prepared(spec)  # killed between the record and the keeper's answer
    assert seen(driver, TOKEN) is None, "what nobody has started does not exist"
    driver.stop(TOKEN, 0)
    assert driver.ensure(spec).phase is Phase.FINISHED
    over = seen(driver, TOKEN)
    assert over is not None
    assert (over.started_at, over.exit_code) == (None, None)
    assert not Path(place(rig).output).exists()


def test_E2_a_record_without_a_start_is_started_by_the_next_ensure(rig: ProcessRig) -> None:
    spec = rig.lasting(TOKEN)
    rig.driver.ensure(a_spec(a_token("dep-other"), command=("true",)))
    rig.driver._adopted_or_prepared(spec)
    assert rig.reopened().ensure(spec).phase is Phase.RUNNING
    assert rig.until_running(TOKEN).is_live


def test_output_is_kept_small_and_a_cursor_stays_right(a_rig: Any) -> None:
    rig = a_rig(log_size="1MiB")
    gate = rig.fifo()
    many = "i=0; while [ $i -lt 40 ]; do printf '%099999d\\n' $i; i=$((i+1)); done"
    rotated = f"until [ $(stat -c %s {place(rig).output}) -lt 1048576 ]; do :; done"
    rig.driver.ensure(rig.shell(TOKEN, f"echo first; READY; cat {gate}; {many}; {rotated}; echo last"))
    rig.until_running(TOKEN)
    early = rig.driver.logs(TOKEN)
    assert (early.text, early.ended, early.skipped) == ("first\n", False, False)
    gate.write_text("go on\n")
    rig.until_over(TOKEN)
    kept = [Path(place(rig).output), *Path(place(rig).old_output).iterdir()]
    assert sum(path.stat().st_size for path in kept) <= 2 << 20
    late = rig.driver.logs(TOKEN, cursor=early.cursor)
    assert late.skipped, "what came right after it is no longer kept"
    text = late.text
    while not late.ended:
        late = rig.driver.logs(TOKEN, cursor=late.cursor)
        assert not late.skipped
        text += late.text
    assert [line.lstrip("0") for line in text.splitlines()[-3:]] == ["38", "39", "last"]


def test_limits_say_what_they_are(rig: ProcessRig) -> None:
    over, text = ran(rig, "ulimit -d; nice; ulimit -c", resources=Resources(cpu_milli=500, ram_mib=300))
    assert over.facts["limits"].startswith("rlimits and nice")
    assert text.split() == [str(300 * 1024), str(min(os.nice(0) + 5, 19)), "0"]


@pytest.mark.parametrize("ram_mib", [32, 200])
def test_memory_beyond_the_rlimit_is_refused_to_it(rig: ProcessRig, ram_mib: int) -> None:
    hungry = "python3 -S -c 'bytearray(400 << 20)'"
    over, text = ran(rig, hungry, resources=Resources(ram_mib=ram_mib))
    assert over.exit_code == 1
    assert "MemoryError" in text


MEANS = find_means("auto")


@pytest.mark.skipif(MEANS.version == 0, reason="no cgroup can be written here")
@pytest.mark.parametrize("ram_mib", [32, 96])
def test_a_cgroup_holds_memory_and_says_that_it_ran_out(a_rig: Any, ram_mib: int) -> None:
    rig = a_rig(limits="auto")
    script = "cat /proc/self/cgroup; exec python3 -S -c 'bytearray(400 << 20)'"
    over, text = ran(rig, script, resources=Resources(cpu_milli=500, ram_mib=ram_mib))
    assert over.facts["limits"].startswith(f"cgroup v{MEANS.version}; ")
    assert f"/bursar/{TOKEN}\n" in text
    assert (over.oom, over.signal) == (True, 9)
    assert not any((root / str(TOKEN)).exists() for root in MEANS.roots.values()), "its cgroups are gone"


def test_discover_finds_this_machine(rig: ProcessRig) -> None:
    (node,) = rig.driver.discover()
    assert node.name == os.uname().nodename
    assert node.capacity.cpu_milli == 1000 * len(os.sched_getaffinity(0))
    assert node.capacity.disk_mib > 0


def test_a_directory_that_was_taken_away_proves_nothing(rig: ProcessRig) -> None:
    observation = rig.driver.observe(INSTALL)
    assert (observation.instances, observation.complete) == ((), False)


def test_what_cannot_be_written_is_the_engines_trouble(tmp_path: Path, a_rig: Any) -> None:
    (tmp_path / "c1").write_text("a file where the directory should be")
    rig = a_rig()
    with pytest.raises(Unavailable) as refused:
        rig.driver.ensure(rig.lasting(TOKEN))
    assert refused.value.code == "engine_fault"


def test_a_long_home_is_no_hindrance(tmp_path: Path, a_rig: Any) -> None:
    rig = a_rig(tmp_path / ("deep-" * 20) / ("deeper-" * 20) / "c1")
    (rig.home.parent).mkdir(parents=True)
    over, _ = ran(rig, "exit 2")
    assert over.exit_code == 2


def test_many_runs_in_one_batch_each_have_their_own_end(rig: ProcessRig) -> None:
    specs = [a_spec(a_token(f"dep-{n}"), command=("/bin/sh", "-c", f"exit {n % 5}")) for n in range(100)]
    answers = ensure_each(rig.driver, specs)
    assert not [answer for answer in answers if isinstance(answer, BursarError)]
    for n, spec in enumerate(specs):
        over = rig.until_over(spec.token)
        assert over is not None and (over.phase, over.exit_code) == (Phase.FINISHED, n % 5)
