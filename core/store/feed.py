"""Follows what others commit: waits until there may be news, then reads the events behind those seen last.

SQLite tells by `PRAGMA data_version` that another connection has committed, PostgreSQL by LISTEN; between two
looks nothing is done. The daemon follows it, and so do the consoles.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, bindparam, func
from sqlalchemy import select as select_rows
from sqlalchemy.exc import DBAPIError

from core.store.database import CHANNEL, Database
from core.store.fixed import Fixed
from core.store.repositories.journal import events


class EventRow(NamedTuple):
    seq: int
    at: int
    org_id: str | None
    kind: str
    subject: str
    data: str


def newest(connection: Connection) -> int:
    """The number of the last event; 0 before the first."""
    return int(_NEWEST.rows(connection, {})[0][0])


def behind(connection: Connection, seq: int) -> list[EventRow]:
    """What happened after that number, oldest first."""
    return list(map(EventRow._make, _BEHIND.rows(connection, {"seen": seq})))


def is_kept(connection: Connection, seq: int) -> bool:
    """Whether nothing behind that number has been cleaned away: else a follower must look at everything anew."""
    first = _OLDEST.rows(connection, {})[0][0]
    return first is None or int(first) <= seq + 1


_NEWEST = Fixed(select_rows(func.coalesce(func.max(events.c.seq), 0)))
_OLDEST = Fixed(select_rows(func.min(events.c.seq)))
_BEHIND = Fixed(
    select_rows(*(events.c[name] for name in EventRow._fields))
    .where(events.c.seq > bindparam("seen"))
    .order_by(events.c.seq)
)


class Feed:
    """One follower. `wait` may be left early from any thread by `wake`."""

    def __init__(self, database: Database, poll_s: float) -> None:
        self._bell, self._rope = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._guard = threading.Lock()
        self._closed = False
        self._ear: _Ear = _Sqlite(database, poll_s) if database.is_sqlite else _Postgres(database)

    def wait(self, timeout_s: float) -> bool:
        """Until something was committed, somebody called `wake`, or the time is over; False for the last."""
        return self._ear.hear(timeout_s, self._bell)

    def wake(self) -> None:
        with self._guard:
            if not self._closed:
                with contextlib.suppress(BlockingIOError):  # it rings already
                    os.write(self._rope, b"!")

    def close(self) -> None:
        with self._guard:
            if self._closed:
                return
            self._closed = True
        self._ear.close()
        os.close(self._bell)
        os.close(self._rope)


class _Ear(Protocol):
    def hear(self, timeout_s: float, bell: int) -> bool: ...

    def close(self) -> None: ...


class _Sqlite:
    def __init__(self, database: Database, poll_s: float) -> None:
        self._poll_s = poll_s
        self._connection: Any = database.engine.raw_connection()
        self._connection.detach()  # it is used for as long as the feed lives, so the pool must not count it
        self._known = self._version()

    def hear(self, timeout_s: float, bell: int) -> bool:
        left = timeout_s
        while True:
            if _stirred(bell, max(0.0, min(left, self._poll_s)), ()):
                return True
            version = self._version()
            if version != self._known:
                self._known = version
                return True
            left -= self._poll_s
            if left <= 0:
                return False

    def _version(self) -> int:
        """Of this connection: it changes when any other one, also of this process, has committed."""
        return int(self._connection.cursor().execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        self._connection.close()


class _Postgres:
    _AGAIN_AFTER_S = 1.0

    def __init__(self, database: Database) -> None:
        self._engine = database.engine
        self._lost: tuple[type[Exception], ...] = (DBAPIError, OSError, database.engine.dialect.loaded_dbapi.Error)
        self._connection: Any = None
        self._listen()

    def _listen(self) -> None:
        pooled = self._engine.raw_connection()
        pooled.detach()
        connection: Any = pooled.dbapi_connection
        connection.autocommit = True
        connection.execute(f"LISTEN {CHANNEL}")
        self._connection = connection

    def hear(self, timeout_s: float, bell: int) -> bool:
        try:
            if self._connection is None:
                self._listen()
                return True  # what was told meanwhile has been missed
            if self._told():
                return True
            stirred = _stirred(bell, timeout_s, (self._connection.fileno(),))
            self._told()  # taken up; where it was no news but a farewell, the next look finds the connection gone
            return stirred
        except self._lost:
            self.close()
            _stirred(bell, min(timeout_s, self._AGAIN_AFTER_S), ())
            return True

    def _told(self) -> bool:
        return bool(list(self._connection.notifies(timeout=0)))

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(*self._lost):  # it may be gone already
                self._connection.close()
            self._connection = None


def _stirred(bell: int, timeout_s: float, others: Sequence[int]) -> bool:
    """Whether the bell was rung, or anything came from the others."""
    ready, _, _ = select.select([bell, *others], [], [], timeout_s)
    if bell in ready:
        with contextlib.suppress(BlockingIOError):
            while os.read(bell, 512):
                continue
    return bool(ready)
