"""Programs for who owns an installation's home, beside every login: bring a backup back, see what an upgrade does.

They open the store themselves, since opening it as everything else does would already bring it up to date.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from core.clock import SystemClock
from core.domain.errors import Exhausted, Invalid
from core.settings import Settings, check_database_path, load, make_home
from core.store import restore as bringing_back
from core.store import schema
from core.store.database import Database
from core.store.queries import whole
from core.views.operations import Verdict

# A migration copies the tables that it changes; slower disks than this are rare, faster ones only a pleasant surprise.
_BYTES_PER_SECOND = 20 * 2**20


class Place(Protocol):
    @property
    def home(self) -> Path: ...


class Terminal(Protocol):
    def write(self, text: str) -> None: ...


def restore(place: Place, values: Mapping[str, Any], terminal: Terminal) -> int:
    """Put a backup in the place of the store; the daemon begins to work on it once somebody has looked."""
    settings = load(home_override=place.home)
    make_home(settings.home)
    target = settings.database_url.path
    if target is None:
        raise Invalid(
            "restore_not_sqlite", "this store is PostgreSQL", "bring it back with pg_restore, then run doctor"
        )
    check_database_path(target)
    done = bringing_back.restore(target, Path(values["path"]), SystemClock().now())
    terminal.write(f"restored   {done.path}\n")
    if done.replaced:
        terminal.write(f"kept       {done.replaced}, as it was before\n")
    terminal.write(f"audit      {done.manifest.audit_rows} rows, head {done.manifest.audit_head[:12]}\n")
    terminal.write(f"ledger     {done.manifest.entries} entries\n")
    terminal.write(f"epoch      {done.epoch}: whoever led before can write nothing here\n")
    terminal.write("quarantine: no engine is touched until you have looked: bursar reconcile\n")
    terminal.write("then let the daemon work again: bursar reconcile --end-quarantine\n")
    return 0


@dataclass(frozen=True, slots=True)
class Outlook:
    """What bringing a store up to date comes to."""

    before: str | None
    missing: tuple[str, ...]
    store_bytes: int | None
    free_bytes: int | None

    @property
    def has_room(self) -> bool:
        return self.store_bytes is None or self.free_bytes is None or self.free_bytes >= 2 * self.store_bytes


def upgrade(place: Place, values: Mapping[str, Any], terminal: Terminal) -> int:
    """Say what an upgrade of the store would do; without --check do it, and let the doctor look at what came out."""
    settings = load(home_override=place.home)
    make_home(settings.home)
    database = Database(settings.database_url.secret_text)
    try:
        outlook = _outlook(database)
        _describe(outlook, terminal.write)
        if outlook.missing and not outlook.has_room:
            need = 2 * (outlook.store_bytes or 0) // 2**20
            raise Exhausted("no_room", f"a backup and the migration need {need} MiB", "free some space first")
        if outlook.missing and not values["check"]:
            _upgrade(database, settings, terminal.write)
    finally:
        database.close()
    return 0


def _outlook(database: Database) -> Outlook:
    with database.read() as connection:
        before = schema.current_version(connection)
    schema.refuse_newer(before)
    missing = tuple(version for version in schema.known_versions() if version > (before or ""))
    path = database.path
    if path is None:
        return Outlook(before, missing, None, None)
    return Outlook(before, missing, path.stat().st_size, shutil.disk_usage(path.parent).free)


def _describe(outlook: Outlook, write: Callable[[str], None]) -> None:
    write(f"store      schema {outlook.before or 'none yet'}\n")
    write(f"program    schema {schema.HEAD}\n")
    if not outlook.missing:
        write("nothing to do: the store is up to date\n")
        return
    write(f"migrations {', '.join(outlook.missing)}, each in one transaction\n")
    if outlook.store_bytes is None or outlook.free_bytes is None:
        write("backup     none is taken of PostgreSQL: pg_dump -Fc before\n")
        return
    seconds = 1 + 2 * outlook.store_bytes // _BYTES_PER_SECOND
    write(f"time       about {seconds} s, with the backup before it\n")
    write(f"space      {2 * outlook.store_bytes // 2**20} MiB of {outlook.free_bytes // 2**20} MiB free\n")


def _upgrade(database: Database, settings: Settings, write: Callable[[str], None]) -> None:
    schema.bring_up_to_date(database, backup_folder=settings.home / "backups")
    with database.read() as connection:
        found = whole.findings(database, connection, SystemClock().now())
    failing = [one for one in found if one.verdict is Verdict.FAIL]
    write(f"done: schema {schema.HEAD}, {len(found) - len(failing)} of {len(found)} checks hold\n")
    for one in failing:
        write(f"FAIL {one.id} {one.check}: {one.message}\n")
