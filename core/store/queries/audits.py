"""The audit's rows as a screen looks through them: their numbers first, and as many of them as are shown."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, func, select

from core.domain.browsing import Word
from core.store.queries.browsing import fits
from core.store.repositories.clusters import clusters
from core.store.repositories.deployments import deployments
from core.store.repositories.journal import audit
from core.store.repositories.orgs import orgs
from core.store.scope import Scope
from core.views.operations import AuditLine

_NAME: ColumnElement[str] = func.coalesce(deployments.c.name, clusters.c.name)
_COLUMNS: dict[str, ColumnElement[str]] = {
    "actor": audit.c.actor,
    "verb": audit.c.verb,
    "target": audit.c.target,
    "face": audit.c.face,
    "org": orgs.c.name,
    "name": _NAME,
    "before": audit.c.before,
    "after": audit.c.after,
}
_SOUGHT = ("actor", "verb", "target", "name", "before", "after")


def numbers(connection: Connection, scope: Scope, words: Sequence[Word], *, after: int, most: int) -> tuple[int, ...]:
    """Newest first, those behind a number: the audit only grows, so that whoever knows the rest asks for no more."""
    statement = select(audit.c.seq).where(scope.covers(audit), audit.c.seq > after)
    if words:
        statement = statement.select_from(_NAMED).where(*(fits(word, _COLUMNS, _SOUGHT) for word in words))
    rows = connection.execute(statement.order_by(audit.c.seq.desc()).limit(most))
    return tuple(row[0] for row in rows)


def lines(connection: Connection, scope: Scope, seqs: Sequence[int]) -> dict[int, AuditLine]:
    """By their numbers; a deployment and a cluster with the name that it has."""
    taken = (audit.c.seq, audit.c.at, audit.c.actor, audit.c.face, orgs.c.name, audit.c.verb, audit.c.target)
    statement = select(*taken, audit.c.before, audit.c.after, _NAME.label("name")).select_from(_NAMED)
    rows = connection.execute(statement.where(scope.covers(audit), audit.c.seq.in_(seqs)))
    return {row[0]: AuditLine(*tuple(row)) for row in rows}


_NAMED = (
    audit.outerjoin(orgs, orgs.c.id == audit.c.org_id)
    .outerjoin(deployments, and_(deployments.c.handle == audit.c.target, deployments.c.org_id == audit.c.org_id))
    .outerjoin(clusters, clusters.c.handle == audit.c.target)
)
