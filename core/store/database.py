"""The connection to the store, and nearly all that differs between SQLite and PostgreSQL.

`write()` opens a unit that may change things: one at a time on either dialect, so that numbers taken in it
(events, audit, ledger) have no holes and no two submissions both pass a limit. `read()` sees one moment of the store.
"""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, Pool

from core.domain.errors import BursarError, Invalid, Unavailable
from core.store.writelock import WriteLock

# The advisory lock that makes PostgreSQL take one writer at a time, as SQLite does. Any fixed number serves.
WRITER_LOCK = 0x62757273
# Where PostgreSQL tells those who follow the feed that something was committed. SQLite tells by itself.
CHANNEL = "bursar_events"
# What PostgreSQL undoes because two transactions were in each other's way: a deadlock, or an order that cannot be.
# Never two of ours, since those take turns: the other is another program's.
_COLLISIONS = frozenset({"40P01", "40001"})
COLLIDED = "store_collided"
SQLITE_WITHOUT_WAL_RESET_FAULT = (3, 51, 3)


class Database:
    def __init__(self, url: str | URL, *, patience_s: float = 5.0) -> None:
        self.url = _known(make_url(url))
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._lock: WriteLock | None = None
        self._patience_s = patience_s
        self.engine = self._new_engine()
        if self.path is not None:
            _make_private(self.path)
            self._lock = WriteLock(self.path, patience_s)
        self._opened = _file_at(self.path)
        _open_stores.add(self)

    def _new_engine(self, poolclass: type[Pool] | None = None) -> Engine:
        if self.is_sqlite:
            return _sqlite_engine(self.url, self._patience_s, poolclass)
        return create_engine(
            self.url,
            pool_pre_ping=True,
            poolclass=poolclass,
            hide_parameters=True,  # what is stored may be secret, and an error's text is not
            # Whatever the server's default: a unit must see what the writer before it did, for whom it has waited.
            isolation_level="READ COMMITTED",
            connect_args={"connect_timeout": 5},
        )

    @cached_property
    def path(self) -> Path | None:
        """The file of a SQLite store."""
        name = self.url.database if self.is_sqlite else None
        return Path(name) if name and name != ":memory:" else None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A unit that commits as a whole, or leaves nothing behind."""
        with translated(self), self._only_writer(), self.engine.connect() as connection, connection.begin():
            self._begin_to_write(connection)
            yield connection

    @contextmanager
    def rebuild(self) -> Iterator[Connection]:
        """A write unit for migrations: SQLite rebuilds tables by copy and rename, and must not check references."""
        engine = self._new_engine(NullPool)
        with translated(self), self._only_writer(), engine.connect() as connection, connection.begin():
            if self.is_sqlite:
                _say(connection, "PRAGMA foreign_keys=OFF")  # has no effect once the transaction runs
            self._begin_to_write(connection)
            yield connection

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """A connection outside any transaction, with writers kept out: for what SQLite does with a file as a whole."""
        engine = self._new_engine(NullPool)
        with translated(self), self._only_writer(), engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view; on PostgreSQL too every statement sees the same moment."""
        self._refuse_replaced()
        with translated(self), self.engine.connect() as connection:
            if not self.is_sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin() as transaction:
                if self.is_sqlite:
                    _say(connection, "BEGIN")
                yield connection
                transaction.rollback()

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection outside any transaction that changes nothing here, for one statement that reads it all.

        SQLite sees one moment by itself then, and writers go on: their journal grows until that is over.
        """
        self._refuse_replaced()
        with translated(self), self.engine.connect() as connection:
            yield connection

    def _begin_to_write(self, connection: Connection) -> None:
        if self.is_sqlite:
            # A unit that reads and then writes would be refused at once (SQLITE_BUSY_SNAPSHOT), whatever the patience.
            _say(connection, "BEGIN IMMEDIATE")
        else:
            connection.execute(_TAKE_WRITER_LOCK)

    @contextmanager
    def _only_writer(self) -> Iterator[None]:
        if self._lock is None:
            yield
        else:
            with self._lock.held():
                self._refuse_replaced()
                yield

    def _refuse_replaced(self) -> None:
        """Connections stay with the file that they have opened: what they write once it is gone is lost with it."""
        if _file_at(self.path) != self._opened:
            raise Unavailable(
                "store_replaced",
                f"the store {self.path} was replaced or removed while it was open; nothing was changed",
                "stop every Bursar that uses it, look whether the right file is there, then start again",
            )

    def close(self) -> None:
        self.engine.dispose()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def after_fork(self) -> None:
        """Connections of the parent are not the child's to use or to close, so they are kept, and never touched."""
        _of_the_parent.append(self.engine.pool)
        self.engine.dispose(close=False)


