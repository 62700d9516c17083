"""How many processes a run may have: held by a cgroup, or by its user where that is its own, or not and said so."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path
from typing import Any

import pytest

from core.domain.engines import Observed, Phase
from core.domain.errors import Invalid
from core.domain.resources import Resources
from core.drivers.keeper import shim
from core.drivers.keeper.records import Place
from core.drivers.keeper.shim import Mould, Shim
from core.drivers.process import ProcessDriver
from core.drivers.process.limits import find_means
from core.drivers.process.runs import Live
from tests.drivers.contract import a_token, seen
from tests.drivers.rigs import ProcessRig, a_spec, heard, until_ended

TOKEN = a_token()
MEANS = find_means("auto")
counted = pytest.mark.skipif("pids" not in MEANS.roots, reason="no cgroup of processes can be written here")


@pytest.fixture
def rig_with(tmp_path: Path) -> Any:
    made: list[ProcessRig] = []

    def make(**settings: str) -> ProcessRig:
        made.append(ProcessRig(tmp_path / "c1", **settings))
        return made[-1]

    yield make
    for rig in made:
        rig.close()


def ran(rig: ProcessRig, *command: str, **parts: Any) -> tuple[Observed, str]:
    rig.driver.ensure(a_spec(TOKEN, command=command, **parts))
    over = rig.until_over(TOKEN)
    assert over is not None
    return over, rig.driver.logs(TOKEN).text


# As many children as it gets, and 200 at most; each of them stays until the run ends.
SCRIPT = """
import os, signal
had, refused = 1, 0
for _ in range(200):
    try:
        if os.fork() == 0:
            signal.pause()
        had += 1
    except BlockingIOError:
        refused += 1
print(had, refused)
raise SystemExit(3 if refused else 0)
"""
BOMB = ("python3", "-S", "-c", SCRIPT)


@counted
@pytest.mark.parametrize("ram_mib", [32, 96])
def test_a_cgroup_holds_the_number_of_processes_and_the_end_says_so(rig_with: Any, ram_mib: int) -> None:
    rig = rig_with(limits="auto", processes="32")
    over, text = ran(rig, *BOMB, resources=Resources(ram_mib=ram_mib))
    assert text == "32 169\n"
    assert over.facts["limits"] == f"cgroup v{MEANS.version}; at most 32 processes"
    assert (over.exit_code, over.message) == (3, "it wanted more than the 32 processes that a run may have here")
    assert not any((root / str(TOKEN)).exists() for root in MEANS.roots.values()), "its cgroups are gone"


@counted
def test_what_kept_to_its_processes_has_nothing_said_of_them(rig_with: Any) -> None:
    over, _ = ran(rig_with(limits="auto", processes="32"), "sh", "-c", "sleep 0 & sleep 0 & wait")
    assert (over.exit_code, over.message) == (0, "")


# It forks for ever, hears no signal that can be ignored, and half of it leaves the session.
DEAF_BOMB = """
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
told = os.getpid()
while True:
    try:
        if os.fork() == 0 and os.getpid() % 2:
            os.setsid()
    except BlockingIOError:
        if told == os.getpid():
            told = 0
            with open(sys.argv[1], "w") as full:
                full.write("full\\n")
"""


@counted
def test_what_forks_for_ever_and_is_deaf_ends_when_it_is_stopped(rig_with: Any) -> None:
    rig = rig_with(limits="auto", processes="32")
    full = rig.fifo()
    command = ("python3", "-S", "-c", DEAF_BOMB, str(full))
    rig.driver.ensure(a_spec(TOKEN, command=command, resources=Resources(cpu_milli=1000)))
    assert heard(full) == "full\n"
    rig.driver.stop(TOKEN, 0)
    over = rig.until_over(TOKEN)
    assert over is not None and over.signal == 9
    assert not any((root / str(TOKEN)).exists() for root in MEANS.roots.values()), "nothing lives in its cgroups"


@counted
def test_what_forks_for_ever_can_be_ended_though_its_shim_is_dead(rig_with: Any) -> None:
    rig = rig_with(limits="auto", processes="32")
    full = rig.fifo()
    command = ("python3", "-S", "-c", DEAF_BOMB, str(full))
    rig.driver.ensure(a_spec(TOKEN, command=command, resources=Resources(cpu_milli=1000)))
    assert heard(full) == "full\n"
    shim_pid = int(rig.until_running(TOKEN).facts["shim"])
    os.kill(shim_pid, signal.SIGKILL)
    until_ended(shim_pid)
    asked = 0
    while (one := seen(rig.driver, TOKEN)) is not None and one.is_live:
        rig.driver.stop(TOKEN, 0)
        asked += 1
        assert asked < 1_000, "it forks faster than it is killed"
    assert one is not None and one.phase is Phase.GONE


def test_nothing_can_be_forked_any_more_where_it_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shim, "descendants", lambda _pid: [])
    (tmp_path / "pids.max").write_text("8")
    (tmp_path / "cpu.max").write_text("100000 100000")
    cages = [{"dir": str(tmp_path), "home": "", "set": {"pids.max": "8", "cpu.max": "100000 100000"}}]
    Shim(Place("home", "run"), {"limits": "", "cages": cages}, {}, Mould())._kill()
    assert (tmp_path / "pids.max").read_text() == "0"
    assert (tmp_path / "cpu.max").read_text() == "100000 100000"
    (tmp_path / "pids.max").write_text("8")
    Live(1, 1, (str(tmp_path),)).seal()
    assert (tmp_path / "pids.max").read_text() == "0", "also where its shim is dead"
    assert not (tmp_path / "cgroup.kill").exists(), "what a kernel does not have is not made"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_without_cgroups_the_user_whom_runs_are_started_as_is_held(rig_with: Any) -> None:
    over, text = ran(rig_with(run_as="nobody", processes="32"), *BOMB)
    had, refused = map(int, text.split())
    assert had <= 32 and had + refused == 201
    assert over.facts["limits"].endswith("; at most 32 processes of its user in all")


def test_without_cgroups_the_daemons_own_user_is_not_held_and_that_is_said(rig_with: Any) -> None:
    over, text = ran(rig_with(), "grep", "processes", "/proc/self/limits")
    soft = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    assert text.split()[2] == ("unlimited" if soft == resource.RLIM_INFINITY else str(soft))
    assert over.facts["limits"].endswith("; processes not limited")


@pytest.mark.parametrize("wrong", ["1", "0", "-5", "many", "1_000", "99999999"])
def test_a_number_of_processes_that_cannot_be_meant_is_refused(wrong: str) -> None:
    with pytest.raises(Invalid, match="processes"):
        ProcessDriver.kept_settings({"processes": wrong})
