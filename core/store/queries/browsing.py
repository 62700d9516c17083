"""Long lists and the feed, filtered and put in order by the store: a screen never holds what it does not show."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Select, and_, func, not_, or_, select
from sqlalchemy.sql.elements import UnaryExpression

from core.domain.browsing import Order, Word
from core.store.repositories.accounts import accounts
from core.store.repositories.clusters import clusters
from core.store.repositories.deployments import deployments
from core.store.repositories.journal import events
from core.store.scope import Scope

_JOINED = deployments.join(accounts, accounts.c.id == deployments.c.owner_id).join(
    clusters, clusters.c.id == deployments.c.cluster_id
)
_COLUMNS = {
    "id": deployments.c.handle,
    "name": deployments.c.name,
    "owner": accounts.c.name,
    "cluster": clusters.c.name,
    "kind": deployments.c.kind,
    "state": deployments.c.state,
    "image": deployments.c.image,
}
_SOUGHT = ("id", "name", "owner", "cluster", "state")
_SORTED_BY: dict[Order, ColumnElement[object]] = {
    Order.AGE: deployments.c.id,
    Order.NAME: deployments.c.name,
    Order.OWNER: accounts.c.name,
    Order.CLUSTER: clusters.c.name,
    Order.STATE: deployments.c.state,
    Order.PRIORITY: deployments.c.priority,
    Order.GPU: deployments.c.gpu_milli * deployments.c.replicas,
}
# By what stands in another table.
_OF_OTHERS = frozenset({Order.OWNER, Order.CLUSTER})
# What people want first when they ask for an order.
_LARGEST_FIRST = frozenset({Order.AGE, Order.PRIORITY, Order.GPU})


def order_of_deployments(
    connection: Connection,
    scope: Scope,
    *,
    states: Sequence[str],
    words: Sequence[Word],
    owner_id: str | None,
    order: Order,
    backwards: bool,
    cluster_id: str | None = None,
    most: int | None = None,
) -> tuple[str, ...]:
    """The ids of all that fit, or of the first of them, in order; ties by age."""
    conditions = [scope.covers(deployments), deployments.c.state.in_(list(states)), *map(_fits, words)]
    if owner_id is not None:
        conditions.append(deployments.c.owner_id == owner_id)
    if cluster_id is not None:
        conditions.append(deployments.c.cluster_id == cluster_id)
    plain = order not in _OF_OTHERS and not words
    statement = select(deployments.c.handle).select_from(deployments if plain else _JOINED).where(and_(*conditions))
    return tuple(row[0] for row in connection.execute(_ordered(statement, order, backwards).limit(most)))


def _ordered(statement: Select[str], order: Order, backwards: bool) -> Select[str]:
    falling = (order in _LARGEST_FIRST) != backwards
    column = _SORTED_BY[order]
    first: UnaryExpression[object] = column.desc() if falling else column.asc()
    if order is Order.AGE:
        return statement.order_by(first)
    return statement.order_by(first, deployments.c.id.desc())


def _fits(word: Word) -> ColumnElement[bool]:
    if word.field is not None:
        found: ColumnElement[bool] = _contains(word.field, word.text)
    else:
        found = or_(*(_contains(name, word.text) for name in _SOUGHT))
    return not_(func.coalesce(found, False)) if word.without else found


def _contains(name: str, text: str) -> ColumnElement[bool]:
    return func.lower(_COLUMNS[name]).contains(text.lower(), autoescape=True)


def newest_events(
    connection: Connection,
    scope: Scope,
    *,
    limit: int,
    kinds: Sequence[str] | None = None,
    subject: str | None = None,
) -> list[tuple[int, str, str, str, str | None]]:
    """Newest first: instant, kind, subject, data, and the name of the deployment or cluster it is about."""
    joined = events.outerjoin(
        deployments, and_(deployments.c.handle == events.c.subject, deployments.c.org_id == events.c.org_id)
    ).outerjoin(clusters, clusters.c.handle == events.c.subject)
    name = func.coalesce(deployments.c.name, clusters.c.name)
    columns = (events.c.at, events.c.kind, events.c.subject, events.c.data, name)
    statement = select(*columns).select_from(joined).where(scope.covers(events))
    if kinds is not None:
        statement = statement.where(or_(*(events.c.kind.startswith(f"{kind}.", autoescape=True) for kind in kinds)))
    if subject is not None:
        statement = statement.where(events.c.subject == subject)
    rows = connection.execute(statement.order_by(events.c.seq.desc()).limit(limit))
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]
