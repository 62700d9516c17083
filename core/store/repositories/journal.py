"""What happened: the audit chain and the feed, written together at the end of a unit of work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select

from core.domain.audit import GENESIS, AuditRow, link
from core.store.database import announce
from core.store.fixed import Fixed
from core.store.scope import Scope
from core.store.tables import journal

audit = journal.Audit.__table__
events = journal.Event.__table__


class Change(NamedTuple):
    """One thing that changed: `target` is what it happened to, before and after are what is worth keeping of it."""

    at: int
    actor: str
    face: str
    org_id: str | None
    verb: str
    target: str
    before: dict[str, object] | None
    after: dict[str, object] | None


def write(connection: Connection, changes: list[Change]) -> None:
    """Append to chain and feed. The writer's lock is held, so the numbers follow each other without a hole."""
    seq, previous = next(iter(_LAST.rows(connection, {})), (0, GENESIS))
    chained, told = [], []
    for change in changes:
        seq += 1
        content: dict[str, Any] = {
            "seq": seq,
            "at": change.at,
            "actor": change.actor,
            "face": change.face,
            "org_id": change.org_id,
            "verb": change.verb,
            "target": change.target,
            "before": _text(change.before),
            "after": _text(change.after),
        }
        row_hash = link(previous, **content)
        chained.append({**content, "previous": previous, "hash": row_hash})
        told.append(
            {
                "at": change.at,
                "org_id": change.org_id,
                "kind": change.verb,
                "subject": change.target,
                "data": content["after"] or "{}",
            }
        )
        previous = row_hash
    _ADD_AUDIT.run(connection, chained)
    _ADD_EVENTS.run(connection, told)
    announce(connection)


class Audit:
    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope

    def newest(self, limit: int, before_seq: int | None = None) -> list[AuditRow]:
        statement = select(audit).where(self._scope.covers(audit)).order_by(audit.c.seq.desc()).limit(limit)
        if before_seq is not None:
            statement = statement.where(audit.c.seq < before_seq)
        return [AuditRow(*row) for row in self._connection.execute(statement)]

    def from_the_beginning(self) -> Iterator[AuditRow]:
        # An option of the statement: on the connection it would stay, and make cursors for what cannot have one.
        everything = select(audit).order_by(audit.c.seq).execution_options(yield_per=2000)
        with self._connection.execute(everything) as rows:  # whoever stops early leaves no cursor behind
            yield from (AuditRow(*row) for row in rows)


def _text(values: dict[str, object] | None) -> str | None:
    if values is None:
        return None
    if all(type(value) is str for value in values.values()):
        return _of_words(tuple(values.items()))
    return _ENCODE(values)


@lru_cache(maxsize=1_000)
def _of_words(items: tuple[tuple[str, object], ...]) -> str:
    """Moves say the same few words again and again. A number would not do: 1 and True are the same key."""
    return _ENCODE(dict(items))


_ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
_LAST = Fixed(select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1))
_ADD_AUDIT = Fixed(insert(audit), tuple(audit.c.keys()))
_ADD_EVENTS = Fixed(insert(events), ("at", "org_id", "kind", "subject", "data"))
