"""Where an installation keeps its data, and whether a place is fit to hold the store.

Reads the disk and, given by the caller, the table of mounts; makes nothing but the home itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from core.domain.errors import Invalid, Unavailable

MOUNTS = Path("/proc/mounts")
# SQLite's WAL needs shared memory between its users, which no file system of another host gives.
_OF_ANOTHER_HOST = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "glusterfs", "lustre", "beegfs", "gpfs", "davfs"}
    | {f"fuse.{name}" for name in ("sshfs", "glusterfs", "ceph", "s3fs", "gcsfuse", "rclone", "davfs2")}
)


def find_home(environment: Mapping[str, str], override: str | Path | None = None) -> Path:
    """The folder of all data: what was asked for, else BURSAR_HOME, else the place that XDG gives."""
    chosen = str(override) if override else environment.get("BURSAR_HOME", "")
    if not chosen:
        data = environment.get("XDG_DATA_HOME", "")
        # The XDG rule: a path that is not absolute counts as not set.
        chosen = f"{data}/bursar" if data.startswith("/") else "~/.local/share/bursar"
    if not chosen.isprintable():
        raise Invalid("home", f"the home {chosen!r} has an invisible character", "give a plain path")
    if chosen == "~" or chosen.startswith("~/"):
        user_home = environment.get("HOME", "")
        if not user_home:
            raise Invalid("home", "neither BURSAR_HOME nor HOME is set", "set BURSAR_HOME or give --home")
        chosen = user_home + chosen[1:]
    home = Path(os.path.normpath(Path.cwd() / chosen))
    if home.exists() and not home.is_dir():
        raise Invalid("home", f"the home {home} is not a folder", "name a folder")
    return home


def make_home(home: Path) -> None:
    """The home is for its owner alone; one that is there already keeps its rights."""
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Unavailable(
            "home_not_made", f"the home {home} cannot be made: {error.strerror}", "set BURSAR_HOME to a folder of yours"
        ) from None


def check_database_path(path: Path, mounts: str | None = None) -> None:
    """Refuse what cannot hold a durable SQLite file, by name, before anything is opened."""
    if path.is_dir():
        raise Invalid("database_path", f"the database {path} is a folder", f"name a file, such as {path / 'bursar.db'}")
    if path.exists() and not path.is_file():
        raise Invalid("database_path", f"the database {path} is not a plain file", "name a plain file")
    folder = path.parent
    if not folder.is_dir():
        raise Invalid("database_path", f"the database's folder {folder} does not exist", "make it, or name another")
    for place in (path, folder) if path.exists() else (folder,):
        # SQLite makes its -wal and -shm files in the folder, so the folder must be writable too.
        if not os.access(place, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
            raise Invalid("database_path", f"{place} is not writable for this user", "change its rights, or its place")
    table = _mounts_of_this_host() if mounts is None else mounts
    kind = network_file_system(path, table)
    if kind:
        raise Invalid(
            "database_path",
            f"the database {path} is on a network file system ({kind}), where SQLite's WAL is not safe",
            "put it on a local disk, or use PostgreSQL for several hosts",
        )


def network_file_system(path: Path, mounts: str) -> str | None:
    """The kind of the mount that holds `path`, if it is of another host; the deepest and latest mount counts."""
    resolved = path.resolve()
    deepest, kind = -1, ""
    for line in mounts.splitlines():
        parts = line.split(" ")
        if len(parts) < 3:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), parts[1]))
        if resolved.is_relative_to(point) and len(point.parts) >= deepest:
            deepest, kind = len(point.parts), parts[2]
    return kind if kind in _OF_ANOTHER_HOST else None


def _mounts_of_this_host() -> str:
    try:
        return MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # not Linux: there is no table to ask
