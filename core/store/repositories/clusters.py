"""Clusters and their nodes: who owns them, who may use them, what they hold in all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Row, bindparam, delete, insert, or_, select, true, update

from core.domain.resources import NOTHING, Resources
from core.store.scope import Scope
from core.store.tables import work

clusters = work.Cluster.__table__  # type: ignore[attr-defined]
shares = work.ClusterShare.__table__  # type: ignore[attr-defined]
nodes = work.Node.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class ClusterRow:
    id: str
    handle: str
    org_id: str
    name: str
    driver: str
    settings: Mapping[str, str]
    state: str
    default_limit_ms: int
    version: int
    created_at: int
    created_by: str
    deleted_at: int | None


@dataclass(frozen=True, slots=True)
class NodeRow:
    id: str
    cluster_id: str
    name: str
    totals: Resources
    gpu_model: str | None
    gpu_ids: tuple[str, ...]
    labels: Mapping[str, str]
    state: str


class Clusters:
    """The clusters that an organization owns or may use; to the others it is as if they were not there.

    A unit sees one moment, so what it has read of a cluster is kept until the unit itself changes it.
    """

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope
        self._rows: dict[str, ClusterRow | None] = {}
        self._nodes: dict[str, list[NodeRow]] = {}

    def all(self) -> list[ClusterRow]:
        statement = select(clusters).where(clusters.c.deleted_at.is_(None), self._visible())
        return [_cluster(row) for row in self._connection.execute(statement.order_by(clusters.c.name, clusters.c.id))]

    def by_id(self, cluster_id: str) -> ClusterRow | None:
        """Also one that has been deleted: what ran there still refers to it."""
        if cluster_id not in self._rows:
            row = self._connection.execute(_BY_ID, {"id": cluster_id}).one_or_none()
            self._rows[cluster_id] = _cluster(row) if row else None
        return self._rows[cluster_id]

    def _visible(self) -> ColumnElement[bool]:
        if self._scope.org_id is None:
            return true()
        shared = select(shares.c.cluster_id).where(shares.c.org_id == self._scope.org_id)
        return or_(clusters.c.org_id == self._scope.org_id, clusters.c.id.in_(shared))

    def has_handle(self, handle: str) -> bool:
        return self._connection.execute(select(clusters.c.id).where(clusters.c.handle == handle)).first() is not None

    def add(self, row: ClusterRow) -> None:
        values = {name: getattr(row, name) for name in ClusterRow.__slots__}
        self._connection.execute(insert(clusters), {**values, "settings": json.dumps(dict(row.settings))})

    def mark_deleted(self, cluster_id: str, now: int) -> None:
        self._set(cluster_id, deleted_at=now)

    def set_state(self, cluster_id: str, state: str) -> None:
        self._set(cluster_id, state=state)

    def set_settings(self, cluster_id: str, settings: Mapping[str, str]) -> None:
        self._set(cluster_id, settings=json.dumps(dict(settings)))

    def set_default_limit(self, cluster_id: str, limit_ms: int) -> None:
        self._set(cluster_id, default_limit_ms=limit_ms)

    def touch(self, cluster_id: str) -> None:
        """Queue, capacity or rates changed: what was foretold for the version before may not hold any more."""
        self._set(cluster_id, version=clusters.c.version + 1)

    def _set(self, cluster_id: str, **values: object) -> None:
        self._connection.execute(update(clusters).where(clusters.c.id == cluster_id).values(**values))
        self._rows.pop(cluster_id, None)

    def shared_with(self, cluster_id: str) -> list[str]:
        found = self._connection.execute(select(shares.c.org_id).where(shares.c.cluster_id == cluster_id))
        return [row.org_id for row in found]

    def share(self, cluster_id: str, org_id: str) -> None:
        self._connection.execute(insert(shares), {"cluster_id": cluster_id, "org_id": org_id})

    def unshare(self, cluster_id: str, org_id: str) -> None:
        this = (shares.c.cluster_id == cluster_id, shares.c.org_id == org_id)
        self._connection.execute(delete(shares).where(*this))

    def nodes_of(self, cluster_id: str) -> list[NodeRow]:
        if cluster_id not in self._nodes:
            self._nodes[cluster_id] = [
                _node(row) for row in self._connection.execute(_NODES_OF, {"cluster": cluster_id})
            ]
        return list(self._nodes[cluster_id])

    def add_node(self, node: NodeRow) -> None:
        self._connection.execute(insert(nodes), _node_values(node))
        self._nodes.clear()

    def change_node(self, node: NodeRow) -> None:
        self._connection.execute(update(nodes).where(nodes.c.id == node.id).values(_node_values(node)))
        self._nodes.clear()

    def set_node_state(self, node_id: str, state: str) -> None:
        self._connection.execute(update(nodes).where(nodes.c.id == node_id).values(state=state))
        self._nodes.clear()


def amounts_of(row: Row[tuple[object, ...]]) -> Resources:
    """The four amounts, from any row that has them."""
    return Resources(row.cpu_milli, row.ram_mib, row.gpu_milli, row.disk_mib)


def amount_values(amount: Resources) -> dict[str, int]:
    return {name: getattr(amount, name) for name in NOTHING.__slots__}


def _cluster(row: Row[tuple[object, ...]]) -> ClusterRow:
    return ClusterRow(**{**row._mapping, "settings": json.loads(row.settings)})


def _node(row: Row[tuple[object, ...]]) -> NodeRow:
    return NodeRow(
        row.id,
        row.cluster_id,
        row.name,
        amounts_of(row),
        row.gpu_model,
        tuple(json.loads(row.gpu_ids)),
        json.loads(row.labels),
        row.state,
    )


def _node_values(node: NodeRow) -> dict[str, object]:
    return {
        "id": node.id,
        "cluster_id": node.cluster_id,
        "name": node.name,
        **amount_values(node.totals),
        "gpu_model": node.gpu_model,
        "gpu_ids": json.dumps(node.gpu_ids),
        "labels": json.dumps(dict(node.labels)),
        "state": node.state,
    }


_BY_ID = select(clusters).where(clusters.c.id == bindparam("id"))
_NODES_OF = select(nodes).where(nodes.c.cluster_id == bindparam("cluster")).order_by(nodes.c.name)
