"""What a backup says of itself, in a file beside it: enough to know it again, and to know that it is whole."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from core.domain.audit import GENESIS
from core.domain.errors import Invalid, NotFound
from core.ledger.amounts import Book

SUFFIX = ".json"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """`entries` and what was minted are of the ledger: how many lines, and all that ever came into it."""

    made_at: int
    install: str | None
    schema: str | None
    sha256: str
    bytes: int
    entries: int
    minted_ucr: int
    minted_gpu_ms: int
    audit_rows: int
    audit_head: str
    format: int = _FORMAT


def manifest_of(file: Path, connection: sqlite3.Connection) -> Manifest:
    """Read from the copy itself, so that what is said of it is true of it."""
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    entries, ucr, gpu_ms = _of_ledger(connection) if "entries" in tables else (0, 0, 0)
    rows, head = _of_audit(connection) if "audit" in tables else (0, GENESIS)
    install = _one(connection, "SELECT id FROM installation") if "installation" in tables else None
    schema = _one(connection, "SELECT version_num FROM alembic_version")
    found = file.stat()
    made_at = found.st_mtime_ns // 1000
    return Manifest(made_at, install, schema, digest, found.st_size, entries, ucr, gpu_ms, rows, head)


def _of_ledger(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """The sum of all entries is 0 by nature; what the mint gave says how much there must be elsewhere."""
    count = _one(connection, "SELECT COUNT(*) FROM entries")
    minted = "SELECT COALESCE(-SUM(amount), 0) FROM entries WHERE account_kind = 'mint' AND book = ?"
    return count, _one(connection, minted, Book.CREDITS.value), _one(connection, minted, Book.GPU_TIME.value)


def _of_audit(connection: sqlite3.Connection) -> tuple[int, str]:
    last = connection.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    return last or (0, GENESIS)


def _one(connection: sqlite3.Connection, query: str, *values: str) -> Any:
    row = connection.execute(query, values).fetchone()
    return row[0] if row else None


def place_of(backup: Path) -> Path:
    return backup.with_name(backup.name + SUFFIX)


def text_of(manifest: Manifest) -> bytes:
    return json.dumps(asdict(manifest), indent=2).encode() + b"\n"


def read_manifest(backup: Path) -> Manifest:
    """The manifest beside a backup; what is wrong with either is said before anything is touched."""
    if not backup.is_file():
        raise NotFound("backup_not_found", f"there is no backup {backup}", "name the file that `bursar backup` wrote")
    place = place_of(backup)
    try:
        found = json.loads(place.read_bytes())
        manifest = Manifest(**{field.name: found[field.name] for field in fields(Manifest)})
    except FileNotFoundError:
        hint = f"it was written with the backup: bring {place.name} beside it"
        raise NotFound("manifest_not_found", f"{backup} has no manifest", hint) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise Invalid("manifest_unreadable", f"{place} is no manifest of a backup", "name another backup") from None
    if manifest.format != _FORMAT:
        raise Invalid(
            "manifest_unreadable", f"{place} is of another version", "restore it with the Bursar that made it"
        )
    with backup.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if digest != manifest.sha256:
        message = (
            f"{backup} is not what its manifest says: {backup.stat().st_size} of {manifest.bytes} bytes, or changed"
        )
        raise Invalid("backup_changed", message, "it was cut short or altered; name another backup")
    return manifest
