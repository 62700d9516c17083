"""Clusters as people see them: what they hold, what of it is in use and free, and what an engine would bring."""

from __future__ import annotations

from collections.abc import Mapping

from core.domain.engines import EngineHere, NodeFound
from core.domain.resources import NOTHING, Resources
from core.store.repositories.clusters import ClusterRow, NodeRow
from core.store.repositories.runs import AllocationRow
from core.store.units import Unit
from core.views.work import ClusterCard, ClusterLine, FoundNode, GpuSlot, HereCard, NodeCard

MOST_LOOKED_AT = 200


def card(unit: Unit, row: ClusterRow) -> ClusterCard:
    """Used and free are derived from what is held at this moment; nothing is counted twice."""
    held: dict[str, list[AllocationRow]] = {}
    for allocation in unit.runs_everywhere("capacity is one for all who use the cluster").allocations_on(row.id):
        held.setdefault(allocation.node_id, []).append(allocation)
    nodes = tuple(_node_card(node, held.get(node.id, [])) for node in unit.clusters.nodes_of(row.id))
    total, used = NOTHING, NOTHING
    for node in nodes:
        total, used = total + node.total, used + node.used
    owner = unit.orgs.by_id(row.org_id)
    shared = [unit.orgs.by_id(org_id) for org_id in unit.clusters.shared_with(row.id)]
    owns = row.org_id == unit.me.org_id or unit.me.operator
    return ClusterCard(
        id=row.handle,
        name=row.name,
        org=owner.name if owner and owns else "another organization",
        driver=row.driver,
        state=row.state,
        total=total,
        used=used,
        free=total - used,
        nodes=nodes,
        shared_with=tuple(sorted(org.name for org in shared if org)) if owns else (),
        settings=row.settings if owns else {},
        default_limit_ms=row.default_limit_ms,
        version=row.version,
        created_at=row.created_at,
    )


def limits_told(unit: Unit, row: ClusterRow) -> tuple[str, ...]:
    """How what runs there is held down, as the engine told of it. Of other organizations only an operator hears."""
    seen = unit.for_all("operators see the installation") if unit.me.operator else unit
    told = seen.instances.facts_on(row.id, MOST_LOOKED_AT)
    return tuple(sorted({facts["limits"] for facts in told if facts.get("limits")}))


def line(one: ClusterCard) -> ClusterLine:
    return ClusterLine(one.id, one.name, one.org, one.driver, one.state, len(one.nodes), one.total, one.used, one.free)


def _node_card(node: NodeRow, held: list[AllocationRow]) -> NodeCard:
    used = _used_by(held)
    free = [1000] * (node.totals.gpu_milli // 1000)
    if node.totals.gpu_milli % 1000:
        free.append(node.totals.gpu_milli % 1000)
    for allocation in held:
        for index, milli in allocation.shares:
            free[index] -= milli
    ids = [node.gpu_ids[i] if i < len(node.gpu_ids) else str(i) for i in range(len(free))]
    slots = tuple(GpuSlot(i, ids[i], left) for i, left in enumerate(free))
    return NodeCard(
        node.name, node.state, node.totals, used, node.totals - used, node.gpu_model, slots, dict(node.labels)
    )


def _used_by(allocations: list[AllocationRow]) -> Resources:
    total = NOTHING
    for allocation in allocations:
        total += allocation.resources
    return total


def found_card(found: NodeFound, driver: str, settings: Mapping[str, str]) -> FoundNode:
    models = sorted({gpu.model for gpu in found.gpus})
    ids = tuple(gpu.id for gpu in found.gpus)
    return FoundNode(found.name, found.capacity, ", ".join(models) or None, ids, driver, settings)


def here_card(engine: EngineHere) -> HereCard:
    words = [f"--driver {engine.driver}", *(f"--set {name}={value}" for name, value in engine.settings.items())]
    return HereCard(engine.driver, engine.settings, f"cluster create here {' '.join(words)}")
