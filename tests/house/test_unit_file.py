"""The unit for systemd: what the design depends on stands in it, and systemd itself can read it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from core.settings import load
from tests.house.tree import ROOT

UNIT = ROOT / "config" / "bursar.service"
# Each of these would take from the runs what they need, or undo what the daemon does for them.
HARMFUL = frozenset(
    {
        "PrivateDevices",
        "ProtectHome",
        "ProtectControlGroups",
        "ProtectProc",
        "PrivateUsers",
        "PrivatePIDs",
        "MemoryDenyWriteExecute",
        "DynamicUser",
        "RestrictNamespaces",
        "SystemCallFilter",
        "User",
    }
)


def said() -> dict[str, str]:
    lines = (line.partition("=") for line in UNIT.read_text(encoding="utf-8").splitlines() if line[:1].isalpha())
    return {name: value for name, _, value in lines}


def test_only_the_daemon_ends_when_it_is_stopped_and_runs_may_be_limited() -> None:
    unit = said()
    assert unit["KillMode"] == "process"
    assert unit["KillSignal"] == "SIGTERM"
    assert (unit["Delegate"], unit["OOMPolicy"]) == ("yes", "continue")
    assert unit["ExecStart"].endswith("bursar daemon")


def test_what_is_hardened_leaves_run_as_and_the_gpus_alone() -> None:
    unit = said()
    assert not HARMFUL & unit.keys()
    kept = set(unit["CapabilityBoundingSet"].split())
    assert {"CAP_SETUID", "CAP_SETGID", "CAP_CHOWN", "CAP_KILL", "CAP_DAC_OVERRIDE"} <= kept
    assert unit["NoNewPrivileges"] == "yes"


def test_it_gives_the_daemon_more_time_to_leave_than_it_takes(tmp_path: Path) -> None:
    lease_s = load({"BURSAR_HOME": str(tmp_path)}).daemon.lease_ms / 1000
    assert int(said()["TimeoutStopSec"].removesuffix("s")) > lease_s


def test_systemd_finds_nothing_wrong_with_it(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd: no systemd-analyze on this machine")
    copy = tmp_path / UNIT.name
    shutil.copy(UNIT, copy)
    done = subprocess.run(
        ["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, timeout=240, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
