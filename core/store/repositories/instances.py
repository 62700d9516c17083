"""What engines last showed of the replicas of deployments: where they are, what they run, what they take."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, Row, delete, select, text

from core.domain.engines import Use
from core.store.fixed import Fixed
from core.store.scope import Scope
from core.store.tables import work

instances = work.Instance.__table__
allocations = work.Allocation.__table__
nodes = work.Node.__table__


@dataclass(frozen=True, slots=True)
class InstanceRow:
    deployment_id: str
    replica: int
    org_id: str
    generation: int
    node: str
    engine_id: str
    seen_at: int
    facts: Mapping[str, str] = field(default_factory=dict)
    use: Use = field(default_factory=Use)
    exit_code: int | None = None
    oom: bool = False
    message: str = ""


class Instances:
    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope

    def put(self, rows: Sequence[InstanceRow]) -> None:
        """In place of what was shown of the same replica before, also of its earlier generations."""
        _PUT.run(self._connection, [_values(row) for row in rows])

    def of(self, deployment_id: str) -> list[InstanceRow]:
        mine = select(instances).where(self._scope.covers(instances), instances.c.deployment_id == deployment_id)
        return [_row(row) for row in self._connection.execute(mine.order_by(instances.c.replica))]

    def facts_on(self, cluster_id: str, most: int) -> list[Mapping[str, str]]:
        """What was told of the first few that hold a place on a cluster now."""
        living = (
            select(instances.c.facts)
            .join(allocations, allocations.c.deployment_id == instances.c.deployment_id)
            .join(nodes, nodes.c.id == allocations.c.node_id)
            .where(
                self._scope.covers(instances),
                nodes.c.cluster_id == cluster_id,
                allocations.c.released_at.is_(None),
                allocations.c.generation == instances.c.generation,
                allocations.c.replica == instances.c.replica,
            )
            .limit(most)
        )
        return [json.loads(found) for found in self._connection.scalars(living)]

    def forget(self, deployment_id: str) -> None:
        mine = (self._scope.covers(instances), instances.c.deployment_id == deployment_id)
        self._connection.execute(delete(instances).where(*mine))


def _values(row: InstanceRow) -> dict[str, object]:
    values = {name: getattr(row, name) for name in InstanceRow.__slots__ if name != "use"}
    use = {name: getattr(row.use, name) for name in Use.__slots__}
    return {**values, **use, "facts": json.dumps(dict(row.facts)), "oom": int(row.oom)}


def _row(row: Row[tuple[object, ...]]) -> InstanceRow:
    values = dict(row._mapping)
    use = Use(**{name: values.pop(name) for name in Use.__slots__})
    return InstanceRow(**{**values, "use": use, "facts": json.loads(values["facts"]), "oom": bool(values["oom"])})


_NAMES = [column.name for column in instances.columns]
_PUT = Fixed(
    text(
        f"INSERT INTO instances ({', '.join(_NAMES)}) VALUES ({', '.join(f':{name}' for name in _NAMES)}) "  # noqa: S608
        "ON CONFLICT (deployment_id, replica) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in _NAMES if name not in ("deployment_id", "replica"))
    )
)
