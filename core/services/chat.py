"""Who somebody in Slack is here: register, link, unlink, and whose a workspace is.

This is the bot's own side. It asks for no right, because it decides nothing for anybody: it only finds out on whose
behalf the bot then asks the services, and that is checked again in each unit of work. No password passes through it.
"""

from __future__ import annotations

from core.domain.errors import BursarError, Conflict, Forbidden, Invalid, NotFound
from core.domain.names import check_account_name, suggested_name
from core.domain.roles import Caller, Role, TokenScope
from core.domain.text import safe_text, visible
from core.security.codes import Purpose, hash_code, new_link_code
from core.security.keys import Keys
from core.settings import Settings
from core.store.repositories.accounts import SessionRow
from core.store.repositories.chat import GREETED, CodeRow, Inbox, PersonRow, WorkspaceRow
from core.store.units import Unit, Units
from core.views.chat import LinkOffer, Visitor

FACE = "slack"
_LONGEST_NAME = 80


class Chat:
    def __init__(self, units: Units, settings: Settings, keys: Keys) -> None:
        self._units = units
        self._settings = settings.accounts
        self._keys = keys

    def visitor(self, team_id: str, user_id: str, delivery: str | None = None) -> Visitor:
        """Who this is at this moment. The first member to come in brings their organization's workspace with them."""
        with self._units.look() as unit:
            person = unit.slack.person(team_id, user_id)
            bound = unit.slack.workspace(team_id)
            org = unit.slack.org_name(bound.org_id) if bound else None
        if person is None:
            return Visitor(team_id, user_id, None, "", org, belongs=False)
        caller = Caller(person.account_id, person.session_id, FACE, None, delivery)
        try:
            with self._units.read(caller) as unit:
                me = unit.me
                roles = {o.name: role for o, role in unit.orgs.of_account(me.account_id)}
        except Forbidden:
            return Visitor(team_id, user_id, None, "", org, belongs=False)
        if org is None and me.org_name is not None and me.org_name in roles:
            org = self._bind(team_id, me.org_id or "", me.account_id)
        belongs = org is not None and (me.operator or org in roles)
        here = Caller(person.account_id, person.session_id, FACE, org if belongs else None, delivery)
        admin = belongs and (me.operator or roles.get(org or "") is Role.ADMIN)
        return Visitor(team_id, user_id, here, me.name, org, belongs, admin, me.operator)

    def register(
        self, team_id: str, user_id: str, slack_name: str, wanted: str | None, delivery: str | None = None
    ) -> str:
        """An account bound to this person, without a password; its name is theirs in Slack unless they want another."""
        if not self._settings.open_registration:
            raise Forbidden("registration_closed", "only operators make accounts here", "ask one, then `link` it")
        name = _account_name(slack_name, wanted)
        with self._units.serve() as unit:
            _once(unit, delivery)
            self._refuse_linked(unit, team_id, user_id)
            if unit.accounts.by_name(name) is not None:
                raise Conflict("username_taken", f"username already taken: {name}", "give another: register NAME")
            account_id = unit.ids.new()
            unit.accounts.add(id=account_id, name=name, password_hash=None, operator=False, now=unit.now)
            unit.act_as(account_id, name)
            unit.record("account.create", name, after={"operator": False, "slack": f"{team_id}/{user_id}"})
            link_person(unit, team_id, user_id, slack_name, account_id)
        return name

    def offer_link(
        self, team_id: str, user_id: str, slack_name: str, workspace: str, account: str | None = None
    ) -> LinkOffer:
        """A one-time code, to be confirmed where the account is logged in already.

        Where an account is named its owner sees who asks, and nobody else can use the code.
        """
        with self._units.serve() as unit:
            self._refuse_linked(unit, team_id, user_id)
            named = unit.accounts.by_name(account.lower()) if account else None
            if account and named is None:
                raise NotFound(
                    "account_not_found", f"no account {visible(account)}", "say link without a name, or register"
                )
            code = new_link_code(unit.ids)
            row = CodeRow(
                code_hash=hash_code(Purpose.LINK, code, self._keys.code_key),
                team_id=team_id,
                user_id=user_id,
                name=safe_text(slack_name)[:_LONGEST_NAME],
                workspace=safe_text(workspace)[:_LONGEST_NAME],
                expires_at=unit.now + self._settings.link_code_lifetime_ms * 1000,
                used_at=None,
                account_id=named.id if named else None,
                offered_at=unit.now,
            )
            unit.slack.offer(row)
            unit.record("slack.code", f"{team_id}/{user_id}")
        return LinkOffer(code, row.expires_at)

    def unlink(self, team_id: str, user_id: str) -> bool:
        """From here on this person is nobody here; whether they were somebody."""
        with self._units.serve() as unit:
            person = unit.slack.person(team_id, user_id)
            if person is not None:
                unlink_person(unit, person)
        return person is not None

    def greet(self, team_id: str, user_id: str) -> None:
        """Note that this person is greeted; who was greeted before is refused as what was delivered before."""
        with self._units.serve() as unit:
            _once(unit, f"{GREETED}{team_id}/{user_id}")

    def forget_workspace(self, team_id: str) -> int:
        """The app was taken out of a workspace: every link there ends, and it is nobody's."""
        with self._units.serve() as unit:
            people = unit.slack.in_workspace(team_id)
            for person in people:
                unlink_person(unit, person)
            if unit.slack.workspace(team_id) is not None:
                unit.slack.unbind(team_id)
                unit.record("slack.unbind", team_id)
        return len(people)

    def _refuse_linked(self, unit: Unit, team_id: str, user_id: str) -> None:
        """A link whose session has ended, as a new password ends it, makes room for a new one."""
        person = unit.slack.person(team_id, user_id)
        if person is None:
            return
        try:
            with self._units.read(Caller(person.account_id, person.session_id, FACE)) as theirs:
                name = theirs.me.name
        except Forbidden:
            unlink_person(unit, person)
            return
        raise Conflict("already_linked", f"you are {name} here already", "`unlink` ends that")

    def _bind(self, team_id: str, org_id: str, account_id: str) -> str | None:
        with self._units.serve() as unit:
            bind_workspace(unit, team_id, org_id, account_id)
            bound = unit.slack.workspace(team_id)
            return unit.slack.org_name(bound.org_id) if bound else None


