"""How many processes a run may have: held by a cgroup, or by its user where that is its own, or not and said so."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import Any

import pytest

from core.domain.engines import Observed
from core.domain.errors import Invalid
from core.domain.resources import Resources
from core.drivers.process import ProcessDriver
from core.drivers.process.limits import find_means
from tests.drivers.contract import a_token
from tests.drivers.rigs import ProcessRig, a_spec

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
