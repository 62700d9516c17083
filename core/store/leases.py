"""Who leads. A lease row with an epoch that every write of the leader proves, and a lock that dies with its holder.

The lock tells a dead leader from a slow one: it is free as soon as the process is gone, so a killed leader is
followed at once; while it is held, the lease must run out first. The epoch keeps out a leader that was only asleep.
"""

from __future__ import annotations

import fcntl
import os
import weakref
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection, Update, bindparam, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from core.clock import Boot
from core.domain.errors import Conflict
from core.store.database import Database, translated
from core.store.fixed import Fixed
from core.store.tables import journal

leases = journal.Lease.__table__

LEADER = "leader"
# A process that is there to lead says so here, and one that leads only for want of a better lets it.
WISH = "wish"
# A store that was brought back is under one that nobody holds, until somebody has looked.
QUARANTINE = "quarantine"
_LEADER_LOCK = 0x6C656164
_TRY_LOCK = text(f"SELECT pg_try_advisory_lock({_LEADER_LOCK})")
_UNLOCK = text(f"SELECT pg_advisory_unlock({_LEADER_LOCK})")


@dataclass(frozen=True, slots=True)
class LeaseRow:
    name: str
    owner: str
    epoch: int
    expires_at: int


_NAMED = Fixed(select(*(leases.c[name] for name in LeaseRow.__slots__)).where(leases.c.name == bindparam("name")))


def current(connection: Connection) -> LeaseRow | None:
    found = _NAMED.rows(connection, {"name": LEADER})
    return LeaseRow(*found[0]) if found else None


def fence(connection: Connection, least: int) -> int:
    """A new epoch in which nobody leads yet: whoever led before, wherever, can write nothing here."""
    held = current(connection)
    epoch = max(least, held.epoch + 1 if held else 1)
    values = {"owner": "nobody", "epoch": epoch, "expires_at": 0}
    if held is None:
        connection.execute(insert(leases), {"name": LEADER, **values})
    else:
        connection.execute(update(leases).where(leases.c.name == LEADER).values(**values))
    return epoch


def quarantine(connection: Connection, now: int) -> None:
    end_quarantine(connection)
    connection.execute(insert(leases), {"name": QUARANTINE, "owner": "nobody", "epoch": 0, "expires_at": now})


def in_quarantine(connection: Connection) -> bool:
    """Whether the store came back from a backup and nobody has held it against the engines yet."""
    return bool(_NAMED.rows(connection, {"name": QUARANTINE}))


def end_quarantine(connection: Connection) -> bool:
    return connection.execute(delete(leases).where(leases.c.name == QUARANTINE)).rowcount > 0


class Leadership:
    """One process's wish to lead, and its proof while it does."""

    def __init__(self, database: Database, owner: str, lifetime_us: int) -> None:
        self._database = database
        self._owner = owner
        self._lifetime_us = lifetime_us
        self._lock = _FileLock(database) if database.is_sqlite else _SessionLock(database)
        self.epoch: int | None = None
        self.boot: Boot | None = None  # by which it counts its time, once that was compared with what is in the store
        self._sure_until = 0
        _seekers.add(self)

    def seek(self, now: int) -> bool:
        """Lead if nobody does. True when this process leads after the call."""
        if self.epoch is not None:
            return self.renew(now)
        alone = self._lock.acquire()
        if not alone and self._is_led(now):
            return False
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
        self.epoch, self.boot = epoch, None
        self._sure_until = now + self._lifetime_us
        return True

    def _is_led(self, now: int) -> bool:
        """Asked without the writer's lock, so that any number of processes may stand by for nothing."""
        with self._database.read() as connection:
            held = current(connection)
        return held is not None and held.expires_at > now

    def is_sure(self, now: int) -> bool:
        """Whether nobody else can lead yet: engines are only called then, for their calls cannot be fenced."""
        return self.epoch is not None and now < self._sure_until

    def renew(self, now: int) -> bool:
        """Lead on. False when another leads by now."""
        with self._database.write() as connection:
            changed = connection.execute(self._mine().values(expires_at=now + self._lifetime_us)).rowcount
        if changed != 1:
            self.let_go()
            return False
        # Who took over from one that hung leads without the lock, and so does who lost its connection: take it as soon
        # as it is free, or the next who seeks would find it free and take a living leader for dead.
        self._lock.acquire()
        self._sure_until = now + self._lifetime_us
        return True

    def prove(self, connection: Connection) -> None:
        """Refuse to write for a leader that is not one any more; asked in the transaction that writes."""
        held = current(connection)
        if held is None or held.epoch != self.epoch or held.owner != self._owner:
            self.let_go()
            raise Conflict("lease_lost", "another process leads by now", "this one waits until it is needed")

    def counts_by(self, boot: Boot) -> bool:
        """Whether the clock runs on as it did when all was dated by it."""
        return self.boot is not None and self.boot.id == boot.id and not boot.set_since(self.boot)

    def prove_time(self, boot: Boot) -> None:
        """Refuse what was decided by a clock that somebody has just set; asked in the transaction that writes."""
        if not self.counts_by(boot):
            raise Conflict("clock_set", "the clock was set meanwhile; nothing was done", "it is done again at once")

    def wish(self, now: int) -> None:
        """Ask whoever leads only for the time being to let this process lead."""
        values = {"owner": self._owner, "epoch": 0, "expires_at": now + self._lifetime_us}
        with self._database.write() as connection:
            if connection.execute(update(leases).where(leases.c.name == WISH).values(**values)).rowcount == 0:
                connection.execute(insert(leases), {"name": WISH, **values})

    def is_wished(self, now: int) -> bool:
        """Whether another one is there to lead."""
        wished = select(leases.c.name).where(
            leases.c.name == WISH, leases.c.owner != self._owner, leases.c.expires_at > now
        )
        with self._database.read() as connection:
            return connection.execute(wished).first() is not None

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

    def after_fork(self) -> None:
        """A child does not lead, and must not keep its parent's lock when the parent dies."""
        self.epoch = None
        self._lock.forget()

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

    forget = release


class _SessionLock:
    """PostgreSQL frees it when the connection's process is gone."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None

    def acquire(self) -> bool:
        if self._connection is not None and not self._still_connected():
            self._drop()
        if self._connection is None:
            with translated(self._database):
                connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                if not connection.execute(_TRY_LOCK).scalar():
                    connection.close()
                    return False
            self._connection = connection
        return True

    def _still_connected(self) -> bool:
        try:
            return self._connection is not None and bool(self._connection.execute(text("SELECT 1")).scalar())
        except DBAPIError:
            return False

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def release(self) -> None:
        if self._connection is not None:
            with suppress(DBAPIError):  # where the connection is gone, the lock is too
                self._connection.execute(_UNLOCK)
            self._drop()

    def forget(self) -> None:
        """The connection is the parent's: the pool that it belongs to is left alone as a whole."""
        self._connection = None


_seekers: weakref.WeakSet[Leadership] = weakref.WeakSet()


def _children_do_not_lead() -> None:
    for leadership in list(_seekers):
        leadership.after_fork()


os.register_at_fork(after_in_child=_children_do_not_lead)
