"""Who leads. A lease row with an epoch that every write of the leader proves, and a lock that dies with its holder.

The lock tells a dead leader from a slow one: it is free as soon as the process is gone, so a killed leader is
followed at once; while it is held, the lease must run out first. The epoch keeps out a leader that was only asleep.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass

from sqlalchemy import Connection, Update, insert, select, text, update

from core.domain.errors import Conflict
from core.store.database import Database
from core.store.tables import journal

leases = journal.Lease.__table__  # type: ignore[attr-defined]

LEADER = "leader"
_LEADER_LOCK = 0x6C656164


@dataclass(frozen=True, slots=True)
class LeaseRow:
    name: str
    owner: str
    epoch: int
    expires_at: int


def current(connection: Connection) -> LeaseRow | None:
    row = connection.execute(select(leases).where(leases.c.name == LEADER)).one_or_none()
    return LeaseRow(*row) if row else None


class Leadership:
    """One process's wish to lead, and its proof while it does."""

    def __init__(self, database: Database, owner: str, lifetime_us: int) -> None:
        self._database = database
        self._owner = owner
        self._lifetime_us = lifetime_us
        self._lock = _FileLock(database) if database.is_sqlite else _SessionLock(database)
        self.epoch: int | None = None

    def seek(self, now: int) -> bool:
        """Lead if nobody does. True when this process leads after the call."""
        if self.epoch is not None:
            return self.renew(now)
        alone = self._lock.acquire()
        with self._database.write() as connection:
            held = current(connection)
            if held is not None and not alone and held.expires_at > now:
                return False
            epoch = held.epoch + 1 if held else 1
            values = {"owner": self._owner, "epoch": epoch, "expires_at": now + self._lifetime_us}
            if held:
                connection.execute(update(leases).where(leases.c.name == LEADER).values(**values))
            else:
                connection.execute(insert(leases), {"name": LEADER, **values})
        self.epoch = epoch
        return True

    def renew(self, now: int) -> bool:
        """Lead on. False when another leads by now."""
        with self._database.write() as connection:
            changed = connection.execute(self._mine().values(expires_at=now + self._lifetime_us)).rowcount
        if changed != 1:
            self.epoch = None
            self._lock.release()
        return self.epoch is not None

    def prove(self, connection: Connection) -> None:
        """Refuse to write for a leader that is not one any more; asked in the transaction that writes."""
        held = current(connection)
        if held is None or held.epoch != self.epoch or held.owner != self._owner:
            self.epoch = None
            raise Conflict("lease_lost", "another process leads by now", "this one waits until it is needed")

    def resign(self) -> None:
        """Let the next one lead at once."""
        if self.epoch is not None:
            with self._database.write() as connection:
                connection.execute(self._mine().values(expires_at=0))
        self.let_go()

    def let_go(self) -> None:
        """Stop leading without a word, as a process that is killed does: the lock is free from now on."""
        self.epoch = None
        self._lock.release()

    def _mine(self) -> Update:
        return update(leases).where(
            leases.c.name == LEADER, leases.c.owner == self._owner, leases.c.epoch == self.epoch
        )


class _FileLock:
    def __init__(self, database: Database) -> None:
        self._path = f"{database.path}-leader"
        self._fd: int | None = None

    def acquire(self) -> bool:
        if self._fd is None:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                return False
            self._fd = fd
        return True

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class _SessionLock:
    """PostgreSQL frees it when the connection's process is gone."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None

    def acquire(self) -> bool:
        if self._connection is None:
            connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LEADER_LOCK}).scalar():
                connection.close()
                return False
            self._connection = connection
        return True

    def release(self) -> None:
        if self._connection is not None:
            self._connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LEADER_LOCK})
            self._connection.close()
            self._connection = None
