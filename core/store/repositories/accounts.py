"""Accounts, and what proves that somebody is one: sessions, API tokens, the throttle of guesses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from core.store.fixed import Fixed
from core.store.tables.people import Account, Session, Throttle

accounts = Account.__table__
sessions = Session.__table__
throttles = Throttle.__table__


@dataclass(frozen=True, slots=True)
class AccountRow:
    id: str
    name: str
    password_hash: str | None
    operator: bool
    active_org_id: str | None
    created_at: int
    disabled_at: int | None
    tokens_valid_after: int


@dataclass(frozen=True, slots=True)
class SessionRow:
    id: str
    account_id: str
    kind: str
    scope: str
    handle: str | None
    name: str | None
    secret_hash: str | None
    face: str
    created_at: int
    expires_at: int | None
    revoked_at: int | None


class Accounts:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def by_name(self, name: str) -> AccountRow | None:
        return self._one(_BY_NAME, name=name)

    def by_id(self, account_id: str) -> AccountRow | None:
        return self._one(_BY_ID, id=account_id)

    def _one(self, statement: Fixed, **values: str) -> AccountRow | None:
        found = statement.rows(self._connection, values)
        return _account(*found[0]) if found else None

    def any_operator(self) -> bool:
        return (
            self._connection.execute(select(accounts.c.id).where(accounts.c.operator == 1).limit(1)).first() is not None
        )

    def add(self, *, id: str, name: str, password_hash: str | None, operator: bool, now: int) -> None:  # noqa: A002
        self._connection.execute(
            insert(accounts),
            {
                "id": id,
                "name": name,
                "password_hash": password_hash,
                "operator": int(operator),
                "created_at": now,
                "tokens_valid_after": 0,
            },
        )

    def set_password(self, account_id: str, password_hash: str) -> None:
        self._set(account_id, password_hash=password_hash)

    def set_active_org(self, account_id: str, org_id: str | None) -> None:
        self._set(account_id, active_org_id=org_id)

    def end_sessions_before(self, account_id: str, now: int) -> None:
        """Every token of theirs that was issued before `now` is worth nothing any more."""
        self._set(account_id, tokens_valid_after=now)

    def disable(self, account_id: str, now: int) -> None:
        """What they could prove themselves with until now stays worthless, also once they are let in again."""
        self._set(account_id, disabled_at=now, tokens_valid_after=now + 1)

    def enable(self, account_id: str) -> None:
        self._set(account_id, disabled_at=None)

    def _set(self, account_id: str, **values: object) -> None:
        self._connection.execute(_CHANGE, {"account": account_id, **values})

    def add_session(self, row: SessionRow) -> None:
        self._connection.execute(insert(sessions), {name: getattr(row, name) for name in SessionRow.__slots__})

    def has_handle(self, handle: str) -> bool:
        return self._connection.execute(select(sessions.c.id).where(sessions.c.handle == handle)).first() is not None

    def session(self, session_id: str) -> SessionRow | None:
        row = self._connection.execute(select(sessions).where(sessions.c.id == session_id)).one_or_none()
        return SessionRow(*row) if row else None

    def tokens_of(self, account_id: str) -> list[SessionRow]:
        """Their API tokens that still work or once did, newest first."""
        statement = select(sessions).where(sessions.c.account_id == account_id, sessions.c.kind == "token")
        return [SessionRow(*row) for row in self._connection.execute(statement.order_by(sessions.c.id.desc()))]

    def sessions_of(self, account_id: str, now: int) -> list[SessionRow]:
        """Their logins that still stand, newest first."""
        statement = select(sessions).where(
            sessions.c.account_id == account_id,
            sessions.c.kind == "login",
            sessions.c.revoked_at.is_(None),
            sessions.c.expires_at > now,
        )
        return [SessionRow(*row) for row in self._connection.execute(statement.order_by(sessions.c.id.desc()))]

    def token_by_handle(self, handle: str) -> SessionRow | None:
        row = self._connection.execute(select(sessions).where(sessions.c.handle == handle)).one_or_none()
        return SessionRow(*row) if row else None

    def revoke_session(self, session_id: str, now: int) -> None:
        self._connection.execute(
            update(sessions).where(sessions.c.id == session_id, sessions.c.revoked_at.is_(None)).values(revoked_at=now)
        )

    def forget_ended_sessions(self, before: int) -> int:
        ended = or_(sessions.c.expires_at < before, sessions.c.revoked_at < before)
        return self._connection.execute(delete(sessions).where(ended)).rowcount


class Throttles:
    """How often somebody failed to guess: kept in the store, so that a restart forgives nothing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def failures(self, key: str) -> tuple[int, int]:
        """How many in a row, and when the last one was."""
        row = self._connection.execute(select(throttles).where(throttles.c.key == key)).one_or_none()
        return (row.failures, row.last_at) if row else (0, 0)

    def put(self, key: str, failures: int, now: int) -> None:
        values = {"failures": failures, "last_at": now}
        changed = self._connection.execute(update(throttles).where(throttles.c.key == key).values(**values))
        if changed.rowcount == 0:
            self._connection.execute(insert(throttles), {"key": key, **values})

    def clear(self, key: str) -> None:
        self._connection.execute(delete(throttles).where(throttles.c.key == key))


def _account(id_: str, name: str, password_hash: str | None, operator: int, *rest: Any) -> AccountRow:
    return AccountRow(id_, name, password_hash, bool(operator), *rest)


_ACCOUNTS = select(*(accounts.c[name] for name in AccountRow.__slots__))
_BY_NAME = Fixed(_ACCOUNTS.where(accounts.c.name == bindparam("name")))
_BY_ID = Fixed(_ACCOUNTS.where(accounts.c.id == bindparam("id")))
_CHANGE = update(accounts).where(accounts.c.id == bindparam("account"))
