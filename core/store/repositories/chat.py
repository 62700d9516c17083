"""Who in Slack is who here, whose a workspace is, the codes that link, and what was delivered to us already."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from core.domain.errors import Conflict
from core.store.repositories.accounts import accounts
from core.store.repositories.orgs import orgs
from core.store.tables import slack

workspaces = slack.SlackWorkspace.__table__
people = slack.SlackPerson.__table__
codes = slack.SlackCode.__table__
inbox = slack.Inbox.__table__


@dataclass(frozen=True, slots=True)
class PersonRow:
    team_id: str
    user_id: str
    account_id: str
    session_id: str
    name: str
    linked_at: int


@dataclass(frozen=True, slots=True)
class WorkspaceRow:
    team_id: str
    org_id: str
    bound_at: int
    bound_by: str


@dataclass(frozen=True, slots=True)
class CodeRow:
    code_hash: str
    team_id: str
    user_id: str
    name: str
    workspace: str
    expires_at: int
    used_at: int | None
    account_id: str | None  # the account that it asks for, if one was named; no other can use it then
    offered_at: int | None


class Slack:
    """People and workspaces are known by Slack's ids, which are no organization's; whose they are is in the rows."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def person(self, team_id: str, user_id: str) -> PersonRow | None:
        statement = select(people).where(people.c.team_id == team_id, people.c.user_id == user_id)
        row = self._connection.execute(statement).one_or_none()
        return PersonRow(*row) if row else None

    def of_account(self, account_id: str) -> list[PersonRow]:
        statement = select(people).where(people.c.account_id == account_id)
        return [PersonRow(*row) for row in self._connection.execute(statement.order_by(people.c.linked_at))]

    def in_workspace(self, team_id: str) -> list[PersonRow]:
        return [PersonRow(*row) for row in self._connection.execute(select(people).where(people.c.team_id == team_id))]

    def recipients(self, org_id: str, account_ids: Collection[str]) -> list[PersonRow]:
        """Where these accounts can be reached: in the workspaces of the organization."""
        joined = people.join(workspaces, workspaces.c.team_id == people.c.team_id)
        statement = select(people).select_from(joined).where(workspaces.c.org_id == org_id)
        statement = statement.where(people.c.account_id.in_(sorted(account_ids)))
        found = self._connection.execute(statement.order_by(people.c.team_id, people.c.user_id))
        return [PersonRow(*row) for row in found]

    def link(self, row: PersonRow) -> None:
        self._connection.execute(insert(people), {name: getattr(row, name) for name in PersonRow.__slots__})

    def unlink(self, team_id: str, user_id: str) -> None:
        self._connection.execute(delete(people).where(people.c.team_id == team_id, people.c.user_id == user_id))

    def workspace(self, team_id: str) -> WorkspaceRow | None:
        row = self._connection.execute(select(workspaces).where(workspaces.c.team_id == team_id)).one_or_none()
        return WorkspaceRow(*row) if row else None

    def workspaces_of(self, org_id: str) -> list[WorkspaceRow]:
        statement = select(workspaces).where(workspaces.c.org_id == org_id).order_by(workspaces.c.bound_at)
        return [WorkspaceRow(*row) for row in self._connection.execute(statement)]

    def org_name(self, org_id: str) -> str | None:
        """None where it has ended meanwhile."""
        found: str | None = self._connection.execute(
            select(orgs.c.name).where(orgs.c.id == org_id, orgs.c.deleted_at.is_(None))
        ).scalar()
        return found

    def account_name(self, account_id: str) -> str:
        return str(self._connection.execute(select(accounts.c.name).where(accounts.c.id == account_id)).scalar_one())

    def bound_workspaces(self) -> list[str]:
        return list(self._connection.execute(select(workspaces.c.team_id).order_by(workspaces.c.team_id)).scalars())

    def bound_orgs(self) -> list[str]:
        """Organizations that have a workspace."""
        statement = select(workspaces.c.org_id).distinct().order_by(workspaces.c.org_id)
        return list(self._connection.execute(statement).scalars())

    def bind(self, row: WorkspaceRow) -> None:
        self._connection.execute(insert(workspaces), {name: getattr(row, name) for name in WorkspaceRow.__slots__})

    def unbind(self, team_id: str) -> None:
        self._connection.execute(delete(workspaces).where(workspaces.c.team_id == team_id))

    def offer(self, row: CodeRow) -> None:
        """A new code; those that the same person was shown before are worth nothing from now on."""
        self._connection.execute(delete(codes).where(codes.c.team_id == row.team_id, codes.c.user_id == row.user_id))
        self._connection.execute(insert(codes), {name: getattr(row, name) for name in CodeRow.__slots__})

    def code(self, code_hash: str) -> CodeRow | None:
        row = self._connection.execute(select(codes).where(codes.c.code_hash == code_hash)).one_or_none()
        return CodeRow(*row) if row else None

    def offered_to(self, account_id: str, now: int) -> list[CodeRow]:
        """What waits for this account's owner."""
        open_ = (codes.c.used_at.is_(None), codes.c.expires_at > now)
        found = select(codes).where(codes.c.account_id == account_id, *open_).order_by(codes.c.offered_at)
        return [CodeRow(*row) for row in self._connection.execute(found)]

    def withdraw(self, code_hash: str) -> None:
        self._connection.execute(delete(codes).where(codes.c.code_hash == code_hash))

    def use_code(self, code_hash: str, now: int) -> None:
        self._connection.execute(update(codes).where(codes.c.code_hash == code_hash).values(used_at=now))


GREETED = "greeted:"


class Inbox:
    """What had its effect. The key is kept by the transaction that makes the effect, or by none."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take(self, key: str, now: int) -> None:
        if self._connection.execute(select(inbox.c.at).where(inbox.c.key == key)).first() is not None:
            raise Conflict("delivered_before", "this was delivered and done before", "nothing was done again")
        self._connection.execute(insert(inbox), {"key": key, "at": now})

    def forget_before(self, instant: int) -> int:
        """Whoever was greeted is not greeted again."""
        old = (inbox.c.at < instant, inbox.c.key.not_like(f"{GREETED}%"))
        return self._connection.execute(delete(inbox).where(*old)).rowcount
