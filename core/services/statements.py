"""What the ledger tells: statements, use by heading, single postings, and whether it holds."""

from __future__ import annotations

from collections.abc import Iterator

from core.domain.money_requests import PeriodRequest, UseRequest
from core.domain.periods import Period, read_instant, read_period
from core.domain.roles import Permission, allows, require
from core.ledger import checks
from core.ledger.accounts import MINT, AccountKey, treasury, wallet
from core.ledger.amounts import NOTHING, Amounts
from core.ledger.balances import Balance
from core.services.credits import TREASURY
from core.services.funds import own_or_any
from core.services.postings import account_name, posting_card, written
from core.services.usecase import reads
from core.store.queries import use
from core.store.queries.use import Movement
from core.store.units import Unit, Units
from core.views.money import (
    AccountLine,
    EntryLine,
    LedgerVerdict,
    PostingCard,
    StatementCard,
    Sum,
    UsageCard,
    UsageLine,
)

MOST_FINDINGS = 20


class Statements:
    def __init__(self, units: Units) -> None:
        self.units = units

    @reads(Permission.WALLET_READ)
    def of_wallet(self, unit: Unit, request: PeriodRequest, user: str | None = None) -> StatementCard:
        """All that moved in one's own wallet in a period; an admin sees any."""
        account, name = own_or_any(unit, Permission.WALLET_READ, user)
        return _statement(unit, account, name, _period(unit, request))

    @reads(Permission.WALLET_READ)
    def of_treasury(self, unit: Unit, request: PeriodRequest) -> StatementCard:
        require(unit.me, Permission.WALLET_READ)
        return _statement(unit, treasury(unit.org_id), TREASURY, _period(unit, request))

    @reads(Permission.USAGE_READ)
    def usage(self, unit: Unit, request: UseRequest) -> UsageCard:
        """What was used under each heading; members see what their own deployments used."""
        period = _period(unit, request)
        owner = None if allows(unit.me, Permission.USAGE_READ) else unit.me.account_id
        used = use.used_by(unit.connection, unit.scope, request.by, period, owner)
        total = sum((one.amounts for one in used), NOTHING)
        lines = tuple(UsageLine(one.what, one.amounts.ucr, one.amounts.gpu_ms, one.postings) for one in used)
        return UsageCard(period.since, period.until, request.by.value, _sum(total), lines)

    @reads(Permission.WALLET_READ)
    def posting(self, unit: Unit, number: int) -> PostingCard:
        """One posting with all its entries: of one's own wallet, or as an admin any of the organization."""
        if allows(unit.me, Permission.WALLET_READ):
            return posting_card(unit, written(unit, number))
        mine = wallet(unit.org_id, unit.me.account_id)
        return posting_card(unit, written(unit, number, touching=mine))

    @reads(Permission.LEDGER_VERIFY)
    def verify(self, unit: Unit, at: str | None = None) -> LedgerVerdict:
        """Add every entry up anew, until now or until an instant, and hold it against the ledger's laws."""
        until = unit.now if at is None else read_instant(at, "at", _zone(unit))
        found = list(_findings(unit, None if at is None else until))
        balances = use.balances_at(unit.connection, unit.scope, None if at is None else until)
        return LedgerVerdict(
            holds=not found,
            postings=unit.book.count(None if at is None else until),
            at=until,
            findings=tuple(found[:MOST_FINDINGS]),
            items=tuple(_account_line(unit, account, balance) for account, balance in sorted(balances.items())),
        )


def _findings(unit: Unit, until: int | None) -> Iterator[str]:
    """The laws that the postings themselves can break; one walk through the ledger for each."""
    laws = (
        checks.postings_sum_to_zero,
        checks.ledger_sums_to_zero,
        checks.never_authorized_below_zero,
        checks.keys_are_unique,
        checks.amounts_fit,
    )
    found = [finding for law in laws for finding in law(unit.book.walk(until))]
    found += checks.reversals_mirror_once(unit.book.reversals())
    yield from (f"{one.check} {one.subject}: {one.message}" for one in found)
    if until is None:
        kept = use.cached_balances(unit.connection, unit.scope)
        summed = use.balances_at(unit.connection, unit.scope, None)
        for account in sorted({*kept, *summed} - {MINT}):
            if kept.get(account, Balance()) != summed.get(account, Balance()):
                yield f"I-L3 {account_name(unit, account)}: the balance kept is not the sum of its entries"


def _statement(unit: Unit, account: AccountKey, name: str, period: Period) -> StatementCard:
    opening = use.balance_before(unit.connection, account, period.since)
    moved = use.movements(unit.connection, account, period)
    closing = sum((one.moved.posted for one in moved), opening.posted)
    return StatementCard(
        owner=name,
        org=unit.me.org_name or "",
        since=period.since,
        until=period.until,
        opening=_sum(opening.posted),
        closing=_sum(closing),
        items=tuple(_entry_line(one) for one in moved),
    )


def _entry_line(one: Movement) -> EntryLine:
    posted, held = one.moved.posted, one.moved.held
    return EntryLine(
        number=one.number,
        at=one.at,
        kind=one.kind,
        credits_ucr=posted.ucr,
        gpu_ms=posted.gpu_ms,
        held_credits_ucr=held.ucr,
        held_gpu_ms=held.gpu_ms,
        reason=one.reason,
        deployment=one.deployment,
        actor=one.actor,
    )


def _account_line(unit: Unit, account: AccountKey, balance: Balance) -> AccountLine:
    posted, held = balance.posted, balance.held
    return AccountLine(account_name(unit, account), posted.ucr, posted.gpu_ms, held.ucr, held.gpu_ms)


def _sum(amounts: Amounts) -> Sum:
    return Sum(amounts.ucr, amounts.gpu_ms)


def _zone(unit: Unit) -> str:
    org = unit.orgs.by_id(unit.org_id)
    return org.time_zone if org else "UTC"


def _period(unit: Unit, request: PeriodRequest) -> Period:
    return read_period(request.since, request.until, _zone(unit), unit.now)
