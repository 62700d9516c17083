"""Organizations, who belongs to them, and the invites that let people in."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from core.domain.membership import Invite, Member
from core.domain.roles import Role
from core.store.fixed import Fixed
from core.store.repositories.accounts import accounts
from core.store.scope import Scope
from core.store.tables import people

orgs = people.Org.__table__
memberships = people.Membership.__table__
invites = people.Invite.__table__


@dataclass(frozen=True, slots=True)
class OrgRow:
    id: str
    name: str
    time_zone: str
    allowance_credits_ucr: int
    allowance_gpu_ms: int
    created_at: int
    created_by: str
    deleted_at: int | None
    approval_policy: str | None = None


class Orgs:
    """Organizations as such. Which of them somebody may see is the caller's question, so each method names it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def living(self, name: str) -> OrgRow | None:
        return self._one(_LIVING, name=name)

    def by_id(self, org_id: str) -> OrgRow | None:
        return self._one(_BY_ID, id=org_id)

    def _one(self, statement: Fixed, **values: str) -> OrgRow | None:
        found = statement.rows(self._connection, values)
        return OrgRow(*found[0]) if found else None

    def time_zones(self) -> dict[str, str]:
        """Of every organization, also of those that were deleted."""
        return {row.id: row.time_zone for row in self._connection.execute(select(orgs.c.id, orgs.c.time_zone))}

    def add(self, row: OrgRow) -> None:
        self._connection.execute(insert(orgs), {name: getattr(row, name) for name in OrgRow.__slots__})

    def change(self, org_id: str, **columns: object) -> None:
        self._connection.execute(update(orgs).where(orgs.c.id == org_id).values(**columns))

    def mark_deleted(self, org_id: str, now: int) -> None:
        self._connection.execute(update(orgs).where(orgs.c.id == org_id).values(deleted_at=now))

    def of_account(self, account_id: str) -> list[tuple[OrgRow, Role]]:
        found = self._connection.execute(_ORGS_OF_ACCOUNT, {"account": account_id})
        return [(OrgRow(*row[:-1]), Role(row[-1])) for row in found]

    def all_living(self) -> list[OrgRow]:
        statement = select(orgs).where(orgs.c.deleted_at.is_(None)).order_by(orgs.c.name)
        return [OrgRow(*row) for row in self._connection.execute(statement)]


class Members:
    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope

    def all(self) -> list[Member]:
        joined = memberships.join(accounts, accounts.c.id == memberships.c.account_id)
        statement = select(accounts.c.id, accounts.c.name, memberships.c.role, memberships.c.joined_at)
        statement = statement.select_from(joined).where(self._scope.covers(memberships)).order_by(accounts.c.name)
        return [Member(row[0], row[1], Role(row[2]), row[3]) for row in self._connection.execute(statement)]

    def named(self, name: str) -> Member | None:
        return next((member for member in self.all() if member.name == name), None)

    def count(self) -> int:
        assert self._scope.org_id is not None, "the members of one organization are counted"
        return self._connection.execute(_COUNT, {"org": self._scope.org_id}).scalar_one()

    def add(self, org_id: str, account_id: str, role: Role, now: int, invite_id: str | None = None) -> None:
        self._connection.execute(
            insert(memberships),
            {"org_id": org_id, "account_id": account_id, "role": role.value, "joined_at": now, "invite_id": invite_id},
        )

    def set_role(self, account_id: str, role: Role) -> None:
        changed = update(memberships).where(self._scope.covers(memberships), memberships.c.account_id == account_id)
        self._connection.execute(changed.values(role=role.value))

    def remove(self, account_id: str) -> None:
        gone = delete(memberships).where(self._scope.covers(memberships), memberships.c.account_id == account_id)
        self._connection.execute(gone)


class Invites:
    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope

    def add(self, invite: Invite, code_hash: str) -> None:
        values = {name: getattr(invite, name) for name in Invite.__slots__}
        _ADD_INVITE.run(self._connection, [{**values, "role": invite.role.value, "code_hash": code_hash}])

    def all(self) -> list[Invite]:
        statement = _INVITE.where(self._scope.covers(invites)).order_by(invites.c.id.desc())
        return [_invite(row) for row in self._connection.execute(statement)]

    def by_code(self, code_hash: str) -> Invite | None:
        found = _INVITE.where(self._scope.covers(invites), invites.c.code_hash == code_hash)
        row = self._connection.execute(found).one_or_none()
        return _invite(row) if row else None

    def has_handle(self, handle: str) -> bool:
        return bool(_HAS_HANDLE.rows(self._connection, {"handle": handle}))

    def use(self, invite: Invite) -> None:
        self._connection.execute(update(invites).where(invites.c.id == invite.id).values(used=invite.used + 1))

    def revoke(self, invite: Invite, now: int) -> None:
        self._connection.execute(update(invites).where(invites.c.id == invite.id).values(revoked_at=now))

    def change_code(self, invite: Invite, code_hash: str) -> None:
        self._connection.execute(update(invites).where(invites.c.id == invite.id).values(code_hash=code_hash))


# Made once: what is built anew for each use costs more than it takes to run.
_ORGS = select(*(orgs.c[name] for name in OrgRow.__slots__))
_BY_ID = Fixed(_ORGS.where(orgs.c.id == bindparam("id")))
_LIVING = Fixed(_ORGS.where(orgs.c.name == bindparam("name"), orgs.c.deleted_at.is_(None)))
_ORGS_OF_ACCOUNT = (
    select(*orgs.c, memberships.c.role)
    .select_from(orgs.join(memberships, memberships.c.org_id == orgs.c.id))
    .where(memberships.c.account_id == bindparam("account"), orgs.c.deleted_at.is_(None))
    .order_by(orgs.c.name)
)
_COUNT = select(func.count()).select_from(memberships).where(memberships.c.org_id == bindparam("org"))
_ADD_INVITE = Fixed(insert(invites), (*Invite.__slots__, "code_hash"))
_HAS_HANDLE = Fixed(select(invites.c.id).where(invites.c.handle == bindparam("handle")))
_INVITE = select(*(invites.c[name] for name in Invite.__slots__))


def _invite(row: tuple[object, ...]) -> Invite:
    values = dict(zip(Invite.__slots__, row, strict=True))
    return Invite(**{**values, "role": Role(values["role"])})  # type: ignore[arg-type]
