"""What an account has at this moment: its settled balance, less what its runs have used since the meter last posted.

Every authorization asks here, so that nobody spends a second time what already burns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.domain.errors import NotFound
from core.domain.roles import Permission, require
from core.domain.text import visible
from core.ledger.accounts import AccountKey, AccountKind, wallet
from core.ledger.amounts import NOTHING, Amounts, Book
from core.ledger.balances import Balance
from core.ledger.burn import Burning, accrued, burn_per_hour, runs_out_at, runway_ms
from core.ledger.meter import due, open_line
from core.store import settlement
from core.store.units import Unit


@dataclass(frozen=True, slots=True)
class Funds:
    """An account's balance as posted, and what draws on it now."""

    posted: Balance
    burning: tuple[Burning, ...]
    holds: Mapping[str, Amounts]  # what is still set aside, by deployment that burns
    now: int

    @property
    def balance(self) -> Amounts:
        return self.posted.posted - accrued(self.burning, self.now)

    @property
    def held(self) -> Amounts:
        covered = NOTHING
        for run in self.burning:
            covered += run.unpaid_at(self.now).at_most(self.holds.get(run.line.deployment, NOTHING))
        return self.posted.held - covered

    @property
    def available(self) -> Amounts:
        """What may be given away or set aside."""
        return self.balance - self.held

    @property
    def burn(self) -> Amounts:
        return burn_per_hour(self.burning, self.now)

    @property
    def run_out(self) -> dict[Book, int]:
        return runs_out_at(self.posted.posted, self.burning, self.now)

    @property
    def runway_ms(self) -> int | None:
        return runway_ms(self.balance, self.burn)


def funds_of(unit: Unit, account: AccountKey) -> Funds:
    """Of an account of the unit's organization."""
    posted = unit.ledger.balance(account)
    may_burn = account.kind in (AccountKind.WALLET, AccountKind.TREASURY)
    rows = unit.runs.open_of_payer(account.org, account.owner) if may_burn else []
    if not rows:
        return Funds(posted, (), {}, unit.now)
    holds = unit.ledger.holds_left([run.deployment_id for run in rows])
    return Funds(posted, tuple(settlement.burning_to_limits(unit, rows)), holds, unit.now)


def surely_available(unit: Unit, account: AccountKey) -> Amounts:
    """At least so much is available: as if nothing of what runs had been paid or set aside yet.

    Nearly always that suffices, and it costs one look at the rates, however many runs there are.
    """
    if account.kind is not AccountKind.WALLET:
        return funds_of(unit, account).available
    available = unit.ledger.balance(account).available
    for rate, count, since in unit.runs.burning_of(account.org, account.owner):
        used = due(open_line("", "", account, rate, since), unit.now)
        available -= Amounts(used.ucr * count, used.gpu_ms * count)
    return available


def own_or_any(unit: Unit, permission: Permission, name: str | None) -> tuple[AccountKey, str]:
    """One's own wallet, or with the right to any that of somebody who is a member or once was; with the name."""
    if name is None or name.lower() == unit.me.name:
        require(unit.me, permission, owner_id=unit.me.account_id)
        return wallet(unit.org_id, unit.me.account_id), unit.me.name
    require(unit.me, permission)
    member = unit.members.named(name.lower())
    if member is not None:
        return wallet(unit.org_id, member.account_id), member.name
    gone = unit.accounts.by_name(name.lower())
    if gone is None or not unit.ledger.knows(wallet(unit.org_id, gone.id)):
        raise no_member(name)
    return wallet(unit.org_id, gone.id), gone.name


def members_wallet(unit: Unit, name: str) -> tuple[AccountKey, str]:
    """Of somebody who is a member now, so that money may come to it."""
    member = unit.members.named(name.lower())
    if member is None:
        raise no_member(name)
    return wallet(unit.org_id, member.account_id), member.name


def no_member(name: str) -> NotFound:
    return NotFound("member_not_found", f"no member {visible(name)} here", "bursar org members shows them")
