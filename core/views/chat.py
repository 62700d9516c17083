"""Views for the bot: who somebody in Slack is here, a code that links, and what is to be delivered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.domain.chat import DeliveryKind
from core.domain.roles import Caller


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody in a workspace. Without a caller they are linked to no account, or the link has ended."""

    team_id: str
    user_id: str
    caller: Caller | None
    name: str
    org: str | None  # whose the workspace is
    belongs: bool  # whether the account may act in that organization
    admin: bool = False
    operator: bool = False


@dataclass(frozen=True, slots=True)
class LinkOffer:
    """A one-time code, shown once to the person in Slack."""

    code: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class LinkAsked:
    """Who would act as the account from then on: what must be read before it is confirmed."""

    name: str
    workspace: str
    user_id: str
    team_id: str


@dataclass(frozen=True, slots=True)
class PendingLink:
    """Somebody in Slack who asks for one's account and waits for its owner to type the code that they were shown."""

    name: str
    workspace: str
    user_id: str
    team_id: str
    asked_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class LinkLine:
    workspace: str
    user: str
    name: str
    linked_at: int


@dataclass(frozen=True, slots=True)
class Parcel:
    """A claimed delivery. `message_ts` says that it is posted already and only to be brought up to date."""

    id: str
    owner: str
    org: str
    team_id: str
    recipient: str
    kind: DeliveryKind
    subject: str
    data: Mapping[str, object]
    changes: int
    attempts: int
    channel: str | None
    message_ts: str | None
    thread_ts: str | None
    created_at: int


@dataclass(frozen=True, slots=True)
class HoursAsked:
    """More time for a deployment that somebody may not take alone, and nobody has given yet."""

    id: str
    name: str
    owner: str
    had_ms: int
    more_ms: int


@dataclass(frozen=True, slots=True)
class UnsureLine:
    id: str
    what: str
    since_at: int
