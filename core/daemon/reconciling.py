"""Holds store and engines against each other, both ways, and says of each instance whose it is.

In the name of somebody who asks for it, it stops what bears our token and is unknown. Strangers are never touched, nor
what is on its way from one state to another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.daemon import leaks
from core.daemon.ground import Ground
from core.domain.engines import Observation, Observed, Token
from core.domain.errors import BursarError
from core.domain.lifecycle import HOLDS_CAPACITY, State
from core.domain.roles import Caller
from core.ledger.amounts import NOTHING
from core.store.repositories.clusters import ClusterRow
from core.store.units import Unit
from core.views.background import Agreement, Reconciled, ReconcileReport

_AT_REST = frozenset({State.RUNNING, State.SUSPENDED})


def reconcile(ground: Ground, by: Caller | None = None) -> ReconcileReport:
    """`by`: who wants leaks stopped; without, nothing is changed."""
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
        leaked = {one.token for one in _strays(ground, cluster, seen)}
        if leaked:  # or its end was written while we looked: what leaks is there the next time, too
            try:
                seen = ground.engines.of(cluster).observe(ground.engines.install)
            except BursarError:
                unanswered.append(cluster.name)
                continue
        strays = [one for one in _strays(ground, cluster, seen) if one.token in leaked]
        if not seen.complete:
            unanswered += [f"{cluster.name}/{node}" for node in seen.unseen] or [cluster.name]
        stopped = leaks.stop_for(ground, by, cluster, strays) if by is not None else set()
        with ground.units.look() as unit:
            lines += _lines(unit, ground, cluster, seen, strays, stopped)
    return ReconcileReport(by is not None, tuple(lines), tuple(unanswered))


def _strays(ground: Ground, cluster: ClusterRow, seen: Observation) -> list[Observed]:
    """Looked up behind the listing: what was started meanwhile is known, for that is written before it is done."""
    with ground.units.look() as unit:
        known = _expected(unit, ground, cluster)
    return [one for one in seen.instances if one.is_live and one.token is not None and one.token not in known]


def _expected(unit: Unit, ground: Ground, cluster: ClusterRow) -> dict[Token, str]:
    rows = unit.deployments.in_states(HOLDS_CAPACITY, cluster.id)
    return {token: row.handle for row in rows for token in ground.engines.tokens(row)}


def _lines(
    unit: Unit,
    ground: Ground,
    cluster: ClusterRow,
    seen: Observation,
    strays: Sequence[Observed],
    stopped: set[Token],
) -> Iterator[Reconciled]:
    known, leaked = _expected(unit, ground, cluster), {one.token for one in strays}
    for one in seen.instances:
        if not one.is_live:
            continue
        if one.token is None:
            agreement, handle, cost = Agreement.FOREIGN, None, NOTHING
        elif one.token in known:
            agreement, handle, cost = Agreement.MATCHING, known[one.token], NOTHING
        elif one.token in leaked:
            agreement, handle = Agreement.LEAK, one.token.deployment
            cost = leaks.cost_so_far(unit, cluster, one)
        else:
            continue  # it came or went while we looked
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
