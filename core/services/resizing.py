"""Another size of a node that is there already: never below what is held on it at this moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from core.domain.errors import Conflict, Invalid
from core.domain.resources import Resources, format_resources, parse_cpu, parse_gpu, parse_memory
from core.services.references import picked
from core.store.repositories.clusters import ClusterRow, NodeRow
from core.store.repositories.runs import AllocationRow
from core.store.units import Unit

SIZES = ("cpu", "ram", "gpu", "disk")
_NAMED_AT_MOST = 5


def resize(unit: Unit, cluster: ClusterRow, node_name: str | None, sizes: Mapping[str, str]) -> tuple[NodeRow, NodeRow]:
    """The node before and after; a Conflict that lists who holds what would be gone."""
    before = _node(unit, cluster, node_name)
    totals = _totals(before.totals, sizes)
    if totals.is_nothing():
        raise Invalid("node_without_size", "a node needs cpu, ram or gpu above 0", "bursar cluster drain takes it out")
    held = [
        place
        for place in unit.runs_everywhere("capacity is one for all who use the cluster").allocations_on(cluster.id)
        if place.node_id == before.id
    ]
    _refuse_below_use(unit, cluster, before, totals, held)
    after = replace(before, totals=totals, gpu_ids=_devices(before, totals))
    unit.clusters.change_node(after)
    return before, after


def _node(unit: Unit, cluster: ClusterRow, name: str | None) -> NodeRow:
    nodes = unit.clusters.nodes_of(cluster.id)
    if name is not None:
        return picked(name, nodes, lambda node: (node.name,), what="node", see="bursar cluster show")
    if len(nodes) != 1:
        names = ", ".join(node.name for node in nodes[:_NAMED_AT_MOST]) or "none yet"
        raise Invalid("which_node", f"{cluster.name} has {len(nodes)} nodes", f"say which with --node: {names}")
    return nodes[0]


def _totals(now: Resources, sizes: Mapping[str, str]) -> Resources:
    return Resources(
        parse_cpu(sizes["cpu"]) if "cpu" in sizes else now.cpu_milli,
        parse_memory(sizes["ram"]) if "ram" in sizes else now.ram_mib,
        parse_gpu(sizes["gpu"]) if "gpu" in sizes else now.gpu_milli,
        parse_memory(sizes["disk"], name="disk") if "disk" in sizes else now.disk_mib,
    )


def _devices(node: NodeRow, totals: Resources) -> tuple[str, ...]:
    """As many as there are then. Those that an engine named are its own to add."""
    count = -(-totals.gpu_milli // 1000)
    more = tuple(str(index) for index in range(len(node.gpu_ids), count))
    if more and any(not known.isdigit() for known in node.gpu_ids):
        message = f"{node.name} has the devices that its engine named"
        raise Invalid("devices_of_the_engine", message, "make the cluster anew, so that it asks its engine")
    return (node.gpu_ids + more)[:count]


def _refuse_below_use(
    unit: Unit, cluster: ClusterRow, node: NodeRow, totals: Resources, held: list[AllocationRow]
) -> None:
    used = Resources()
    on_device: dict[int, int] = {}
    for place in held:
        used += place.resources
        for index, milli in place.shares:
            on_device[index] = on_device.get(index, 0) + milli
    fits = all(getattr(used, name) <= getattr(totals, name) for name in Resources.__slots__)
    whole, part = divmod(totals.gpu_milli, 1000)
    devices_fit = all(
        milli <= (1000 if index < whole else part if index == whole else 0) for index, milli in on_device.items()
    )
    if fits and devices_fit:
        return
    everywhere = unit.deployments_everywhere("a cluster may be used by several organizations")
    rows = everywhere.by_ids(sorted({place.deployment_id for place in held}))
    own = [row.handle for row in rows if row.org_id == unit.me.org_id]
    others = len(rows) - len(own)
    shown = own[:_NAMED_AT_MOST] + ([f"{len(own) - _NAMED_AT_MOST} more"] if len(own) > _NAMED_AT_MOST else [])
    shown += [f"{others} of other organizations"] if others else []
    message = f"{node.name} is in use: {format_resources(used)} by {', '.join(shown)}"
    raise Conflict(
        "below_use", message, f"stop them, or drain it first: bursar cluster drain {cluster.name} {node.name}"
    )
