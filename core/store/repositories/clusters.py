"""Clusters and their nodes: who owns them, who may use them, what they hold in all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, true, update

from core.domain.resources import NOTHING, Resources
from core.store.fixed import Fixed
from core.store.scope import Scope, covered
from core.store.tables import work

clusters = work.Cluster.__table__
shares = work.ClusterShare.__table__
nodes = work.Node.__table__


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
        self._all: list[str] | None = None
        self._nodes: dict[str, list[NodeRow]] = {}
        self._kinds: dict[str, list[tuple[NodeRow, int]]] = {}

    def all(self) -> list[ClusterRow]:
        if self._all is None:
            rows = _visible(self._scope.is_everything).rows(self._connection, self._scope.bound)
            found = [_cluster(row) for row in rows]
            self._rows.update((row.id, row) for row in found)
            self._all = [row.id for row in found]
        return [row for one in self._all if (row := self.by_id(one)) is not None]

    def by_id(self, cluster_id: str) -> ClusterRow | None:
        """Also one that has been deleted: what ran there still refers to it."""
        if cluster_id not in self._rows:
            found = _BY_ID.rows(self._connection, {"id": cluster_id})
            self._rows[cluster_id] = _cluster(found[0]) if found else None
        return self._rows[cluster_id]

    def has_handle(self, handle: str) -> bool:
        return self._connection.execute(select(clusters.c.id).where(clusters.c.handle == handle)).first() is not None

    def add(self, row: ClusterRow) -> None:
        values = {name: getattr(row, name) for name in ClusterRow.__slots__}
        self._connection.execute(insert(clusters), {**values, "settings": json.dumps(dict(row.settings))})
        self._all = None

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
        _TOUCH.run(self._connection, [{"cluster": cluster_id}])
        known = self._rows.get(cluster_id)
        if known is not None:  # whoever writes is alone, so what was read in this unit is still so
            self._rows[cluster_id] = replace(known, version=known.version + 1)

    def _set(self, cluster_id: str, **values: object) -> None:
        self._connection.execute(update(clusters).where(clusters.c.id == cluster_id).values(**values))
        self._rows.pop(cluster_id, None)
        self._all = None

    def shared_with(self, cluster_id: str) -> list[str]:
        found = self._connection.execute(select(shares.c.org_id).where(shares.c.cluster_id == cluster_id))
        return [row.org_id for row in found]

    def share(self, cluster_id: str, org_id: str) -> None:
        self._connection.execute(insert(shares), {"cluster_id": cluster_id, "org_id": org_id})
        self._all = None

    def unshare(self, cluster_id: str, org_id: str) -> None:
        this = (shares.c.cluster_id == cluster_id, shares.c.org_id == org_id)
        self._connection.execute(delete(shares).where(*this))
        self._all = None

    def nodes_of(self, cluster_id: str) -> list[NodeRow]:
        if cluster_id not in self._nodes:
            self._nodes[cluster_id] = [_node(row) for row in _NODES_OF.rows(self._connection, {"cluster": cluster_id})]
        return list(self._nodes[cluster_id])

    def kinds_of(self, cluster_id: str) -> list[tuple[NodeRow, int]]:
        """Its nodes, those that are alike as one with their number: the first of them by name."""
        if cluster_id not in self._kinds:
            rows = _KINDS_OF.rows(self._connection, {"cluster": cluster_id})
            self._kinds[cluster_id] = [(_node(row), alike) for *row, alike in rows]
        return self._kinds[cluster_id]

    def add_node(self, node: NodeRow) -> None:
        self._connection.execute(insert(nodes), _node_values(node))
        self._forget_nodes()

    def change_node(self, node: NodeRow) -> None:
        self._connection.execute(update(nodes).where(nodes.c.id == node.id).values(_node_values(node)))
        self._forget_nodes()

    def set_node_state(self, node_id: str, state: str) -> None:
        self._connection.execute(update(nodes).where(nodes.c.id == node_id).values(state=state))
        self._forget_nodes()

    def _forget_nodes(self) -> None:
        self._nodes.clear()
        self._kinds.clear()


def amount_values(amount: Resources) -> dict[str, int]:
    return {name: getattr(amount, name) for name in NOTHING.__slots__}


def _cluster(row: Sequence[Any]) -> ClusterRow:
    values = dict(zip(_COLUMNS, row, strict=True))
    return ClusterRow(**{**values, "settings": json.loads(values["settings"])})


def _node(row: Sequence[Any]) -> NodeRow:
    id_, cluster_id, name, cpu, ram, gpu, disk, gpu_model, gpu_ids, labels, state = row
    declared = json.loads(labels) if labels != "{}" else {}
    return NodeRow(id_, cluster_id, name, Resources(cpu, ram, gpu, disk), gpu_model, _words(gpu_ids), declared, state)


@lru_cache(maxsize=10_000)
def _words(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


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


_COLUMNS = tuple(clusters.c.keys())
_BY_ID = Fixed(select(clusters).where(clusters.c.id == bindparam("id")))
_NODES_OF = Fixed(select(nodes).where(nodes.c.cluster_id == bindparam("cluster")).order_by(nodes.c.name))
_TOUCH = Fixed(update(clusters).where(clusters.c.id == bindparam("cluster")).values(version=clusters.c.version + 1))
_OF_EACH = ("id", "cluster_id", "name", "gpu_ids")
_ALIKE = [column for column in nodes.c if column.name not in _OF_EACH]
_KINDS_OF = Fixed(
    select(*(func.min(column) if column.name in _OF_EACH else column for column in nodes.c), func.count())
    .where(nodes.c.cluster_id == bindparam("cluster"))
    .group_by(*_ALIKE)
    .order_by(func.min(nodes.c.name))
)


@cache
def _visible(everything: bool) -> Fixed:
    shared = select(shares.c.cluster_id).where(covered(shares, everything=everything))
    here = true() if everything else or_(covered(clusters, everything=False), clusters.c.id.in_(shared))
    these = (clusters.c.deleted_at.is_(None), here)
    return Fixed(select(clusters).where(*these).order_by(clusters.c.name, clusters.c.id))
