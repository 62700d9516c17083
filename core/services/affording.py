"""Whether a deployment can be paid: what it needs, what of that is set aside, whether balance and limits suffice."""

from __future__ import annotations

from core.domain.flavors import RunRate
from core.domain.quota import OF_USE
from core.ledger.admission import authorize, job_hold, next_hour
from core.ledger.amounts import NOTHING, Amounts
from core.ledger.meter import hourly
from core.services.funds import funds_of
from core.store import settlement
from core.store.queries import limits_of_use
from core.store.repositories.deployments import DeploymentRow
from core.store.units import Unit


def needed(unit: Unit, row: DeploymentRow) -> tuple[Amounts, Amounts]:
    """What must be there, and what of it is set aside: all of a job's cost, nothing for what has no end."""
    rate = dearest_rate(unit, row)
    if row.limit_ms is not None:
        hold = job_hold(rate, row.limit_ms)
        return hold, hold
    unheld = [run.line for run in funds_of(unit, row.account).burning if run.ends_at is None]
    return next_hour(rate, [hourly(line.rate, line.segments[-1].share) for line in unheld]), NOTHING


def demand(unit: Unit, row: DeploymentRow, need: Amounts) -> None:
    """Exhausted, with the numbers and what would help, where its payer or a limit does not suffice."""
    limits = limits_of_use.that_bind(unit, row.owner_id, row.cluster_id)
    authorize(need, funds_of(unit, row.account).available, limits, of_treasury=row.payer == "treasury")


def is_limited(unit: Unit, row: DeploymentRow) -> bool:
    """Whether a limit on use counts for its owner or its cluster, besides what the payer has."""
    return any(limit.measure in OF_USE for _, limit in unit.limits.that_bind(row.owner_id, row.cluster_id))


def dearest_rate(unit: Unit, row: DeploymentRow) -> RunRate:
    """What an hour costs at most: where the GPU model is left open, that of the dearest one it may get."""
    models = {node.gpu_model for node, _ in unit.clusters.kinds_of(row.cluster_id) if node.totals.gpu_milli}
    asked = {row.gpu_model} if row.gpu_model or not row.resources.gpu_milli else models
    return settlement.rate_of(unit, row, unit.now, frozenset(asked))
