"""Brings a store to this program's schema, once, under the store's own lock, after a backup; refuses a newer one.

Alembic is imported only when something must change: at head the check is one query.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text

from core.domain.errors import Conflict, Unavailable
from core.store.backup import copy_sqlite
from core.store.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = "0008"


def bring_up_to_date(database: Database, *, backup_folder: Path | None = None) -> None:
    """Migrate if needed. Safe when several processes start at once."""
    with database.read() as connection:
        version = current_version(connection)
    if version == HEAD:
        return
    refuse_newer(version)
    if version is not None and database.path is not None and backup_folder is not None:
        copy_sqlite(database, backup_folder / f"before-{HEAD}-from-{version}.db")
    migrate(database, HEAD)


def migrate(database: Database, target: str) -> None:
    """Go to a version, up or down, in one transaction: all of it or nothing."""
    with database.rebuild() as connection:
        before = current_version(connection)
        refuse_newer(before)  # another process may have been faster, and newer
        if before != target:
            _run_alembic(connection, before, target)
            if database.is_sqlite:
                _refuse_broken_references(connection)


def current_version(connection: Connection) -> str | None:
    """The version that the store says it has; None for an empty one."""
    exists = (
        "SELECT name FROM sqlite_master WHERE name = 'alembic_version'"
        if connection.dialect.name == "sqlite"
        else "SELECT to_regclass('alembic_version')"
    )
    if connection.execute(text(exists)).scalar() is None:
        return None
    version: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return version


def refuse_newer(version: str | None) -> None:
    if version is not None and version not in known_versions():
        raise Conflict(
            "schema_newer",
            f"the store has schema {version}, and this program knows up to {HEAD}",
            "use the newer Bursar that wrote it, or restore a backup from before",
        )


def known_versions() -> list[str]:
    return sorted(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def _run_alembic(connection: Connection, before: str | None, target: str) -> None:
    from alembic import command  # noqa: PLC0415 - 70 ms that a start at head does not need
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    down = before is not None and (target == "base" or target < before)
    (command.downgrade if down else command.upgrade)(config, target)


def _refuse_broken_references(connection: Connection) -> None:
    broken = connection.execute(text("PRAGMA foreign_key_check")).first()
    if broken is not None:
        raise Unavailable(
            "migration_broke_references",
            f"the migration would leave a row of {broken[0]} without what it refers to; nothing was changed",
            "restore the backup and report this",
        )