_open_stores: weakref.WeakSet[Database] = weakref.WeakSet()
_of_the_parent: list[Pool] = []


def _leave_connections_to_the_parent() -> None:
    for database in list(_open_stores):
        database.after_fork()


os.register_at_fork(after_in_child=_leave_connections_to_the_parent)


def announce(connection: Connection) -> None:
    """Wake those who follow the feed, as soon as this transaction is committed."""
    if connection.dialect.name == "postgresql":
        connection.execute(_NOTIFY)


_NOTIFY = text(f"NOTIFY {CHANNEL}")
_TAKE_WRITER_LOCK = text(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")


def _make_private(path: Path) -> None:
    """A new store is its owner's alone; SQLite gives the files beside it the same mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise Unavailable(
            "store_unreachable", f"the store {path} cannot be opened: {error.strerror}", "check its folder and owner"
        ) from error


def _file_at(path: Path | None) -> tuple[int, int] | None:
    """Which file that is now, whatever its name."""
    try:
        found = path.stat() if path is not None else None
    except FileNotFoundError:
        return None
    return (found.st_dev, found.st_ino) if found is not None else None


def sqlite_module() -> ModuleType:
    """A newer SQLite where the optional package brings one, else Python's own."""
    try:
        from pysqlite3 import dbapi2  # type: ignore[import-not-found]  # noqa: PLC0415 - optional
    except ImportError:
        return sqlite3
    newer: ModuleType = dbapi2
    return newer


def _known(url: URL) -> URL:
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise Invalid(
            "database_unknown",
            f"database_url: {url.get_backend_name()!r} is not a store that Bursar knows",
            "use sqlite:///FILE or postgresql://USER@HOST/NAME",
        )
    return url.set(drivername="postgresql+psycopg") if url.get_backend_name() == "postgresql" else url


def _sqlite_engine(url: URL, patience_s: float, poolclass: type[Pool] | None) -> Engine:
    engine = create_engine(
        url,
        poolclass=poolclass,
        module=sqlite_module(),
        hide_parameters=True,
        connect_args={"timeout": patience_s, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves; the module would not before SELECT or DDL
        # Without recursive triggers a REPLACE would delete what the triggers of append-only tables keep.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    return engine


def _say(connection: Connection, command: str) -> None:
    """By the module itself: a listener to SQLAlchemy's own begin would make every statement of the unit dearer."""
    connection.connection.driver_connection.execute(command)  # type: ignore[union-attr]


@contextmanager
def translated(database: Database) -> Iterator[None]:
    """What the store cannot do now becomes an answer; a programming error stays what it is."""
    try:
        yield
    except BursarError:
        raise
    except (DBAPIError, database.engine.dialect.loaded_dbapi.Error) as error:
        answer = _answer_to(error, database)
        if answer is None:
            raise
        raise answer from error


# What SQLite says -> code, message, hint. Nothing was changed in any of these cases.
_SQLITE_ANSWERS = {
    "database is locked": ("store_busy", "another program holds the store", "close what else writes it"),
    "disk is full": ("disk_full", "the disk is full", "free some space; Bursar goes on by itself"),
    "disk I/O error": ("store_io", "the disk does not answer", "look at the disk, then run bursar doctor"),
    "readonly database": ("store_read_only", "the store cannot be written", "check owner and mode of file and folder"),
    "unable to open": ("store_unreachable", "the store cannot be opened", "check that its folder exists and is yours"),
    "malformed": ("store_damaged", "the store is damaged", "stop Bursar, run bursar doctor, or restore a backup"),
    "not a database": ("store_damaged", "the file is no Bursar store", "check database_url, or restore a backup"),
}


def _answer_to(error: Exception, database: Database) -> Unavailable | None:
    where = database.url.render_as_string(hide_password=True)
    by_driver = error.orig if isinstance(error, DBAPIError) else error
    reason = str(by_driver)
    if database.is_sqlite:
        for sign, (code, message, hint) in _SQLITE_ANSWERS.items():
            if sign in reason:
                return Unavailable(code, f"{message} ({where})", hint)
        return None
    if getattr(by_driver, "sqlstate", None) in _COLLISIONS:
        message = f"another program changes the store at the same time; nothing was changed ({where})"
        return Unavailable(COLLIDED, message, "try again")
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    if lost or isinstance(by_driver, database.engine.dialect.loaded_dbapi.OperationalError):
        first_line = reason.strip().splitlines()[0] if reason.strip() else "no answer"
        message = f"the store does not answer: {first_line} ({where})"
        return Unavailable("store_unreachable", message, "is PostgreSQL up, and the URL right?")
    return None
