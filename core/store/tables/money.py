"""Tables of money: postings and their entries (append-only), a cache of balances, prices, limits, the ladder."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index
from sqlmodel import Field

from core.domain.quota import Level, Measure
from core.ledger.accounts import AccountKind
from core.ledger.amounts import Book
from core.ledger.postings import PostingKind, Side
from core.store.tables.columns import LARGEST_AMOUNT, STRICT, Record, key_column, one_of, text_column, whole_column


class Posting(Record, table=True):
    __tablename__ = "postings"
    __table_args__ = (
        one_of("kind", PostingKind),
        Index("ix_postings_org_id_at", "org_id", "at"),
        Index("ix_postings_deployment_id", "deployment_id"),
        Index("ix_postings_run_id", "run_id"),
        STRICT,
    )

    seq: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    key: str = text_column(unique=True)
    kind: str = text_column()
    at: int = whole_column()
    written_at: int = whole_column()
    org_id: str = text_column(foreign_key="orgs.id")
    reason: str = text_column()
    deployment_id: str | None = text_column(nullable=True)
    run_id: str | None = text_column(nullable=True)
    event: str | None = text_column(nullable=True)
    fingerprint: str = text_column()
    reverses: str | None = text_column(nullable=True, unique=True)
    actor: str = text_column()


class Entry(Record, table=True):
    """One account's part in a posting. The mint belongs to no organization and no person: empty text."""

    __tablename__ = "entries"
    __table_args__ = (
        one_of("account_kind", AccountKind),
        one_of("book", Book),
        one_of("side", Side),
        CheckConstraint(f"amount BETWEEN -{LARGEST_AMOUNT} AND {LARGEST_AMOUNT}", name="amount_fits"),
        Index("ix_entries_account", "org_id", "owner_id", "account_kind", "seq"),
        STRICT,
    )

    seq: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    line: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    account_kind: str = text_column()
    org_id: str = text_column()
    owner_id: str = text_column()
    book: str = text_column()
    side: str = text_column()
    amount: int = whole_column()


class BalanceCache(Record, table=True):
    """Sums of entries, so that a balance is one look. The doctor compares them with the entries themselves."""

    __tablename__ = "balances"
    __table_args__ = (STRICT,)

    org_id: str = key_column()
    owner_id: str = key_column()
    account_kind: str = key_column()
    book: str = key_column()
    posted: int = whole_column()
    expected: int = whole_column()


class RateCardVersion(Record, table=True):
    """Unit prices of a cluster from an instant on. Never changed: new prices are a new version."""

    __tablename__ = "rate_cards"
    __table_args__ = (STRICT,)

    cluster_id: str = key_column(foreign_key="clusters.id")
    version: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    effective_from: int = whole_column()
    prices: str = text_column()
    set_by: str = text_column()


class FlavorVersion(Record, table=True):
    __tablename__ = "flavors"
    __table_args__ = (CheckConstraint("retired IN (0, 1)", name="retired_flag"), STRICT)

    name: str = key_column()
    version: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    effective_from: int = whole_column()
    cpu_milli: int = whole_column()
    ram_mib: int = whole_column()
    gpu_milli: int = whole_column()
    disk_mib: int = whole_column()
    gpu_model: str | None = text_column(nullable=True)
    ucr_per_hour: int = whole_column()
    retired: int = whole_column(default=0)
    set_by: str = text_column()


class LimitRow(Record, table=True):
    """`subject` is the member's or the cluster's id; for a limit of the whole organization it is empty."""

    __tablename__ = "limits"
    __table_args__ = (
        one_of("level", Level),
        one_of("measure", Measure),
        CheckConstraint("most >= 0", name="most"),
        STRICT,
    )

    org_id: str = key_column(foreign_key="orgs.id")
    level: str = key_column()
    subject: str = key_column()
    measure: str = key_column()
    most: int = whole_column()


class WalletStanding(Record, table=True):
    """Where a wallet stands on the run-out ladder, and when to look at it again. No owner: the treasury."""

    __tablename__ = "wallet_standings"
    __table_args__ = (one_of("book", Book), Index("ix_wallet_standings_look_at", "look_at"), STRICT)

    org_id: str = key_column(foreign_key="orgs.id")
    owner_id: str = key_column()
    book: str = key_column()
    rung: int = whole_column()
    told: int = whole_column()
    emptied_at: int | None = whole_column(nullable=True)
    funding: str = text_column()
    look_at: int | None = whole_column(nullable=True)
