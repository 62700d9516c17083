"""Long lists and the feed, filtered and put in order by the store: a screen never holds what it does not show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, FromClause, Select, and_, func, not_, or_, select
from sqlalchemy.sql.elements import UnaryExpression

from core.domain.browsing import Order, Word
from core.store.repositories.accounts import accounts
from core.store.repositories.clusters import clusters, nodes
from core.store.repositories.deployments import deployments
from core.store.repositories.journal import events
from core.store.repositories.orgs import orgs
from core.store.repositories.runs import allocations
from core.store.scope import Scope

_JOINED = deployments.join(accounts, accounts.c.id == deployments.c.owner_id).join(
    clusters, clusters.c.id == deployments.c.cluster_id
)
_COLUMNS = {
    "id": deployments.c.handle,
    "name": deployments.c.name,
    "owner": accounts.c.name,
    "org": orgs.c.name,
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
    statement = select(deployments.c.handle).select_from(_tables(order, words)).where(and_(*conditions))
    return tuple(row[0] for row in connection.execute(_ordered(statement, order, backwards).limit(most)))


def _tables(order: Order, words: Sequence[Word]) -> FromClause:
    """No more than are asked for: a list is long."""
    if order not in _OF_OTHERS and not words:
        return deployments
    with_org = any(word.field == "org" for word in words)
    joined: FromClause = _JOINED.join(orgs, orgs.c.id == deployments.c.org_id) if with_org else _JOINED
    return joined


def _ordered(statement: Select[str], order: Order, backwards: bool) -> Select[str]:
    falling = (order in _LARGEST_FIRST) != backwards
    column = _SORTED_BY[order]
    first: UnaryExpression[object] = column.desc() if falling else column.asc()
    if order is Order.AGE:
        return statement.order_by(first)
    return statement.order_by(first, deployments.c.id.desc())


def _fits(word: Word) -> ColumnElement[bool]:
    if word.field == "node":
        return _turned(word, _is_on_node(word))
    return fits(word, _COLUMNS, _SOUGHT)


def fits(word: Word, columns: Mapping[str, ColumnElement[str]], sought: Sequence[str]) -> ColumnElement[bool]:
    """Whether it stands in its field, or in any of those that are sought."""
    names = sought if word.field is None else [word.field]
    return _turned(word, or_(*(_holds(columns[name], word) for name in names)))


def _turned(word: Word, found: ColumnElement[bool]) -> ColumnElement[bool]:
    return not_(func.coalesce(found, False)) if word.without else found


def _is_on_node(word: Word) -> ColumnElement[bool]:
    """Now: what has left a node is no longer on it."""
    held = allocations.join(nodes, nodes.c.id == allocations.c.node_id)
    here = and_(allocations.c.deployment_id == deployments.c.id, allocations.c.released_at.is_(None))
    return select(allocations.c.id).select_from(held).where(here, _holds(nodes.c.name, word)).exists()


def _holds(column: ColumnElement[str], word: Word) -> ColumnElement[bool]:
    lowered = func.lower(column)
    return lowered == word.text.lower() if word.exact else lowered.contains(word.text.lower(), autoescape=True)


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
