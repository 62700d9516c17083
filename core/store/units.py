"""The unit of work: one use case, one transaction, one commit; who asks is read anew in each.

A unit collects what changed and writes it to the audit chain and the feed as the last thing before the commit,
so no change can be kept without its record.

What every unit needs stands above; the other repositories, and their tables, are loaded by the first who asks for them:
a command line that answers one question needs few of them, and they are a fifth of its start.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Connection, and_, bindparam, or_, select

from core.clock import Boot, Clock
from core.domain.errors import NotFound
from core.domain.roles import Caller, Principal, Role, TokenScope, no_org, not_logged_in
from core.ids import Ids
from core.store.database import Database
from core.store.fixed import Fixed
from core.store.leases import Leadership
from core.store.repositories import journal
from core.store.repositories.accounts import Accounts, Throttles, accounts, sessions
from core.store.repositories.orgs import Invites, Members, Orgs, memberships, orgs
from core.store.scope import Scope, unscoped

if TYPE_CHECKING:
    from core.store.repositories.answers import Answers
    from core.store.repositories.chat import Slack
    from core.store.repositories.clusters import Clusters
    from core.store.repositories.deliveries import Deliveries
    from core.store.repositories.deployments import Deployments
    from core.store.repositories.estimates import Estimates
    from core.store.repositories.instances import Instances
    from core.store.repositories.ledger import Ledger, LedgerBook
    from core.store.repositories.prices import Limits, Prices, Standings
    from core.store.repositories.runs import Runs
    from core.store.repositories.schedules import Schedules

DAEMON = Principal("system", "daemon", "daemon", operator=True)
BOT = Principal("system", "bot", "slack", operator=True)


class Unit:
    """What a use case works with: one connection in one transaction, one `now`, one person."""

    def __init__(
        self,
        connection: Connection,
        now: int,
        ids: Ids,
        me: Principal,
        *,
        session_id: str = "",
        scope: Scope | None = None,
    ) -> None:
        self.connection = connection
        self.now = now
        self.ids = ids
        self.me = me
        self.session_id = session_id
        self._given_scope = scope
        self.changes: list[journal.Change] = []

    @property
    def org_id(self) -> str:
        """The organization in which this happens; the permission has already asked for one."""
        if self.me.org_id is None:
            raise no_org(self.me)
        return self.me.org_id

    @property
    def scope(self) -> Scope:
        return self._given_scope or Scope(self.org_id)

    def act_as(self, account_id: str, name: str) -> None:
        """From here on this is done by the account that has just been made or has just proved itself."""
        self.me = Principal(account_id, name, self.me.face)

    def record(
        self,
        verb: str,
        target: str,
        before: dict[str, object] | None = None,
        after: dict[str, object] | None = None,
        *,
        org_id: str | None = None,
    ) -> None:
        """Note a change for audit and feed. Secrets are never part of before or after."""
        actor = self.me.name or "nobody"
        org = org_id or self.me.org_id
        self.changes.append(journal.Change(self.now, actor, self.me.face, org, verb, target, before, after))

    @cached_property
    def accounts(self) -> Accounts:
        return Accounts(self.connection)

    @cached_property
    def throttles(self) -> Throttles:
        return Throttles(self.connection)

    @cached_property
    def orgs(self) -> Orgs:
        return Orgs(self.connection)

    @cached_property
    def prices(self) -> Prices:
        from core.store.repositories.prices import Prices

        return Prices(self.connection)

    @cached_property
    def estimates(self) -> Estimates:
        from core.store.repositories.estimates import Estimates

        return Estimates(self.connection, self.now)

    @cached_property
    def answers(self) -> Answers:
        from core.store.repositories.answers import Answers

        return Answers(self.connection, self.now)

    @cached_property
    def ledger(self) -> Ledger:
        from core.store.repositories.ledger import Ledger

        return Ledger(self.connection, self.now, self.me.name)

    @cached_property
    def members(self) -> Members:
        return Members(self.connection, self.scope)

    @cached_property
    def invites(self) -> Invites:
        return Invites(self.connection, self.scope)

    @cached_property
    def audit(self) -> journal.Audit:
        return journal.Audit(self.connection, self.scope)

    @cached_property
    def clusters(self) -> Clusters:
        from core.store.repositories.clusters import Clusters

        return Clusters(self.connection, self.scope)

    @cached_property
    def deployments(self) -> Deployments:
        from core.store.repositories.deployments import Deployments

        return Deployments(self.connection, self.scope)

    @cached_property
    def runs(self) -> Runs:
        from core.store.repositories.runs import Runs

        return Runs(self.connection, self.scope)

    @cached_property
    def instances(self) -> Instances:
        from core.store.repositories.instances import Instances

        return Instances(self.connection, self.scope)

    @cached_property
    def book(self) -> LedgerBook:
        from core.store.repositories.ledger import LedgerBook

        return LedgerBook(self.connection, self.scope)

    @cached_property
    def limits(self) -> Limits:
        from core.store.repositories.prices import Limits

        return Limits(self.connection, self.scope)

    @cached_property
    def standings(self) -> Standings:
        from core.store.repositories.prices import Standings

        return Standings(self.connection, self.scope)

    @cached_property
    def slack(self) -> Slack:
        from core.store.repositories.chat import Slack

        return Slack(self.connection)

    @cached_property
    def deliveries(self) -> Deliveries:
        from core.store.repositories.deliveries import Deliveries

        return Deliveries(self.connection, self.scope)

    @cached_property
    def schedules(self) -> Schedules:
        from core.store.repositories.schedules import Schedules

        return Schedules(self.connection, self.scope)

    def members_of(self, org_id: str) -> Members:
        """For an organization that is only now being entered: made, or joined by a code."""
        return Members(self.connection, Scope(org_id))

    def invites_anywhere(self, why: str) -> Invites:
        return Invites(self.connection, unscoped(why))

    def for_all(self, why: str) -> Unit:
        """The same moment, seen across all organizations."""
        return Unit(self.connection, self.now, self.ids, self.me, session_id=self.session_id, scope=unscoped(why))

    def within(self, org_id: str) -> Unit:
        """The same moment, seen from one organization: for the background side, which serves them one by one."""
        return Unit(self.connection, self.now, self.ids, replace(self.me, org_id=org_id), scope=Scope(org_id))

    def deployments_everywhere(self, why: str) -> Deployments:
        from core.store.repositories.deployments import Deployments

        return Deployments(self.connection, unscoped(why))

    def runs_everywhere(self, why: str) -> Runs:
        from core.store.repositories.runs import Runs

        return Runs(self.connection, unscoped(why))

    def audit_everywhere(self, why: str) -> journal.Audit:
        return journal.Audit(self.connection, unscoped(why))


class Units:
    """Opens units of work for callers."""

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        self.database = database
        self._clock = clock
        self._ids = ids

    def now(self) -> int:
        return self._clock.now()

    def boot(self) -> Boot:
        return self._clock.boot()

    @contextmanager
    def write(self, caller: Caller) -> Iterator[Unit]:
        with self.database.write() as connection:
            now = self._clock.now()
            unit = Unit(connection, now, self._ids, identify(connection, caller, now), session_id=caller.session_id)
            if caller.delivery is not None:
                from core.store.repositories.chat import Inbox

                Inbox(connection).take(caller.delivery, now)
            yield unit
            if unit.changes:
                journal.write(connection, unit.changes)

    @contextmanager
    def serve(self) -> Iterator[Unit]:
        """A write unit of the bot's own side: it links people and keeps what it delivers, in every organization."""
        with self.database.write() as connection:
            scope = unscoped("the bot serves all")
            unit = Unit(connection, self._clock.now(), self._ids, BOT, scope=scope)
            yield unit
            if unit.changes:
                journal.write(connection, unit.changes)

    @contextmanager
    def lead(self, leadership: Leadership) -> Iterator[Unit]:
        """A write unit of the background side: it proves that it still leads, and that its time is right."""
        with self.set_right(leadership) as unit:
            leadership.prove_time(self._clock.boot())
            yield unit

    @contextmanager
    def set_right(self, leadership: Leadership) -> Iterator[Unit]:
        """One whose time may be wrong: it is there to set that right."""
        with self.database.write() as connection:
            leadership.prove(connection)
            unit = self._for_daemon(connection)
            yield unit
            if unit.changes:
                journal.write(connection, unit.changes)

    @contextmanager
    def look(self) -> Iterator[Unit]:
        """A read unit of the background side."""
        with self.database.read() as connection:
            yield self._for_daemon(connection)

    def _for_daemon(self, connection: Connection) -> Unit:
        return Unit(connection, self._clock.now(), self._ids, DAEMON, scope=unscoped("the daemon serves all"))

    @contextmanager
    def read(self, caller: Caller) -> Iterator[Unit]:
        with self.database.read() as connection:
            now = self._clock.now()
            yield Unit(connection, now, self._ids, identify(connection, caller, now), session_id=caller.session_id)


