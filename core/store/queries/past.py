"""What an order may learn from the past of a cluster, so that a board that is built anew knows what the last one did.

How long the last runs of each member took, which jobs came and went lately, and what is usually asked for. Read when a
board is built, not each pass.
"""

from __future__ import annotations

from collections import Counter

from sqlalchemy import func, select

from core.clock import DAY, SECOND
from core.domain.resources import Resources
from core.ledger.refunds import RefundCause
from core.scheduler.board import Board
from core.scheduler.facts import Arrival
from core.scheduler.fragments import most_of
from core.scheduler.policy import Order, Packing, Policy, Typical
from core.store.repositories.clusters import ClusterRow
from core.store.repositories.deployments import deployments
from core.store.repositories.runs import runs
from core.store.units import Unit

REMEMBERED = 30 * DAY
_LAST = 2
_MOST_ARRIVALS = 2_000  # for what the order learns of them, more make no difference


def remember_past(board: Board, unit: Unit, cluster: ClusterRow, policy: Policy) -> None:
    """Only what the policy asks for: others do without these queries."""
    if policy.order is Order.SMART:
        board.facts.last_runs.update(last_runs(unit, cluster))
        board.facts.arrivals = arrivals(unit, cluster)
    if policy.packing is Packing.FRAGMENTS:
        board.facts.mix = most_of(asked_for(unit, cluster))


def last_runs(unit: Unit, cluster: ClusterRow) -> dict[tuple[str, str], tuple[int, ...]]:
    """By organization and member, in seconds: the last runs there that ended by themselves, the later one last."""
    newest_first = func.row_number().over(
        partition_by=(runs.c.org_id, runs.c.owner_id), order_by=(runs.c.ended_at.desc(), runs.c.id.desc())
    )
    ended = (
        select(runs.c.org_id, runs.c.owner_id, runs.c.started_at, runs.c.ended_at, newest_first.label("place"))
        .where(
            runs.c.cluster_id == cluster.id,
            runs.c.ended_at >= unit.now - REMEMBERED,
            runs.c.end_cause != RefundCause.PREEMPTED.value,
        )
        .subquery()
    )
    found: dict[tuple[str, str], tuple[int, ...]] = {}
    for row in unit.connection.execute(
        select(ended).where(ended.c.place <= _LAST).order_by(ended.c.org_id, ended.c.owner_id, ended.c.place.desc())
    ):
        who = (row.org_id, row.owner_id)
        found[who] = (*found.get(who, ()), (row.ended_at - row.started_at) // SECOND)
    return found


def arrivals(unit: Unit, cluster: ClusterRow) -> tuple[Arrival, ...]:
    """The jobs that came there last, and of those that ended by themselves when, and how long they ran."""
    ended, ran = func.max(runs.c.ended_at).label("ended_at"), func.max(runs.c.ended_at - runs.c.started_at).label("ran")
    by_itself = (runs.c.deployment_id == deployments.c.id) & (runs.c.end_cause != RefundCause.PREEMPTED.value)
    names = ("id", "org_id", "owner_id", "submitted_at", "eligible_since", "not_before", "replicas", "limit_ms")
    amounts = ("cpu_milli", "ram_mib", "gpu_milli", "disk_mib")
    asked = [deployments.c[name] for name in (*names, *amounts)]
    statement = (
        select(*asked, ended, ran)
        .select_from(deployments.outerjoin(runs, by_itself))
        .where(
            deployments.c.cluster_id == cluster.id,
            deployments.c.limit_ms.is_not(None),
            deployments.c.submitted_at >= unit.now - REMEMBERED,
        )
        .group_by(*asked)
        .order_by(deployments.c.submitted_at.desc(), deployments.c.id.desc())
        .limit(_MOST_ARRIVALS)
    )
    found = [
        Arrival(
            id=row.id,
            org=row.org_id,
            member=row.owner_id,
            at=max(row.eligible_since or row.submitted_at, row.not_before or 0),
            total=Resources(row.cpu_milli, row.ram_mib, row.gpu_milli, row.disk_mib).times(row.replicas),
            limit_ms=row.limit_ms,
            ended_at=row.ended_at,
            ran_ms=(row.ran or 0) // 1000,
        )
        for row in unit.connection.execute(statement)
    ]
    return tuple(reversed(found))


def asked_for(unit: Unit, cluster: ClusterRow) -> Counter[Typical]:
    """What was submitted there, replica by replica."""
    kind = (deployments.c.gpu_milli, deployments.c.gpu_model, deployments.c.cpu_milli)
    statement = (
        select(*kind, func.sum(deployments.c.replicas).label("wanted"))
        .where(deployments.c.cluster_id == cluster.id, deployments.c.submitted_at >= unit.now - REMEMBERED)
        .group_by(*kind)
    )
    counted: Counter[Typical] = Counter()
    for row in unit.connection.execute(statement):
        models = frozenset({row.gpu_model}) if row.gpu_model else frozenset[str]()
        counted[Typical(row.gpu_milli, models, row.cpu_milli)] += int(row.wanted)
    return counted
