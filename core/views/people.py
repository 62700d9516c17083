"""Views of accounts, organizations, members, invites and tokens."""

from __future__ import annotations

from dataclasses import dataclass

from core.domain.roles import Role


@dataclass(frozen=True, slots=True)
class AccountCard:
    """Who somebody is: `whoami`, and the answer to `register` and `init`."""

    name: str
    operator: bool
    org: str | None
    role: Role | None
    orgs: tuple[str, ...]
    scope: str
    created_at: int


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """What a face keeps to act as this person."""

    access_token: str
    token_type: str
    expires_at: int
    name: str


@dataclass(frozen=True, slots=True)
class TokenCard:
    """An API token; the secret itself is in `token` once, when it is made."""

    id: str
    name: str
    scope: str
    state: str
    created_at: int
    expires_at: int | None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class SessionCard:
    """A login that still stands; `here` is the one by which it was asked."""

    id: str
    face: str
    here: bool
    created_at: int
    expires_at: int | None


@dataclass(frozen=True, slots=True)
class OrgCard:
    name: str
    role: Role | None
    active: bool
    members: int
    time_zone: str
    allowance_credits_ucr: int
    allowance_gpu_ms: int
    created_at: int
    approvals: str | None = None  # what needs an admin's yes; None: as the installation says


@dataclass(frozen=True, slots=True)
class OrgRow:
    name: str
    role: Role | None
    active: bool


@dataclass(frozen=True, slots=True)
class MemberRow:
    name: str
    role: Role
    joined_at: int


@dataclass(frozen=True, slots=True)
class InviteCard:
    """An invite; the code is in it once, when it is made or rotated."""

    id: str
    role: Role
    uses: int
    used: int
    state: str
    credits_ucr: int | None
    gpu_ms: int | None
    expires_at: int
    created_at: int
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import of accounts did, line by line where something was refused."""

    added: int
    skipped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """An action that leaves nothing to show but that it happened."""

    message: str