def link_person(unit: Unit, team_id: str, user_id: str, slack_name: str, account_id: str) -> None:
    """From here on this person in Slack acts as the account, by a session that their account can end."""
    session_id = unit.ids.new()
    unit.accounts.add_session(
        SessionRow(
            id=session_id,
            account_id=account_id,
            kind="login",
            scope=TokenScope.FULL.value,
            handle=None,
            name=None,
            secret_hash=None,
            face=FACE,
            created_at=unit.now,
            expires_at=None,
            revoked_at=None,
        )
    )
    name = safe_text(slack_name)[:_LONGEST_NAME]
    unit.slack.link(PersonRow(team_id, user_id, account_id, session_id, name, unit.now))
    unit.record("slack.link", unit.slack.account_name(account_id), after={"slack": f"{team_id}/{user_id}"})


def unlink_person(unit: Unit, person: PersonRow) -> None:
    unit.slack.unlink(person.team_id, person.user_id)
    unit.accounts.revoke_session(person.session_id, unit.now)
    before: dict[str, object] = {"slack": f"{person.team_id}/{person.user_id}"}
    unit.record("slack.unlink", unit.slack.account_name(person.account_id), before)


def bind_workspace(unit: Unit, team_id: str, org_id: str, account_id: str) -> None:
    """Only the first binds; a workspace of an organization that has ended is free again."""
    bound = unit.slack.workspace(team_id)
    if bound is not None and unit.slack.org_name(bound.org_id) is not None:
        return
    if bound is not None:
        unit.slack.unbind(team_id)
    unit.slack.bind(WorkspaceRow(team_id, org_id, unit.now, account_id))
    unit.record("slack.bind", team_id, after={"by": unit.slack.account_name(account_id)}, org_id=org_id)


def _once(unit: Unit, delivery: str | None) -> None:
    if delivery is not None:
        Inbox(unit.connection).take(delivery, unit.now)


def _account_name(slack_name: str, wanted: str | None) -> str:
    try:
        return check_account_name(wanted or suggested_name(slack_name) or "")
    except BursarError as error:
        if wanted:
            raise
        wrong = f"{visible(slack_name)} cannot be an account's name"
        raise Invalid("name_needed", wrong, f"say which: register NAME ({error.message})") from None
