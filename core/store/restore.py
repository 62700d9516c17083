"""Puts a backup in the place of a store: looked through beside it, then swapped by one rename.

What was there stays beside it. What comes back remembers an older day than the engines do, so it starts in
quarantine: the background side touches no engine until somebody has looked and said so.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from core.domain.errors import Conflict, Unavailable
from core.store import leases, schema
from core.store.database import Database
from core.store.manifest import Manifest, read_manifest
from core.store.queries import whole
from core.store.repositories import journal
from core.store.writelock import WriteLock
from core.views.operations import Verdict

_BESIDE = ("-wal", "-shm")  # what SQLite keeps beside a file and takes for a part of it


@dataclass(frozen=True, slots=True)
class Restored:
    path: str
    manifest: Manifest
    epoch: int
    replaced: str | None  # where the store is that was there before


def restore(target: Path, backup: Path, now: int) -> Restored:
    """All that can be wrong is found before the store that is there is touched."""
    manifest = read_manifest(backup)
    schema.refuse_newer(manifest.schema)
    beside = target.with_name(f".{target.name}.restoring-{os.getpid()}")
    try:
        with _nobody_leads(target):
            shutil.copyfile(backup, beside)
            beside.chmod(0o600)
            epoch = _make_ready(beside, manifest, _epoch_of(target) + 1, now)
            replaced = _swap(target, beside, now)
    except OSError as error:
        hint = "see the folder's rights and free space; nothing was changed"
        raise Unavailable("restore_impossible", f"{target}: {error.strerror}", hint) from error
    finally:
        for left in target.parent.glob(f"{beside.name}*"):
            left.unlink(missing_ok=True)
    return Restored(str(target), manifest, epoch, str(replaced) if replaced else None)


@contextmanager
def _nobody_leads(target: Path) -> Iterator[None]:
    """The lock of the leader, held meanwhile: nobody acts on the old store, and nobody begins to on the new one."""
    handle = os.open(f"{target}-leader", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise Conflict(
            "store_in_use", "a daemon or console leads on this store; nothing was changed", "end it, then restore"
        ) from None
    try:
        yield
    finally:
        os.close(handle)


def _epoch_of(target: Path) -> int:
    """Of the last leader there; nothing where the store is gone or damaged, which is why people restore."""
    if not target.exists():
        return 0
    with suppress(sqlite3.Error), closing(sqlite3.connect(target)) as connection:
        row = connection.execute("SELECT epoch FROM leases WHERE name = ?", (leases.LEADER,)).fetchone()
        return int(row[0]) if row else 0
    return 0


def _make_ready(beside: Path, manifest: Manifest, least_epoch: int, now: int) -> int:
    """Bring it to this program's schema, look it through, fence off its old leader, and put it into quarantine."""
    database = Database(f"sqlite:///{beside}")
    try:
        schema.bring_up_to_date(database)
        with database.read() as connection:
            findings = whole.findings(database, connection, now)
        failing = [f"{one.id} {one.check}: {one.message}" for one in findings if one.verdict is Verdict.FAIL]
        if failing:
            raise Conflict(
                "backup_unsound", f"the backup is not whole: {'; '.join(failing[:3])}", "restore an earlier one"
            )
        with database.write() as connection:
            epoch = leases.fence(connection, least_epoch)
            leases.quarantine(connection, now)
            facts: dict[str, object] = {"made_at": manifest.made_at, "sha256": manifest.sha256, "epoch": epoch}
            change = journal.Change(
                now, "nobody", "cli", None, "store.restore", manifest.install or "store", None, facts
            )
            journal.write(connection, [change])
        with database.alone() as connection:
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    finally:
        database.close()
    return epoch


def _swap(target: Path, beside: Path, now: int) -> Path | None:
    """One rename. Before it the old store takes in its log, which would otherwise be taken for the new one's."""
    _make_durable(beside)
    lock = WriteLock(target)
    try:
        with lock.held():
            replaced = _keep(target, now) if target.exists() else None
            beside.rename(target)
            _make_durable(target.parent)
    finally:
        lock.close()
    return replaced


def _keep(target: Path, now: int) -> Path:
    replaced = target.with_name(f"{target.name}.replaced-{now // 1_000_000}")
    with suppress(sqlite3.Error), closing(sqlite3.connect(target)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    os.link(target, replaced)
    for ending in _BESIDE:
        log = target.with_name(target.name + ending)
        if log.exists():
            log.rename(replaced.with_name(replaced.name + ending))
    return replaced


def _make_durable(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
