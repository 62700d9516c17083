"""A face dies by SIGKILL in the middle of a command: it was done or it was not, and asking again finds out which."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from core.clock import SystemClock
from core.domain.roles import Caller
from core.ids import RandomIds
from core.store.queries import ledger_checks
from core.views.operations import Verdict
from tests.builders import World, job, quick_settings
from tests.fakes import clean


def submit_and_die(home: Path, url: str, who: Caller, *, after_commit: bool) -> None:
    """In a process of its own: killed right before its commit, or right after it, before anybody is told."""
    world = World.of(quick_settings(home, url), SystemClock(), RandomIds())
    dialect = world.store.engine.dialect
    really_commit = dialect.do_commit

    def commit_and_die(connection: Any) -> None:
        if after_commit:
            really_commit(connection)
        os.kill(os.getpid(), signal.SIGKILL)

    dialect.do_commit = commit_and_die  # type: ignore[method-assign]
    world.bursar.deployments.submit(who, job("train", key="once"))


@pytest.mark.parametrize("after_commit", [False, True])
def test_E7_a_command_that_was_cut_off_is_done_or_not_and_the_same_key_tells(
    tmp_path: Path, store_url: str, after_commit: bool
) -> None:
    home = tmp_path / "home"
    world = World.of(quick_settings(home, store_url), SystemClock(), RandomIds())
    admin = world.org(world.operator(), "vision")
    world.cluster(admin)
    process = clean.Process(target=submit_and_die, args=(home, store_url, admin), kwargs={"after_commit": after_commit})
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    before = world.bursar.deployments.list(admin).items
    assert len(before) == after_commit
    again = world.bursar.deployments.submit(admin, job("train", key="once"))
    after = world.bursar.deployments.list(admin).items
    assert [line.id for line in after] == [again.id]
    assert world.bursar.credits.wallet(admin).gpu_hours.held_gpu_ms == 3_600_000
    with world.store.read() as connection:
        findings = ledger_checks.run(connection, world.units.now())
    assert [one for one in findings if one.verdict is Verdict.FAIL] == []
    world.close()
