"""Tables of what happened: the audit chain, the feed of events, first answers to keyed calls, and who leads."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer
from sqlmodel import Field

from core.store.tables.columns import STRICT, Record, key_column, text_column, whole_column


class Installation(Record, table=True):
    """One row: which store this is. Tokens of runs and backups carry the id."""

    __tablename__ = "installation"
    __table_args__ = (STRICT,)

    id: str = key_column()
    created_at: int = whole_column()


class Audit(Record, table=True):
    """Append-only: triggers refuse to change or delete, and each row carries the hash of the one before."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_org_id_seq", "org_id", "seq"), STRICT)

    seq: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    at: int = whole_column()
    actor: str = text_column()
    face: str = text_column()
    org_id: str | None = text_column(nullable=True)
    verb: str = text_column()
    target: str = text_column()
    before: str | None = text_column(nullable=True)
    after: str | None = text_column(nullable=True)
    previous: str = text_column()
    hash: str = text_column()


class Event(Record, table=True):
    """The feed that consoles and the daemon follow. Kept for a retention; the audit keeps for ever."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_subject", "subject"), {**STRICT, "sqlite_autoincrement": True})

    seq: int | None = Field(
        default=None, sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    )
    at: int = whole_column()
    org_id: str | None = text_column(nullable=True)
    kind: str = text_column()
    subject: str = text_column()
    data: str = text_column(default="{}")


class FirstAnswer(Record, table=True):
    """What a keyed call answered the first time, so that asking again changes nothing."""

    __tablename__ = "first_answers"
    __table_args__ = (STRICT,)

    account_id: str = key_column()
    key: str = key_column()
    verb: str = text_column()
    fingerprint: str = text_column()
    answer: str = text_column()
    at: int = whole_column()


class Lease(Record, table=True):
    """Who leads. Each writer of the daemon proves its epoch in the transaction that it writes."""

    __tablename__ = "leases"
    __table_args__ = (STRICT,)

    name: str = key_column()
    owner: str = text_column()
    epoch: int = whole_column()
    expires_at: int = whole_column()
