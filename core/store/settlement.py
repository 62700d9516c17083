"""What happens to a deployment's money and capacity when it is submitted, starts, runs and ends.

Called inside a unit of work by the use cases and by the daemon, so that both mean the same by an end. How much is
decided by core.ledger; here it is read, posted and written down.
"""

from __future__ import annotations

from dataclasses import replace

from core.domain.flavors import Flavor, RunRate, card_at, flavor_at, freeze_rate
from core.domain.kinds import Kind
from core.domain.lifecycle import State
from core.domain.resources import Resources
from core.ledger import entries
from core.ledger.admission import hold_to_restore, job_hold
from core.ledger.amounts import NOTHING, Amounts
from core.ledger.burn import Burning
from core.ledger.meter import Segment, charge, instants_to_post, settle, share_in
from core.ledger.postings import Cause
from core.ledger.refunds import REFUND_OF, RefundCause, refund_of_run
from core.store.repositories.deployments import DeploymentRow
from core.store.repositories.runs import RunRow
from core.store.units import Unit


def rate_of(unit: Unit, row: DeploymentRow, at: int, gpu_models: frozenset[str | None] = frozenset()) -> RunRate:
    """What the deployment costs per hour at an instant. Where the GPU model is open, the dearest it may get."""
    flavor = flavor_at(unit.prices.flavors(), row.flavor, at) if row.flavor else None
    return price(unit, row.cluster_id, row.resources, flavor, row.replicas, at, gpu_models or {row.gpu_model})


def price(
    unit: Unit,
    cluster_id: str,
    resources: Resources,
    flavor: Flavor | None,
    replicas: int,
    at: int,
    gpu_models: frozenset[str | None] | set[str | None],
) -> RunRate:
    card = card_at(unit.prices.cards(cluster_id), at)
    rates = [freeze_rate(resources, model, flavor, card) for model in sorted(gpu_models, key=str)]
    dearest = max(rates, key=lambda rate: rate.compute_ucr)
    return replace(
        dearest,
        compute_ucr=dearest.compute_ucr * replicas,
        disk_ucr=dearest.disk_ucr * replicas,
        gpu_milli=dearest.gpu_milli * replicas,
    )


def take_hold(unit: Unit, row: DeploymentRow, amounts: Amounts, reason: str = "submitted") -> DeploymentRow:
    """Set the amounts aside; whoever calls has asked whether they are there."""
    if not amounts:
        return row
    number = row.holds + 1
    unit.ledger.post([entries.hold(row.account, row.id, amounts, at=unit.now, number=number, reason=reason)])
    unit.deployments.change(row.id, holds=number)
    return replace(row, holds=number)


def release_hold(unit: Unit, row: DeploymentRow, cause: RefundCause) -> Amounts:
    """Give back all that is still set aside for it."""
    left = unit.ledger.holds_left([row.id]).get(row.id, NOTHING)
    if left:
        why = Cause(deployment=row.id)
        key = f"release:{row.id}:{row.holds}"
        unit.ledger.post([entries.release(row.account, left, key=key, at=unit.now, cause=why, reason=cause.value)])
    return left


def open_run(unit: Unit, row: DeploymentRow, started_at: int, gpu_model: str | None) -> RunRow:
    """From here on it is metered: at the engine's own start, at the prices of that instant."""
    rate = rate_of(unit, row, started_at, frozenset({gpu_model}))
    line_start = max(started_at, row.created_at)  # an engine's clock that lags must not bill time before the request
    run = RunRow(
        id=unit.ids.new(),
        org_id=row.org_id,
        deployment_id=row.id,
        owner_id=row.owner_id,
        cluster_id=row.cluster_id,
        generation=row.generation,
        payer=row.payer,
        rate=rate,
        segments=(Segment(line_start),),
        started_at=line_start,
        seen_at=unit.now,
    )
    unit.runs.open_run(run)
    return run


def post_due(unit: Unit, run: RunRow, until: int, time_zone: str = "UTC") -> int:
    """Post what is due and not posted at each day's end and after six hours; returns how many postings it took."""
    last = unit.ledger.last_metered_at(run.id)
    # A charge is dated with the last microsecond that it pays for; the next one counts from behind it.
    since = run.started_at if last is None else last + 1
    return sum(charge_now(unit, run, instant) for instant in instants_to_post(since, until, time_zone))


def charge_now(unit: Unit, run: RunRow, until: int) -> bool:
    """Post the difference between what the run costs until then and what was posted of it."""
    posted = unit.ledger.metered([run.id]).get(run.id, NOTHING)
    hold = unit.ledger.holds_left([run.deployment_id]).get(run.deployment_id, NOTHING)
    posting = charge(run.line, until, posted=posted, hold_left=hold)
    return bool(posting and unit.ledger.post([posting]))


def change_share(unit: Unit, run: RunRow, state: State, at: int, *, engine_keeps_suspended: bool = True) -> None:
    """It was suspended or resumed: from here on it pays another part of its rate."""
    charge_now(unit, run, at)
    share = share_in(state, run.rate, engine_keeps_suspended=engine_keeps_suspended)
    unit.runs.change_segments(run.id, run.line.changed(at, share).segments)


def leave_out(unit: Unit, run: RunRow, start: int, end: int) -> None:
    """Its host slept meanwhile: that time is marked, and not billed."""
    unit.runs.change_segments(run.id, run.line.with_gap(start, end).segments)


def end_run(
    unit: Unit, row: DeploymentRow, *, ended_at: int, cause: RefundCause, event: str, notice_at: int | None = None
) -> None:
    """Close what is open of it: charge to the proved end, refund by cause, give hold and capacity back."""
    keeps_hold = REFUND_OF[cause].keeps_hold
    run = unit.runs.open_of(row.id)
    if run is not None:
        line = run.line.ended(max(ended_at, run.started_at))
        assert line.end is not None
        unit.runs.close_run(run.id, ended_at=line.end, cause=cause.value)
        posted = unit.ledger.metered([run.id]).get(run.id, NOTHING)
        hold = unit.ledger.holds_left([row.id]).get(row.id, NOTHING)
        reason = cause.value
        unit.ledger.post(
            settle(line, posted=posted, hold_left=hold, at=unit.now, end_hold=not keeps_hold, reason=reason)
        )
        net = unit.ledger.net_use([run.id]).get(run.id, NOTHING)
        refund = refund_of_run(cause, line, net_use=net, at=unit.now, event=event, notice_at=notice_at)
        if refund is not None:
            unit.ledger.post([refund])
    if not keeps_hold:
        release_hold(unit, row, cause)
    unit.runs.give_back(row.id, unit.now)
    unit.runs.unpin(row.id)


def restore_hold(unit: Unit, row: DeploymentRow) -> DeploymentRow:
    """A job that starts over needs its whole time again: set that aside anew, as far as the balance reaches."""
    if row.kind is not Kind.JOB or row.limit_ms is None:
        return row
    wanted = job_hold(rate_of(unit, row, unit.now), row.limit_ms)
    left = unit.ledger.holds_left([row.id]).get(row.id, NOTHING)
    more = hold_to_restore(wanted, left, unit.ledger.balance(row.account).available)
    return take_hold(unit, row, more, reason="starts over")


def burning_of(unit: Unit, runs: list[RunRow]) -> list[Burning]:
    """Runs that cost money now, with what is posted of each."""
    posted = unit.ledger.metered([run.id for run in runs])
    return [Burning(run.line, posted.get(run.id, NOTHING)) for run in runs]
