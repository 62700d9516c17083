"""Tables of people: accounts, organizations, memberships, invites, sessions, and the throttle of guesses."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text

from core.domain.roles import Role, TokenScope
from core.store.tables.columns import STRICT, Record, key_column, one_of, text_column, whole_column


class Account(Record, table=True):
    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint("operator IN (0, 1)", name="operator_flag"),
        CheckConstraint("name = lower(name) AND length(name) BETWEEN 2 AND 32", name="name_form"),
        STRICT,
    )

    id: str = key_column()
    name: str = text_column(unique=True)
    password_hash: str | None = text_column(nullable=True)
    operator: int = whole_column(default=0)
    active_org_id: str | None = text_column(nullable=True)  # a preference, checked when it is read
    created_at: int = whole_column()
    disabled_at: int | None = whole_column(nullable=True)
    tokens_valid_after: int = whole_column(default=0)


class Org(Record, table=True):
    __tablename__ = "orgs"
    __table_args__ = (
        # A deleted organization keeps its row, for its ledger and audit, but not its name.
        Index(
            "uq_orgs_living_name",
            "name",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        CheckConstraint("allowance_credits_ucr >= 0 AND allowance_gpu_ms >= 0", name="allowance"),
        STRICT,
    )

    id: str = key_column()
    name: str = text_column()
    time_zone: str = text_column(default="UTC")
    allowance_credits_ucr: int = whole_column()
    allowance_gpu_ms: int = whole_column()
    created_at: int = whole_column()
    created_by: str = text_column(foreign_key="accounts.id")
    deleted_at: int | None = whole_column(nullable=True)
    approval_policy: str | None = text_column(nullable=True)  # None: as the installation's setting says


class Membership(Record, table=True):
    __tablename__ = "memberships"
    __table_args__ = (one_of("role", Role), Index("ix_memberships_account_id", "account_id"), STRICT)

    org_id: str = key_column(foreign_key="orgs.id")
    account_id: str = key_column(foreign_key="accounts.id")
    role: str = text_column()
    joined_at: int = whole_column()
    invite_id: str | None = text_column(nullable=True, foreign_key="invites.id")


class Invite(Record, table=True):
    __tablename__ = "invites"
    __table_args__ = (
        one_of("role", Role),
        CheckConstraint("uses >= 1 AND used >= 0 AND used <= uses", name="uses"),
        Index("ix_invites_org_id", "org_id"),
        STRICT,
    )

    id: str = key_column()
    handle: str = text_column(unique=True)
    org_id: str = text_column(foreign_key="orgs.id")
    code_hash: str = text_column(unique=True)
    role: str = text_column()
    uses: int = whole_column()
    used: int = whole_column(default=0)
    credits_ucr: int | None = whole_column(nullable=True)
    gpu_ms: int | None = whole_column(nullable=True)
    expires_at: int = whole_column()
    revoked_at: int | None = whole_column(nullable=True)
    created_at: int = whole_column()
    created_by: str = text_column(foreign_key="accounts.id")


class Session(Record, table=True):
    """A login or an API token: what a bearer must still have when they act."""

    __tablename__ = "sessions"
    __table_args__ = (
        one_of("kind", ("login", "token")),
        one_of("scope", TokenScope),
        CheckConstraint("(kind = 'token') = (secret_hash IS NOT NULL)", name="token_has_secret"),
        UniqueConstraint("handle"),
        Index("ix_sessions_account_id", "account_id"),
        STRICT,
    )

    id: str = key_column()
    account_id: str = text_column(foreign_key="accounts.id")
    kind: str = text_column()
    scope: str = text_column(default=TokenScope.FULL.value)
    handle: str | None = text_column(nullable=True)
    name: str | None = text_column(nullable=True)
    secret_hash: str | None = text_column(nullable=True)
    face: str = text_column()
    created_at: int = whole_column()
    expires_at: int | None = whole_column(nullable=True)
    revoked_at: int | None = whole_column(nullable=True)


class Throttle(Record, table=True):
    """Failed guesses by what was guessed at and from where; read and written on each try."""

    __tablename__ = "throttles"
    __table_args__ = (STRICT,)

    key: str = key_column()
    failures: int = whole_column()
    last_at: int = whole_column()
