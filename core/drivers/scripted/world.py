"""The world of one simulated cluster: its instances, in an SQLite file that outlives every process.

Nothing happens in it by itself: when an instance starts and ends is written down beforehand, and what it is *now*
follows from the instant asked for. Knows no faults. A killed process leaves it whole; it is not made for power cuts.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from core.domain.engines import Observed, Phase, Token, Trouble, Use, trouble
from core.domain.resources import Resources

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS instances (
    id INTEGER PRIMARY KEY, token TEXT UNIQUE, lineage TEXT, name TEXT NOT NULL, kind TEXT NOT NULL,
    node TEXT NOT NULL, cpu INTEGER NOT NULL, ram INTEGER NOT NULL, gpu INTEGER NOT NULL, disk INTEGER NOT NULL,
    devices TEXT NOT NULL, labels TEXT NOT NULL, public_ip TEXT,
    power TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, visible_at INTEGER NOT NULL,
    started_at INTEGER NOT NULL, ends_at INTEGER, left_us INTEGER, stopped INTEGER NOT NULL, exit_code INTEGER,
    deaf INTEGER NOT NULL, oom INTEGER NOT NULL, utilization INTEGER, version INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS instances_lineage ON instances (lineage);
CREATE TABLE IF NOT EXISTS faults (
    id INTEGER PRIMARY KEY, verb TEXT NOT NULL, kind TEXT NOT NULL, times INTEGER, share_milli INTEGER NOT NULL
);
"""
SIGTERM, SIGKILL = 15, 9


class Power(StrEnum):
    ON = "on"
    SUSPENDED = "suspended"
    DELETED = "deleted"  # a tombstone: labels and instants stay, no listing shows it


@dataclass(slots=True)
class Instance:
    """One row. `ends_at` may lie ahead: it is when it will end if nobody interferes."""

    id: int | None
    token: str | None
    lineage: str | None  # the token without its generation
    name: str
    kind: str
    node: str
    resources: Resources
    devices: tuple[str, ...]
    labels: Mapping[str, str]
    public_ip: str | None
    power: Power
    created_at: int
    updated_at: int
    visible_at: int
    started_at: int
    ends_at: int | None = None
    left_us: int | None = None
    stopped: bool = False
    exit_code: int | None = None
    deaf: bool = False
    oom: bool = False
    utilization: int | None = None
    version: int = 0  # of the row: one more at each change
    engine_id: str = field(init=False, default="")

    def __post_init__(self) -> None:
        if self.id is not None:
            self.engine_id = f"sim-{self.id:06d}"

    def phase(self, now: int) -> Phase:
        return phase_of(self.power, self.kind, self.started_at, self.ends_at, now)

    def observed(self, now: int, token: Token | None) -> Observed:
        phase = self.phase(now)
        over = phase in (Phase.OFF, Phase.FINISHED, Phase.GONE)
        ran = phase is not Phase.STARTING and (self.ends_at is None or self.started_at <= self.ends_at)
        code = self.exit_code if over else None
        busy = self.utilization if phase is Phase.RUNNING else None
        return Observed(
            token=token,
            engine_id=self.engine_id,
            phase=phase,
            name=self.name,
            node=self.node,
            resources=self.resources,
            gpu_devices=self.devices,
            labels=self.labels,
            created_at=self.created_at,
            updated_at=self.updated_at,
            started_at=self.started_at if ran else None,
            finished_at=self.ends_at if over else None,
            exit_code=code,
            signal=code - 128 if self.stopped and code is not None else None,
            oom=self.oom and over,
            use=None if busy is None else Use(gpu_busy_milli=busy),
            facts={"record": "deleted"} if phase is Phase.GONE else {},
        )

    def end(self, at: int, exit_code: int) -> None:
        """Bring the end forward; one that comes earlier by itself stays."""
        if self.ends_at is None or at < self.ends_at:
            self.ends_at, self.stopped, self.exit_code, self.oom = at, True, exit_code, False

    def is_over(self, now: int) -> bool:
        return self.phase(now) not in (Phase.STARTING, Phase.RUNNING, Phase.SUSPENDED)


def phase_of(power: str, kind: str, started_at: int, ends_at: int | None, now: int) -> Phase:
    if power == Power.DELETED:
        return Phase.GONE
    if ends_at is not None and ends_at <= now:
        return Phase.OFF if kind == "vm" else Phase.FINISHED
    if power == Power.SUSPENDED:
        return Phase.SUSPENDED
    return Phase.STARTING if now < started_at else Phase.RUNNING


_COLUMNS = (
    *("token", "lineage", "name", "kind", "node", "cpu", "ram", "gpu", "disk", "devices", "labels", "public_ip"),
    *("power", "created_at", "updated_at", "visible_at", "started_at", "ends_at", "left_us", "stopped"),
    *("exit_code", "deaf", "oom", "utilization", "version"),
)
_SELECT = f"SELECT id, {', '.join(_COLUMNS)} FROM instances"  # noqa: S608 - our own words
_INSERT = f"INSERT INTO instances ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
_UPDATE = f"UPDATE instances SET {', '.join(f'{c} = ?' for c in _COLUMNS)} WHERE id = ?"  # noqa: S608


