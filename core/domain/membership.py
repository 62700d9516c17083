"""Rules of belonging: how people enter and leave an organization, and that it is never without an admin."""

from __future__ import annotations

from dataclasses import dataclass

from core.domain.errors import Conflict
from core.domain.roles import Role


@dataclass(frozen=True, slots=True)
class Member:
    account_id: str
    name: str
    role: Role
    joined_at: int


@dataclass(frozen=True, slots=True)
class Invite:
    """A way in. `uses` is how many people it admits in all; what it gives each comes from the org's treasury."""

    id: str
    handle: str
    org_id: str
    role: Role
    uses: int
    used: int
    expires_at: int
    revoked_at: int | None
    credits_ucr: int | None
    gpu_ms: int | None
    created_at: int
    created_by: str

    def state(self, now: int) -> str:
        if self.revoked_at is not None:
            return "revoked"
        if self.used >= self.uses:
            return "used up"
        return "expired" if now >= self.expires_at else "open"


def refuse_last_admin(members: list[Member], leaving: str) -> None:
    """Refuse to remove or demote `leaving` when nobody else could manage the organization."""
    others = [m for m in members if m.role is Role.ADMIN and m.account_id != leaving]
    if others or not any(m.account_id == leaving and m.role is Role.ADMIN for m in members):
        return
    raise Conflict(
        "last_admin",
        "an organization needs an admin, and this is the only one",
        "make somebody else admin first: bursar org role USER admin",
    )
