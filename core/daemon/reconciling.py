"""Holds store and engines against each other, both ways, and says of each instance whose it is.

With `apply` it stops what bears our token and is unknown for longer than the grace. Strangers are never touched,
nor what is on its way from one state to another.
"""

from __future__ import annotations

from collections.abc import Iterator

from core.daemon import leaks
from core.daemon.ground import Ground
from core.domain.engines import Observation, Observed, Token
from core.domain.errors import BursarError
from core.domain.lifecycle import HOLDS_CAPACITY, State
from core.ledger.amounts import NOTHING
from core.store.repositories.clusters import ClusterRow
from core.store.units import Unit
from core.views.background import Agreement, Reconciled, ReconcileReport

_AT_REST = frozenset({State.RUNNING, State.SUSPENDED})


def reconcile(ground: Ground, *, apply: bool) -> ReconcileReport:
    with ground.units.look() as unit:
        clusters = unit.clusters.all()
    lines: list[Reconciled] = []
    unanswered = []
    for cluster in clusters:
        try:
            seen = ground.engines.of(cluster).observe(ground.engines.install)
        except BursarError:
            unanswered.append(cluster.name)
            continue
        if not seen.complete:
            unanswered += [f"{cluster.name}/{node}" for node in seen.unseen] or [cluster.name]
        ripe = _ripe(ground, cluster, seen) if apply else []
        stopped = {one.token for one in ripe}
        if ripe:
            leaks.stop(ground, cluster, ripe, leaks.Sightings())
        with ground.units.look() as unit:
            lines += _lines(unit, ground, cluster, seen, stopped)
    return ReconcileReport(apply, tuple(lines), tuple(unanswered))


def _ripe(ground: Ground, cluster: ClusterRow, seen: Observation) -> list[Observed]:
    grace, now = ground.settings.clusters.leak_grace_ms * 1000, ground.units.now()
    with ground.units.look() as unit:
        known = _expected(unit, ground, cluster)
    strays = [one for one in seen.instances if one.is_live and one.token is not None and one.token not in known]
    return [one for one in strays if one.created_at is not None and now - one.created_at >= grace]


def _expected(unit: Unit, ground: Ground, cluster: ClusterRow) -> dict[Token, str]:
    rows = unit.deployments.in_states(HOLDS_CAPACITY, cluster.id)
    return {token: row.handle for row in rows for token in ground.engines.tokens(row)}


def _lines(
    unit: Unit, ground: Ground, cluster: ClusterRow, seen: Observation, stopped: set[Token | None]
) -> Iterator[Reconciled]:
    known = _expected(unit, ground, cluster)
    for one in seen.instances:
        if not one.is_live:
            continue
        if one.token is None:
            agreement, handle, cost = Agreement.FOREIGN, None, NOTHING
        elif one.token in known:
            agreement, handle, cost = Agreement.MATCHING, known[one.token], NOTHING
        else:
            agreement, handle = Agreement.LEAK, one.token.deployment
            cost = leaks.cost_so_far(unit, cluster, one)
        since = one.started_at if one.started_at is not None else one.created_at
        yield Reconciled(
            agreement,
            cluster.name,
            handle,
            one.engine_id,
            one.node or None,
            since,
            cost.ucr,
            cost.gpu_ms,
            stopped=one.token is not None and one.token in stopped,
        )
    shown = {one.token: one.is_live for one in seen.instances}
    names = {node.id: node.name for node in unit.clusters.nodes_of(cluster.id)}
    for row in unit.deployments.in_states(_AT_REST, cluster.id):
        tokens = ground.engines.tokens(row)
        missing = {token.rank for token in tokens if token not in shown}
        if missing:
            places = [names[place.node_id] for place in unit.runs.allocations_of([row.id]) if place.replica in missing]
            if any(seen.proves_absence_from(node) for node in places):  # else it proves nothing
                yield Reconciled(Agreement.MISSING, cluster.name, row.handle, None, None, row.started_at)
        elif not all(shown[token] for token in tokens):
            yield Reconciled(Agreement.ENDED, cluster.name, row.handle, None, None, row.started_at)