def identify(connection: Connection, caller: Caller, now: int) -> Principal:
    """Who the caller is at this moment: the session still good, the account not disabled, the role as it is now."""
    if not caller.account_id:
        return Principal("", "", caller.face)
    values = {"session": caller.session_id, "account": caller.account_id, "now": now}
    rows = _WHO.rows(connection, values)
    if not rows:
        raise not_logged_in()
    account_id, name, operator, active_org_id, scope = rows[0][:5]
    person = Principal(account_id, name, caller.face, bool(operator), scope=TokenScope(scope))
    own = [_Membership(*row[5:]) for row in rows if row[5] is not None]
    if caller.org is not None:
        return _in_named_org(connection, person, caller.org, own)
    active = next((one for one in own if one.org_id == active_org_id), None)
    if active is None and len(own) == 1:
        active = own[0]
    if active is not None:
        return _member_of(person, active.org_id, active.org_name, Role(active.role))
    if person.operator and active_org_id is not None:
        org = Orgs(connection).by_id(active_org_id)
        if org is not None and org.deleted_at is None:
            return _member_of(person, org.id, org.name, None)
    return person


class _Membership(NamedTuple):
    org_id: str
    org_name: str
    role: str


def _in_named_org(connection: Connection, person: Principal, name: str, own: list[_Membership]) -> Principal:
    for one in own:
        if one.org_name == name:
            return _member_of(person, one.org_id, one.org_name, Role(one.role))
    org = Orgs(connection).living(name) if person.operator else None
    if org is None:
        raise NotFound("org_not_found", f"no organization {name!r} of yours", "bursar org list shows them")
    return _member_of(person, org.id, org.name, None)


def _member_of(person: Principal, org_id: str, org_name: str, role: Role | None) -> Principal:
    return Principal(person.account_id, person.name, person.face, person.operator, org_id, org_name, role, person.scope)


_WHO = Fixed(
    select(
        accounts.c.id,
        accounts.c.name,
        accounts.c.operator,
        accounts.c.active_org_id,
        sessions.c.scope,
        orgs.c.id.label("org_id"),
        orgs.c.name.label("org_name"),
        memberships.c.role,
    )
    .select_from(
        sessions.join(accounts, accounts.c.id == sessions.c.account_id)
        .outerjoin(memberships, memberships.c.account_id == accounts.c.id)
        .outerjoin(orgs, and_(orgs.c.id == memberships.c.org_id, orgs.c.deleted_at.is_(None)))
    )
    .where(
        sessions.c.id == bindparam("session"),
        accounts.c.id == bindparam("account"),
        accounts.c.disabled_at.is_(None),
        sessions.c.revoked_at.is_(None),
        sessions.c.created_at >= accounts.c.tokens_valid_after,
        or_(sessions.c.expires_at.is_(None), sessions.c.expires_at > bindparam("now")),
    )
)
