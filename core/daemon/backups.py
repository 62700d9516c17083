"""Backups by themselves: one an hour, thinned out with age until each day and month of some time back has one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from core.clock import SECOND
from core.daemon.ground import Ground
from core.settings import Retention
from core.store.backup import copy_sqlite
from core.store.manifest import place_of

FOLDER = "backups"
_NAME = "auto-%Y%m%dT%H%M%SZ.db"


def back_up(ground: Ground) -> int:
    """Make one if the newest is old enough, and clear away what is kept no longer; how many were made.

    PostgreSQL is backed up by its own means; and so is nothing where no backup is to be kept.
    """
    database, kept, now = ground.units.database, ground.settings.retention, ground.units.now()
    if not database.is_sqlite or not (kept.hourly_backups or kept.daily_backups or kept.monthly_backups):
        return 0
    folder = ground.settings.home / FOLDER
    known = _known(folder)
    past = [made_at for made_at in known if made_at <= now]  # others were named by a clock that was ahead
    if past and now - max(past) < ground.settings.daemon.backup_every_ms * 1000:
        return 0
    made_at = now // SECOND * SECOND
    copy_sqlite(database, folder / _utc(made_at).strftime(_NAME))
    known[made_at] = folder / _utc(made_at).strftime(_NAME)
    for gone in known.keys() - to_keep(known, kept):
        for file in (known[gone], place_of(known[gone])):
            file.unlink(missing_ok=True)
    return 1


def to_keep(made_at: Iterable[int], kept: Retention) -> set[int]:
    """The newest of each of the last hours, days and months that have one, as many as are to be kept of each."""
    found: set[int] = set()
    for period, count in (
        ("%Y%m%d%H", kept.hourly_backups),
        ("%Y%m%d", kept.daily_backups),
        ("%Y%m", kept.monthly_backups),
    ):
        newest = {_utc(instant).strftime(period): instant for instant in sorted(made_at)}
        found.update(sorted(newest.values(), reverse=True)[:count])
    return found


def _known(folder: Path) -> dict[int, Path]:
    """Those that were made so; one that people have named themselves is theirs to keep."""
    found = {}
    for file in folder.glob("auto-*.db"):
        try:
            stamp = datetime.strptime(file.name, _NAME).replace(tzinfo=UTC)
        except ValueError:
            continue
        found[int(stamp.timestamp()) * SECOND] = file
    return found


def _utc(instant: int) -> datetime:
    return datetime.fromtimestamp(instant // SECOND, UTC)
