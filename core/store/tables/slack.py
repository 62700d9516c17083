"""Tables of the Slack face: who is linked, what came in, what goes out, and the schedules of reports."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Index, UniqueConstraint

from core.domain.chat import DeliveryKind, DeliveryState
from core.domain.schedule import Cadence
from core.store.tables.columns import STRICT, Record, key_column, one_of, text_column, whole_column


class SlackWorkspace(Record, table=True):
    """A workspace belongs to the organization whose member came in first."""

    __tablename__ = "slack_workspaces"
    __table_args__ = (Index("ix_slack_workspaces_org_id", "org_id"), STRICT)

    team_id: str = key_column()
    org_id: str = text_column(foreign_key="orgs.id")
    bound_at: int = whole_column()
    bound_by: str = text_column(foreign_key="accounts.id")


class SlackPerson(Record, table=True):
    """Who somebody in Slack is here. The session is what they must still have when they act."""

    __tablename__ = "slack_people"
    __table_args__ = (Index("ix_slack_people_account_id", "account_id"), STRICT)

    team_id: str = key_column()
    user_id: str = key_column()
    account_id: str = text_column(foreign_key="accounts.id")
    session_id: str = text_column()  # no foreign key: an ended session is forgotten in its own time
    name: str = text_column()
    linked_at: int = whole_column()


class SlackCode(Record, table=True):
    """A one-time code that was shown to somebody in Slack, to be confirmed where their account is logged in."""

    __tablename__ = "slack_codes"
    __table_args__ = (Index("ix_slack_codes_account_id", "account_id"), STRICT)

    code_hash: str = key_column()
    team_id: str = text_column()
    user_id: str = text_column()
    name: str = text_column()
    workspace: str = text_column()
    expires_at: int = whole_column()
    used_at: int | None = whole_column(nullable=True)
    account_id: str | None = text_column(nullable=True)  # no foreign key: a code lives for minutes
    offered_at: int | None = whole_column(nullable=True)


class Inbox(Record, table=True):
    """What was delivered to us and had its effect; written in the transaction of the effect."""

    __tablename__ = "inbox"
    __table_args__ = (Index("ix_inbox_at", "at"), STRICT)

    key: str = key_column()
    at: int = whole_column()


class FeedPlace(Record, table=True):
    """How far a follower has read the journal."""

    __tablename__ = "feed_places"
    __table_args__ = (STRICT,)

    name: str = key_column()
    seq: int = whole_column()


class Delivery(Record, table=True):
    """Something to show to a person or in a channel. One row is one message, which is brought up to date in place."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("team_id", "recipient", "kind", "subject"),
        Index("ix_deliveries_state_due_at", "state", "due_at"),
        Index("ix_deliveries_kind_subject", "kind", "subject"),
        one_of("kind", DeliveryKind),
        one_of("state", DeliveryState),
        CheckConstraint("(state = 'claimed') = (owner IS NOT NULL)", name="claimed_by_somebody"),
        STRICT,
    )

    id: str = key_column()
    org_id: str = text_column(foreign_key="orgs.id")
    team_id: str = text_column()
    recipient: str = text_column()
    kind: str = text_column()
    subject: str = text_column()
    data: str = text_column(default="{}")
    state: str = text_column()
    due_at: int = whole_column()
    attempts: int = whole_column(default=0)
    changes: int = whole_column(default=1)  # grows with each wish to bring it up to date
    owner: str | None = text_column(nullable=True)
    lease_until: int | None = whole_column(nullable=True)
    channel: str | None = text_column(nullable=True)
    message_ts: str | None = text_column(nullable=True)
    sent_at: int | None = whole_column(nullable=True)
    reason: str | None = text_column(nullable=True)
    created_at: int = whole_column()


class ReportSchedule(Record, table=True):
    __tablename__ = "report_schedules"
    __table_args__ = (
        one_of("cadence", Cadence),
        CheckConstraint("minute BETWEEN 0 AND 1439 AND day BETWEEN 0 AND 28", name="clock_time"),
        Index("ix_report_schedules_org_id", "org_id"),
        Index("ix_report_schedules_next_at", "next_at"),
        STRICT,
    )

    id: str = key_column()
    handle: str = text_column(unique=True)
    org_id: str = text_column(foreign_key="orgs.id")
    team_id: str = text_column()
    channel: str = text_column()
    cadence: str = text_column()
    day: int = whole_column()
    minute: int = whole_column()
    zone: str = text_column()
    next_at: int | None = whole_column(nullable=True)  # none while it is muted or once it is deleted
    created_at: int = whole_column()
    created_by: str = text_column(foreign_key="accounts.id")
    muted_at: int | None = whole_column(nullable=True)
    deleted_at: int | None = whole_column(nullable=True)
