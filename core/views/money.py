"""Views of money: balances with their burn, statements, prices, use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from core.domain.resources import Resources


@dataclass(frozen=True, slots=True)
class Sum:
    """An amount in both books."""

    credits_ucr: int = 0
    gpu_ms: int = 0


@dataclass(frozen=True, slots=True)
class CreditsBook:
    balance_ucr: int
    held_ucr: int
    available_ucr: int
    burn_per_hour_ucr: int
    runs_out_at: int | None


@dataclass(frozen=True, slots=True)
class GpuTimeBook:
    balance_gpu_ms: int
    held_gpu_ms: int
    available_gpu_ms: int
    burn_per_hour_gpu_ms: int
    runs_out_at: int | None


@dataclass(frozen=True, slots=True)
class WalletCard:
    """A balance as it is at this moment: what is settled less what has accrued since."""

    owner: str
    org: str
    credits: CreditsBook
    gpu_hours: GpuTimeBook
    runway_ms: int | None


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One side of a posting, as the account sees it; `number` opens the posting."""

    number: int
    at: int
    kind: str
    credits_ucr: int
    gpu_ms: int
    held_credits_ucr: int
    held_gpu_ms: int
    reason: str
    deployment: str | None
    actor: str

    @property
    def what(self) -> str:
        return f"{self.kind}: {self.reason}" if self.reason else self.kind


@dataclass(frozen=True, slots=True)
class StatementCard:
    """All that touched an account in a half-open period, between what it had before and after."""

    owner: str
    org: str
    since: int | None
    until: int | None
    opening: Sum
    closing: Sum
    items: tuple[EntryLine, ...]


@dataclass(frozen=True, slots=True)
class UsageLine:
    """What was used under one heading in a half-open period: charges less refunds and reversals."""

    what: str
    credits_ucr: int
    gpu_ms: int
    postings: int


@dataclass(frozen=True, slots=True)
class UsageCard:
    since: int | None
    until: int | None
    by: str
    total: Sum
    items: tuple[UsageLine, ...]


@dataclass(frozen=True, slots=True)
class PostingCard:
    number: int
    key: str
    kind: str
    at: int
    reason: str
    deployment: str | None
    actor: str
    reverses: str | None
    items: tuple[PostingLine, ...]


@dataclass(frozen=True, slots=True)
class PostingLine:
    account: str
    side: str
    credits_ucr: int
    gpu_ms: int


@dataclass(frozen=True, slots=True)
class FlavorLine:
    name: str
    size: Resources
    gpu_model: str | None
    credits_per_hour_ucr: int
    version: int
    state: str


@dataclass(frozen=True, slots=True)
class RatesLine:
    cluster: str
    cpu_hour_ucr: int
    gib_hour_ucr: int
    gpu_hour_ucr: int
    gpu_models: Mapping[str, Decimal]  # credits per hour
    disk_gib_hour_ucr: int
    suspended_milli: int
    stopped_milli: int
    version: int
    effective_from: int


@dataclass(frozen=True, slots=True)
class LimitLine:
    """A limit in the unit of its measure, with what is taken of it, holds included."""

    level: str
    subject: str
    measure: str
    most: Decimal
    used: Decimal
    left: Decimal


@dataclass(frozen=True, slots=True)
class AccountLine:
    """What an account had, as its entries say."""

    account: str
    credits_ucr: int
    gpu_ms: int
    held_credits_ucr: int
    held_gpu_ms: int


@dataclass(frozen=True, slots=True)
class LedgerVerdict:
    """Whether every balance follows from its entries, what does not, and what each account had."""

    holds: bool
    postings: int
    at: int
    findings: tuple[str, ...]
    items: tuple[AccountLine, ...]


@dataclass(frozen=True, slots=True)
class CsvText:
    """A table for a spreadsheet, made harmless by who wrote it; every face hands it on as it is."""

    csv: str
