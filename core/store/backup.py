"""A copy of the store while others use it, named only once it is whole."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import text

from core.domain.errors import Conflict, Invalid, Unavailable
from core.settings.private_files import write_private
from core.store.database import Database
from core.store.manifest import Manifest, manifest_of, place_of, text_of


def copy_sqlite(database: Database, target: Path) -> Manifest:
    """Write a copy of a SQLite store beside its final name, make it durable, then rename it.

    What it is to be known by goes before it: a copy without its manifest is never named as a backup.
    """
    if not database.is_sqlite:
        raise Invalid("backup_not_sqlite", "this store is PostgreSQL", "back it up with pg_dump -Fc")
    if target.exists():
        raise Conflict("backup_exists", f"{target} exists already", "name another file")
    try:
        return _copy(database, target)
    except OSError as error:
        raise Unavailable(
            "backup_impossible",
            f"{target} cannot be written: {error.strerror}",
            "name a file in a folder that is yours and has room",
        ) from error


def _copy(database: Database, target: Path) -> Manifest:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
    partial.unlink(missing_ok=True)
    try:
        with database.snapshot() as connection:
            connection.execute(text("VACUUM INTO :file"), {"file": str(partial)})
        partial.chmod(0o600)
        _make_durable(partial)
        with closing(sqlite3.connect(f"file:{quote(str(partial))}?mode=ro", uri=True)) as copied:
            manifest = manifest_of(partial, copied)
        write_private(place_of(target), text_of(manifest))
        partial.rename(target)
        _make_durable(target.parent)
        return manifest
    finally:
        partial.unlink(missing_ok=True)


def _make_durable(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
