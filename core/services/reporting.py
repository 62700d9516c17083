"""A report made of the ledger's sums for one period of one organization: one model for every face and every file."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from core.domain.periods import Period
from core.domain.quota import UseHeading
from core.domain.schedule import days_of, local_date, period_preceding
from core.ledger.accounts import wallet
from core.ledger.amounts import NOTHING, Amounts
from core.store.queries import reports, use
from core.store.units import Unit
from core.views.money import Sum, UsageLine
from core.views.reports import DayUse, DeploymentUse, ReportCard, Waits

_LASTS_AT_MOST_DAYS = 730


class Member(NamedTuple):
    """Whose use a report is of, where it is not the whole organization's."""

    account_id: str
    name: str


def zone_of(unit: Unit, default: str) -> str:
    org = unit.orgs.by_id(unit.org_id)
    return org.time_zone if org and org.time_zone != "UTC" else default


def report_card(unit: Unit, period: Period, zone: str, member: Member | None = None) -> ReportCard:
    """`unit` sees one organization; the period's days are those of `zone`. Of a member alone, where one is given."""
    assert period.since is not None and period.until is not None, "a report's period has both ends"
    connection, scope = unit.connection, unit.scope
    org, owner_id = unit.orgs.by_id(unit.org_id), member.account_id if member else None
    used = use.use_of(connection, scope, period, owner_id)
    left = _left(unit, period.until, owner_id)
    return ReportCard(
        org=org.name if org else "",
        zone=zone,
        since=period.since,
        until=period.until,
        first_day=local_date(period.since, zone),
        last_day=local_date(period.until - 1, zone),
        total=_sum(used),
        before=_sum(use.use_of(connection, scope, period_preceding(period, zone), owner_id)),
        left=_sum(left),
        lasts_until_day=_lasts_until(used, left, Period(period.since, min(period.until, unit.now)), zone),
        waits=_waits(reports.waits_ms(connection, scope, period, owner_id)),
        unposted_runs=reports.unposted_runs(connection, scope, min(period.until, unit.now), owner_id),
        users=_under(unit, UseHeading.USER, period, owner_id),
        deployments=_deployments(unit, period, owner_id),
        days=tuple(_day(unit, day, zone, owner_id) for day in days_of(period, zone)),
        clusters=_under(unit, UseHeading.CLUSTER, period, owner_id),
        owner=member.name if member else None,
        so_far=period.until > unit.now,
    )


def _left(unit: Unit, until: int, owner_id: str | None) -> Amounts:
    """What all wallets and the treasury had at the period's end, or the wallet of one member."""
    if owner_id is not None:
        return use.balance_before(unit.connection, wallet(unit.org_id, owner_id), until).posted
    balances = use.balances_at(unit.connection, unit.scope, until)
    mine = [balance.posted for account, balance in balances.items() if account.may_run_dry]
    return sum(mine, NOTHING)


def _lasts_until(used: Amounts, left: Amounts, period: Period, zone: str) -> str | None:
    """The day on which the first of the two books would be empty if every day were as the period's."""
    assert period.since is not None and period.until is not None
    days = max(1, round((period.until - period.since) / 86_400_000_000))
    ends = [have * days // spent for (_, have), (_, spent) in zip(left, used, strict=True) if spent > 0]
    soonest = min(ends, default=_LASTS_AT_MOST_DAYS + 1)
    if soonest > _LASTS_AT_MOST_DAYS:
        return None
    last = date.fromisoformat(local_date(period.until, zone))
    return (last + timedelta(days=max(0, soonest))).isoformat()


def _waits(waits: list[int]) -> Waits | None:
    if not waits:
        return None
    return Waits(len(waits), _at_rank(waits, 50), _at_rank(waits, 95))


def _at_rank(sorted_ms: list[int], percent: int) -> int:
    """The smallest that so many percent do not exceed."""
    return sorted_ms[max(0, -(-len(sorted_ms) * percent // 100) - 1)]


def _deployments(unit: Unit, period: Period, owner_id: str | None) -> tuple[DeploymentUse, ...]:
    used = use.used_by(unit.connection, unit.scope, UseHeading.DEPLOYMENT, period, owner_id)
    names = reports.named(unit.connection, unit.scope, [one.what for one in used])
    return tuple(
        DeploymentUse(one.what, *names.get(one.what, ("", "")), one.amounts.ucr, one.amounts.gpu_ms, one.postings)
        for one in used
    )


def _day(unit: Unit, day: Period, zone: str, owner_id: str | None) -> DayUse:
    assert day.since is not None
    used = use.use_of(unit.connection, unit.scope, day, owner_id)
    users = _under(unit, UseHeading.USER, day, owner_id) if used != NOTHING else ()
    return DayUse(local_date(day.since, zone), used.ucr, used.gpu_ms, users)


def _under(unit: Unit, heading: UseHeading, period: Period, owner_id: str | None) -> tuple[UsageLine, ...]:
    return tuple(
        UsageLine(one.what, one.amounts.ucr, one.amounts.gpu_ms, one.postings)
        for one in use.used_by(unit.connection, unit.scope, heading, period, owner_id)
    )


def _sum(amounts: Amounts) -> Sum:
    return Sum(amounts.ucr, amounts.gpu_ms)
