"""What happened: the audit chain and the feed, written together at the end of a unit of work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from core.domain.audit import GENESIS, AuditRow, link
from core.store.database import announce
from core.store.scope import Scope
from core.store.tables import journal

audit = journal.Audit.__table__  # type: ignore[attr-defined]
events = journal.Event.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Change:
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
    seq, previous = connection.execute(_LAST).one_or_none() or (0, GENESIS)
    rows = []
    for change in changes:
        seq += 1
        content: dict[str, object] = {
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
        row_hash = link(previous, **content)  # type: ignore[arg-type]
        rows.append({**content, "previous": previous, "hash": row_hash})
        previous = row_hash
    connection.execute(insert(audit), rows)
    connection.execute(
        insert(events),
        [
            {"at": c.at, "org_id": c.org_id, "kind": c.verb, "subject": c.target, "data": _text(c.after) or "{}"}
            for c in changes
        ],
    )
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
    return None if values is None else json.dumps(values, sort_keys=True, separators=(",", ":"))


_LAST = select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)