class World:
    def __init__(self, path: Path, wait_s: float) -> None:
        self._path = path
        self._wait_s = wait_s
        self._guard = threading.RLock()
        self._opened: sqlite3.Connection | None = None

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One writer at a time among all processes; all of it or nothing."""
        with self._guard, _answers(self._path):
            db = self._connection()
            db.execute("BEGIN IMMEDIATE")
            with db:  # ends the transaction: kept, or undone when the block raises
                yield db

    @contextmanager
    def look(self) -> Iterator[sqlite3.Connection]:
        with self._guard, _answers(self._path):
            yield self._connection()

    def close(self) -> None:
        with self._guard:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            db = sqlite3.connect(self._path, timeout=self._wait_s, isolation_level=None, check_same_thread=False)
            # The file must outlive killed processes, not power cuts: what it holds was never real.
            db.execute("PRAGMA journal_mode = PERSIST")
            db.execute("PRAGMA synchronous = OFF")
            db.executescript(SCHEMA)
            self._opened = db
        return self._opened


@contextmanager
def _answers(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise trouble(Trouble.ENGINE_DOWN, f"the simulated world {path} does not answer: {error}") from None
    except sqlite3.DatabaseError as error:
        hint = "restore the file, or delete it: its instances are lost then"
        raise trouble(Trouble.ENGINE_FAULT, f"the simulated world {path} is damaged: {error}", hint) from None


def by_token(db: sqlite3.Connection, token: Token) -> Instance | None:
    row = db.execute(f"{_SELECT} WHERE token = ?", (str(token),)).fetchone()
    return None if row is None else _instance(row)


def of_lineage(db: sqlite3.Connection, token: Token) -> list[Instance]:
    """What earlier generations of the deployment left, oldest first."""
    rows = db.execute(f"{_SELECT} WHERE lineage = ? AND power <> 'deleted' ORDER BY id", (lineage(token),))
    return [_instance(row) for row in rows]


def listed(db: sqlite3.Connection, now: int) -> list[Instance]:
    rows = db.execute(f"{_SELECT} WHERE power <> 'deleted' AND visible_at <= ? ORDER BY id", (now,))
    return [_instance(row) for row in rows]


def outlines(db: sqlite3.Connection, now: int) -> list[tuple[int, int, Phase]]:
    """What is listed, as id, version and phase only: with the same three, an instance looks the same as before."""
    rows = db.execute(
        "SELECT id, version, power, kind, started_at, ends_at FROM instances"
        " WHERE power <> 'deleted' AND visible_at <= ? ORDER BY id",
        (now,),
    )
    return [
        (id_, version, phase_of(power, kind, started_at, ends_at, now))
        for id_, version, power, kind, started_at, ends_at in rows
    ]


def by_ids(db: sqlite3.Connection, ids: Sequence[int]) -> list[Instance]:
    found: list[Instance] = []
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        rows = db.execute(f"{_SELECT} WHERE id IN ({', '.join('?' * len(some))})", some)
        found += [_instance(row) for row in rows]
    return found


def all_ever(db: sqlite3.Connection) -> list[Instance]:
    return [_instance(row) for row in db.execute(f"{_SELECT} ORDER BY id")]


def insert(db: sqlite3.Connection, new: Instance) -> Instance:
    new.id = db.execute(_INSERT, _values(new)).lastrowid
    new.__post_init__()
    return new


def save(db: sqlite3.Connection, changed: Instance, now: int) -> Instance:
    changed.updated_at, changed.version = now, changed.version + 1
    db.execute(_UPDATE, (*_values(changed), changed.id))
    return changed


def lineage(token: Token) -> str:
    return f"{token.install}.{token.deployment}.{token.rank}"


def next_count(db: sqlite3.Connection, name: str) -> int:
    """1, 2, 3 ... through all processes that use this world."""
    row = db.execute(
        "INSERT INTO meta VALUES (?, '1') ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value", (name,)
    ).fetchone()
    return int(row[0])


def _values(one: Instance) -> tuple[object, ...]:
    amount = one.resources
    return (
        one.token,
        one.lineage,
        one.name,
        one.kind,
        one.node,
        amount.cpu_milli,
        amount.ram_mib,
        amount.gpu_milli,
        amount.disk_mib,
        json.dumps(one.devices) if one.devices else "[]",
        json.dumps(dict(one.labels)) if one.labels else "{}",
        one.public_ip,
        one.power.value,
        one.created_at,
        one.updated_at,
        one.visible_at,
        one.started_at,
        one.ends_at,
        one.left_us,
        int(one.stopped),
        one.exit_code,
        int(one.deaf),
        int(one.oom),
        one.utilization,
        one.version,
    )


def _instance(row: tuple[Any, ...]) -> Instance:
    (id_, token, lineage_, name, kind, node, cpu, ram, gpu, disk, devices, labels, ip, power, *rest) = row
    created, updated, visible, started, ends, left, stopped, code, deaf, oom, utilization, version = rest
    return Instance(
        id_,
        token,
        lineage_,
        name,
        kind,
        node,
        Resources(cpu, ram, gpu, disk),
        tuple(json.loads(devices)) if devices != "[]" else (),
        json.loads(labels) if labels != "{}" else {},
        ip,
        Power(power),
        created,
        updated,
        visible,
        started,
        ends,
        left,
        bool(stopped),
        code,
        bool(deaf),
        bool(oom),
        utilization,
        version,
    )
