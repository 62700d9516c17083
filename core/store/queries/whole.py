"""Whether a store is whole: its engine's own checks, every rule of people, work and money, the chain of the audit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection

from core.domain.audit import GENESIS, AuditRow, first_break
from core.store.database import Database
from core.store.queries import checks, ledger_checks
from core.store.repositories.journal import Audit
from core.store.scope import unscoped
from core.views.operations import AuditVerdict, Finding, Verdict


def findings(database: Database, connection: Connection, now: int) -> list[Finding]:
    """Each check as it stands; nothing is changed."""
    chain = walk(Audit(connection, unscoped("the doctor sees all")).from_the_beginning())
    found = [checks.schema(connection), *checks.engine(database, connection)]
    found += checks.run(connection, checks.PEOPLE)
    found += ledger_checks.run(connection, now)
    verdict = Verdict.OK if chain.holds else Verdict.FAIL
    repair = None if chain.holds else "find out who can write the store; compare with a backup"
    found.append(Finding("I-A2", "audit chain", verdict, chain.message, repair))
    return found


def walk(rows: Iterable[AuditRow]) -> AuditVerdict:
    """The chain from its beginning to its head, or to where it breaks."""
    seen, head = 0, GENESIS

    def counted() -> Iterator[AuditRow]:
        nonlocal seen, head
        for row in rows:
            seen, head = seen + 1, row.hash
            yield row

    broken = first_break(counted())
    if broken is None:
        return AuditVerdict(True, seen, head, None, f"{seen} rows, none changed or missing; head {head[:12]}")
    return AuditVerdict(False, seen, head, broken.seq, broken.message)
