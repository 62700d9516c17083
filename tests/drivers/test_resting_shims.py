"""A shim serves one run after the other: what each of them has of the one before, and what reaches it too late."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.domain.engines import Observed, Spec, Token
from core.domain.resources import Resources
from core.drivers.keeper.records import Place, living
from tests.drivers.contract import a_token, seen
from tests.drivers.rigs import ProcessRig, a_spec, the_code

TOKEN = a_token()


def shown(rig: ProcessRig, token: Token) -> Observed:
    """A run that is over by itself, while its shim may still be there."""
    while (found := seen(rig.driver, token)) is None or found.is_live:
        continue
    return found


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[ProcessRig]:
    """Its shims rest for as long as they may."""
    rig = ProcessRig(tmp_path / "c1", keeper_idle="60s")
    yield rig
    rig.close()


def rested(rig: ProcessRig, first: Spec, then: Spec) -> tuple[Observed, Observed]:
    """Two runs, the second asked for until the shim of one before it has it."""
    shims = set()
    rig.driver.ensure(first)
    before = shown(rig, first.token)
    shims.add(before.facts["shim"])
    for generation in range(1, 50):
        spec = replace(then, token=replace(then.token, generation=generation))
        rig.driver.ensure(spec)
        after = shown(rig, spec.token)
        if after.facts["shim"] in shims:
            return before, after
        shims.add(after.facts["shim"])
    raise AssertionError("no shim is used again")


@pytest.mark.parametrize("leaves", ["true", "touch kept", "chmod 777 .", "rmdir $HOME"])
def test_a_shim_whose_run_is_over_has_the_next_and_nothing_of_the_one_before(patient: ProcessRig, leaves: str) -> None:
    script = f"ls -l /proc/self/fd | grep -c socket; umask; pwd; nice; ulimit -c; ls -A; {leaves}; exit 3"
    first, second = (a_spec(a_token(name), command=("/bin/sh", "-c", script)) for name in ("dep-one", "dep-two"))
    before, after = rested(patient, first, second)
    assert (before.exit_code, after.exit_code) == (3, 3)
    assert before.engine_id != after.engine_id
    assert before.started_at is not None and after.started_at is not None and before.started_at < after.started_at
    assert after.token is not None
    texts = [patient.driver.logs(token).text.replace(str(token), "RUN") for token in (first.token, after.token)]
    assert texts[0] == texts[1]
    assert texts[0].startswith("0\n"), "it has no socket of ours"
    works = [Path(Place(str(patient.home), str(token)).work) for token in (first.token, after.token)]
    if leaves == "touch kept":
        assert [sorted(work.iterdir()) for work in works] == [[work / "kept"] for work in works]
    elif leaves == "true":
        assert not list(works[1].iterdir())


def test_a_shim_that_has_taken_limits_serves_no_run_with_others(patient: ProcessRig) -> None:
    script = ("/bin/sh", "-c", "ulimit -d")
    sizes = [Resources(100, ram) for ram in (128, 256, 64, 128)]
    for number, size in enumerate(sizes):
        token = a_token(f"dep-{number}")
        patient.driver.ensure(a_spec(token, command=script, resources=size))
        assert shown(patient, token).exit_code == 0
        assert patient.driver.logs(token).text == f"{size.ram_mib * 1024}\n"


def test_a_suspension_that_comes_late_lets_the_run_that_follows_go_on(
    patient: ProcessRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, living_on = a_token("dep-one"), a_token("dep-two")
    patient.driver.ensure(patient.ending(over, 0))
    shown(patient, over)
    patient.driver.ensure(patient.lasting(living_on))
    patient.until_running(living_on)
    following = patient.driver._live(living_on)
    monkeypatch.setattr(patient.driver, "_live", lambda _: following)  # as it was a moment before the first ended
    assert the_code(lambda: patient.driver.suspend(over)) == "no_such_run"
    assert {facts.state for facts in living().values() if facts.session == following.shim} <= {"R", "S", "D"}


def test_a_wish_to_stop_that_comes_late_does_not_end_the_run_that_follows(patient: ProcessRig) -> None:
    """Its shim may be that of another run by the time that the signal arrives."""
    gate = patient.fifo()
    patient.driver.ensure(a_spec(TOKEN, command=("/bin/sh", "-c", f"cat {gate}; exit 7")))
    shim = int(patient.until_running(TOKEN).facts["shim"])
    os.kill(shim, signal.SIGTERM)
    gate.write_text("go on\n")
    assert shown(patient, TOKEN).exit_code == 7
