"""Which installation this store is: a short id that the tokens of its runs carry, drawn once."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from core.ids import Ids
from core.store.database import Database
from core.store.tables import journal

installation = journal.Installation.__table__


def identity(database: Database, ids: Ids, now: int) -> str:
    with database.read() as connection:
        known = known_identity(connection)
    if known is not None:
        return known
    with database.write() as connection:
        return draw(connection, ids, now)


def draw(connection: Connection, ids: Ids, now: int) -> str:
    """The id, drawn here where there is none yet."""
    known = known_identity(connection)
    if known is None:
        known = ids.handle("b")
        connection.execute(insert(installation), {"id": known, "created_at": now})
    return known


def known_identity(connection: Connection) -> str | None:
    """The id, if one was drawn already."""
    found: str | None = connection.execute(select(installation.c.id)).scalar()
    return found
