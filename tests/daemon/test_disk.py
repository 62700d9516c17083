"""The disk under a SQLite store fails while Bursar runs, or may only be read: nothing is half done, and no one acts."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from core.daemon.background import Daemon
from core.domain.errors import Unavailable
from core.domain.lifecycle import State
from core.store.queries import ledger_checks
from core.views.operations import Verdict
from tests.builders import dump
from tests.daemon.world import World


@contextmanager
def failing_disk(store: Path) -> Iterator[None]:
    """The kernel refuses what this process writes behind where the journal of the store has come to."""
    journal = store.with_name(f"{store.name}-wal").stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (journal - 1, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def tend(daemon: Daemon) -> int:
    return sum(tender.tend() for tender in daemon.tenders())


def test_E15_a_leader_whose_disk_fails_acts_no_more_and_goes_on_when_it_is_mended(world: World) -> None:
    world.cluster()
    web, daemon = world.submit("web"), world.daemon()
    assert daemon.lead()
    daemon.round()
    world.bursar.deployments.stop(world.olga, web)
    token, before = world.token(web), dump(world.bursar.database)
    with failing_disk(world.settings.home / "bursar.db"):
        world.clock.advance(world.settings.daemon.lease_ms * 1000)
        for write in (lambda: world.submit("more"), daemon.renew, daemon.round):
            with pytest.raises(Unavailable) as refused:
                write()
            assert (refused.value.code, refused.value.hint) == ("store_io", "look at the disk, then run bursar doctor")
        assert tend(daemon) == 0
        found = world.control().record(token)
        assert found is not None
        assert found.is_live, "it cannot prove that it leads, so it stops nothing, although that is wished"
        assert [line.id for line in world.bursar.deployments.list(world.olga).items] == [web], "what was is still shown"
        assert dump(world.bursar.database) == before
    daemon.once()
    assert world.state(web) is State.STOPPED
    with world.bursar.database.read() as connection:
        findings = ledger_checks.run(connection, world.time.now())
        assert connection.execute(text("PRAGMA quick_check")).scalar() == "ok"
    assert [one for one in findings if one.verdict is Verdict.FAIL] == []


def in_a_read_only_place(folder: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    """In a mount namespace of its own, where the folder lies on a file system that may only be read."""
    alone = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    bind = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" || exit 77; exec "$@"'
    return subprocess.run(
        [*alone, "sh", "-c", bind, str(folder), *command], capture_output=True, text=True, timeout=240, check=False
    )


@pytest.mark.parametrize("verb", [["daemon", "--once"], ["daemon"]], ids=" ".join)
def test_E15_on_a_file_system_that_may_only_be_read_no_daemon_begins(world: World, verb: list[str]) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("unshare: not on this machine")
    world.cluster()
    world.submit("web")
    world.close()
    home = world.settings.home
    before = {file.name: file.read_bytes() for file in home.rglob("*") if file.is_file()}
    done = in_a_read_only_place(home, ["env", f"BURSAR_HOME={home}", sys.executable, "-m", "tui", *verb])
    if done.returncode == 77 or done.stderr.startswith("unshare:"):
        pytest.skip("unshare: nothing can be mounted here")
    assert done.returncode == 2
    assert "is not writable" in done.stderr
    assert "Traceback" not in done.stderr
    assert {file.name: file.read_bytes() for file in home.rglob("*") if file.is_file()} == before
