"""Whose money: the operators' mint, an org's treasury, a member's wallet in an org, and what the org has spent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AccountKind(StrEnum):
    MINT = "mint"  # below zero by all that was ever minted
    TREASURY = "treasury"
    WALLET = "wallet"
    SPENT = "spent"  # where charges go


@dataclass(frozen=True, slots=True, order=True)
class AccountKey:
    kind: AccountKind
    org: str = ""
    owner: str = ""

    @property
    def text(self) -> str:
        return "/".join(part for part in (self.kind.value, self.org, self.owner) if part)

    @property
    def may_run_dry(self) -> bool:
        """Whether it holds somebody's money, which nobody is authorized to overdraw."""
        return self.kind in (AccountKind.TREASURY, AccountKind.WALLET)


MINT = AccountKey(AccountKind.MINT)


def treasury(org: str) -> AccountKey:
    return AccountKey(AccountKind.TREASURY, org)


def wallet(org: str, account: str) -> AccountKey:
    return AccountKey(AccountKind.WALLET, org, account)


def spent(org: str) -> AccountKey:
    return AccountKey(AccountKind.SPENT, org)
