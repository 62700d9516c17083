"""How the background side is doing, read from what it leaves in the store: its lease, its events, what is overdue."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import Connection, func, select

from core.domain.lifecycle import State
from core.store import leases, led_with
from core.store.queries import instants
from core.store.repositories.clusters import clusters, nodes
from core.store.repositories.deployments import deployments
from core.store.repositories.journal import events
from core.views.background import DaemonHealth, EngineTrouble

_LATEST = 200
_TELLS = ("cluster.trouble", "cluster.mended")
_STARTING_LATE_US, _STOPPING_LATE_US = 15 * 60_000_000, 30 * 60_000_000


def of_daemon(connection: Connection, now: int, lease_ms: int, settings: Mapping[str, str]) -> DaemonHealth:
    """`settings`: those of whoever asks, to be held against the leader's."""
    held = leases.current(connection)
    leads = held is not None and held.expires_at > now
    last_sign = None if held is None or held.expires_at == 0 else held.expires_at - lease_ms * 1000
    return DaemonHealth(
        leader=held.owner if held is not None and leads else None,
        epoch=held.epoch if held is not None else 0,
        leads=leads,
        last_sign_at=last_sign,
        overdue_ms=_overdue_ms(connection, now),
        stuck=_stuck(connection, now),
        troubles=(*_troubles(connection), *_nodes_away(connection)),
        other_settings=led_with.unlike(connection, held.epoch, settings) if held is not None and leads else (),
    )


def _overdue_ms(connection: Connection, now: int) -> int:
    """Limits that were reached and did not stop anything: the first sign of a daemon that does not turn."""
    late = instants.limited(connection, now)
    return max((now - one.ends_at for one in late), default=0) // 1000


def _stuck(connection: Connection, now: int) -> int:
    since = deployments.c.state_since
    late = select(func.count()).where(
        ((deployments.c.state == State.STARTING.value) & (since < now - _STARTING_LATE_US))
        | ((deployments.c.state == State.STOPPING.value) & (since < now - _STOPPING_LATE_US))
    )
    return connection.execute(late).scalar_one()


def trouble_of(connection: Connection, cluster: str, handle: str) -> EngineTrouble | None:
    """The last word on one cluster, where it was no good one."""
    told = select(events.c.kind, events.c.at, events.c.data).where(
        events.c.subject == handle, events.c.kind.in_(_TELLS)
    )
    last = connection.execute(told.order_by(events.c.seq.desc()).limit(1)).first()
    return None if last is None or last.kind != "cluster.trouble" else _as_trouble(cluster, last.at, last.data)


def _as_trouble(cluster: str, at: int, data: str) -> EngineTrouble:
    facts = json.loads(data)
    return EngineTrouble(cluster, at, str(facts.get("code", "")), str(facts.get("reason", "")))


def _troubles(connection: Connection) -> tuple[EngineTrouble, ...]:
    """The last word on each cluster, where it was no good one."""
    newest = select(func.max(events.c.seq)).where(events.c.kind.in_(_TELLS)).group_by(events.c.subject)
    joined = events.join(clusters, clusters.c.handle == events.c.subject)
    last = select(clusters.c.name, events.c.at, events.c.data).select_from(joined)
    last = last.where(events.c.seq.in_(newest), events.c.kind == "cluster.trouble", clusters.c.deleted_at.is_(None))
    return tuple(_as_trouble(name, at, data) for name, at, data in connection.execute(last.order_by(clusters.c.name)))


def _nodes_away(connection: Connection) -> tuple[EngineTrouble, ...]:
    """Nodes that are engines of their own and do not answer, with the last word on each."""
    joined = nodes.join(clusters, clusters.c.id == nodes.c.cluster_id)
    down = select(clusters.c.handle, clusters.c.name, nodes.c.name.label("node")).select_from(joined)
    down = down.where(nodes.c.state == "down", clusters.c.deleted_at.is_(None))
    found = []
    for handle, cluster, node in connection.execute(down.order_by(clusters.c.name, nodes.c.name)):
        told = select(events.c.at, events.c.data).where(events.c.kind == "cluster.node", events.c.subject == handle)
        latest = connection.execute(told.order_by(events.c.seq.desc()).limit(_LATEST))
        words = [(at, facts) for at, data in latest if (facts := json.loads(data)).get("node") == node]
        at, facts = words[0] if words else (0, {})
        found.append(EngineTrouble(f"{cluster}/{node}", at, "node_away", str(facts.get("reason", "it is down"))))
    return tuple(found)
