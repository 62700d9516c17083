"""What happens to a deployment's money and capacity when it is submitted, starts, runs and ends.

Called inside a unit of work by the use cases and by the daemon, so that both mean the same by an end. How much is
decided by core.ledger; here it is read, posted and written down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from core.domain.flavors import Flavor, RateCard, RunRate, card_at, flavor_at, freeze_rate
from core.domain.kinds import Kind
from core.domain.lifecycle import State
from core.domain.resources import Resources
from core.ledger import entries
from core.ledger.admission import hold_to_restore, job_hold
from core.ledger.amounts import NOTHING, Amounts
from core.ledger.burn import Burning
from core.ledger.meter import RunLine, Segment, charge, instants_to_post, settle, share_in
from core.ledger.postings import Cause, Posting
from core.ledger.refunds import REFUND_OF, RefundCause, refund_of_run
from core.store.repositories.deployments import DeploymentRow
from core.store.repositories.runs import RunEnd, RunRow
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
    return _dearest(resources, flavor, replicas, card_at(unit.prices.cards(cluster_id), at), frozenset(gpu_models))


@lru_cache(maxsize=1_000)
def _dearest(
    resources: Resources, flavor: Flavor | None, replicas: int, card: RateCard, gpu_models: frozenset[str | None]
) -> RunRate:
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
    held, posting = with_hold(row, amounts, unit.now, reason)
    if posting is not None:
        unit.ledger.post([posting])
        unit.deployments.change(row.id, holds=held.holds)
    return held


def with_hold(
    row: DeploymentRow, amounts: Amounts, at: int, reason: str = "submitted"
) -> tuple[DeploymentRow, Posting | None]:
    """The deployment with one hold more, and the posting that takes it: for who writes both."""
    if not amounts:
        return row, None
    number = row.holds + 1
    return row._replace(holds=number), entries.hold(row.account, row.id, amounts, at=at, number=number, reason=reason)


def release_hold(unit: Unit, row: DeploymentRow, cause: RefundCause) -> Amounts:
    """Give back all that is still set aside for it."""
    return release_holds(unit, [row], cause).get(row.id, NOTHING)


def release_holds(unit: Unit, rows: Sequence[DeploymentRow], cause: RefundCause) -> dict[str, Amounts]:
    """The same for many, each by its own posting."""
    left = unit.ledger.holds_left([row.id for row in rows])
    held = [row for row in rows if left.get(row.id)]
    if held:
        unit.ledger.post([_released(unit, row, left[row.id], cause) for row in held])
    return left


def _released(unit: Unit, row: DeploymentRow, left: Amounts, cause: RefundCause) -> Posting:
    why, key = Cause(deployment=row.id), f"release:{row.id}:{row.holds}"
    return entries.release(row.account, left, key=key, at=unit.now, cause=why, reason=cause.value)


@dataclass(frozen=True, slots=True)
class Beginning:
    """A deployment that was proved to run since an instant, on what model of GPU."""

    row: DeploymentRow
    started_at: int
    gpu_model: str | None


def open_runs(unit: Unit, beginnings: Sequence[Beginning]) -> None:
    """From here on they are metered: at the engine's own start, at the prices of that instant."""
    again = [beginning.row.id for beginning in beginnings if beginning.row.generation > 1]
    ends = unit.runs.last_ends(again) if again else {}
    unit.runs.open_runs([_run_of(unit, beginning, ends.get(beginning.row.id, 0)) for beginning in beginnings])


def _run_of(unit: Unit, beginning: Beginning, last_end: int) -> RunRow:
    """An hour that passes twice, since the clock was set back, is billed once."""
    row, started_at = beginning.row, max(beginning.started_at, last_end)
    rate = rate_of(unit, row, started_at, frozenset({beginning.gpu_model}))
    return RunRow(
        id=unit.ids.new(),
        org_id=row.org_id,
        deployment_id=row.id,
        owner_id=row.owner_id,
        cluster_id=row.cluster_id,
        generation=row.generation,
        payer=row.payer,
        rate=rate,
        segments=(Segment(started_at),),
        started_at=started_at,
        seen_at=unit.now,
    )


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


@dataclass(frozen=True, slots=True)
class Ending:
    """How a deployment came to its end, or to the end of a run: what its money and its place depend on."""

    row: DeploymentRow
    ended_at: int
    cause: RefundCause
    event: str
    notice_at: int | None = None

    @property
    def keeps_hold(self) -> bool:
        return REFUND_OF[self.cause].keeps_hold


def end_runs(unit: Unit, endings: Sequence[Ending]) -> None:
    """Close what is open: charge to the proved end, refund by cause, give holds and capacity back.

    Each deployment once. Whatever their number, the store is asked and told a few times.
    """
    ids = [ending.row.id for ending in endings]
    runs = unit.runs.open_of_each(ids)
    posted = unit.ledger.metered([run.id for run in runs.values()])
    holds = unit.ledger.holds_left(ids)
    lines: dict[str, RunLine] = {}
    due: list[Posting] = []
    for ending in endings:
        run, hold = runs.get(ending.row.id), holds.get(ending.row.id, NOTHING)
        if run is not None:
            # An engine's clock may be ahead: nothing is due past this instant but what was proved to live until then.
            ended_at = min(ending.ended_at, max(unit.now, run.seen_at))
            line = lines[ending.row.id] = run.line.ended(max(ended_at, run.started_at))
            due += settle(
                line,
                posted=posted.get(run.id, NOTHING),
                hold_left=hold,
                at=unit.now,
                end_hold=not ending.keeps_hold,
                reason=ending.cause.value,
            )
        elif hold and not ending.keeps_hold:
            due.append(_released(unit, ending.row, hold, ending.cause))
    unit.ledger.post(due)
    ended = [(ending, lines[ending.row.id]) for ending in endings if ending.row.id in lines]
    _refund(unit, ended)
    unit.runs.close_runs([RunEnd(line.run, line.end or 0, ending.cause.value) for ending, line in ended])
    unit.runs.give_back(ids, unit.now)
    unit.runs.unpin(ids)


def _refund(unit: Unit, ended: Sequence[tuple[Ending, RunLine]]) -> None:
    """What is given back by itself, of what a run has really cost."""
    lost = [(ending, line) for ending, line in ended if REFUND_OF[ending.cause].window_us]
    costs = unit.ledger.net_use([line.run for _, line in lost])
    refunds = [
        refund_of_run(
            ending.cause,
            line,
            net_use=costs.get(line.run, NOTHING),
            at=unit.now,
            event=ending.event,
            notice_at=ending.notice_at,
        )
        for ending, line in lost
    ]
    unit.ledger.post([refund for refund in refunds if refund is not None])


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


def burning_to_limits(unit: Unit, runs: Sequence[RunRow]) -> list[Burning]:
    """The same, and that a job burns until its time limit at most."""
    posted = unit.ledger.metered([run.id for run in runs])
    limits = unit.deployments.limits_of([run.deployment_id for run in runs])
    burning = []
    for run in runs:
        limit = limits[run.deployment_id]
        ends_at = None if limit is None else run.started_at + limit * 1000
        burning.append(Burning(run.line, posted.get(run.id, NOTHING), ends_at))
    return burning
