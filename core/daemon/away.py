"""Nodes that are engines of their own: one that is away takes nothing new and proves nothing, the others go on.

It is down from the look that did not see it to the look that does. What people have cordoned or drained stays so.
"""

from __future__ import annotations

from core.daemon.ground import Ground
from core.domain.engines import Observation
from core.store.repositories.clusters import ClusterRow, NodeRow

_UP, _DOWN = "up", "down"


def note_nodes(ground: Ground, cluster: ClusterRow, seen: Observation) -> None:
    """Only of nodes that the engine's driver asks one by one; those of other drivers are as they were discovered."""
    if not seen.nodes:
        return
    with ground.units.look() as unit:
        changed = [node.id for node in unit.clusters.nodes_of(cluster.id) if _state_now(node, seen) != node.state]
    if not changed:
        return
    with ground.units.lead(ground.leadership) as unit:
        for node in unit.clusters.nodes_of(cluster.id):
            state = _state_now(node, seen)
            if state == node.state:
                continue
            unit.clusters.set_node_state(node.id, state)
            before = {"node": node.name, "state": node.state}
            after = {"node": node.name, "state": state, "reason": seen.nodes[node.name] or f"{node.name} is back"}
            unit.record("cluster.node", cluster.handle, dict(before), dict(after), org_id=cluster.org_id)
        unit.clusters.touch(cluster.id)


def _state_now(node: NodeRow, seen: Observation) -> str:
    if node.name not in seen.nodes or node.state not in (_UP, _DOWN):
        return node.state
    return _DOWN if seen.nodes[node.name] else _UP
