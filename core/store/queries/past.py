"""What an order may learn from the past of a cluster, so that a board that is built anew knows what the last one did.

How long the last runs of each member took, and what is usually asked for. Read when a board is built, not each pass.
"""

from __future__ import annotations

from collections import Counter

from sqlalchemy import func, select

from core.clock import DAY, SECOND
from core.ledger.refunds import RefundCause
from core.scheduler.board import Board
from core.scheduler.fragments import most_of
from core.scheduler.policy import Order, Packing, Policy, Typical
from core.store.repositories.clusters import ClusterRow
from core.store.repositories.deployments import deployments
from core.store.repositories.runs import runs
from core.store.units import Unit

REMEMBERED = 30 * DAY
_LAST = 2


def remember_past(board: Board, unit: Unit, cluster: ClusterRow, policy: Policy) -> None:
    """Only what the policy asks for: others do without these queries."""
    if policy.order is Order.SMART:
        board.facts.last_runs.update(last_runs(unit, cluster))
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
