"""Accounts and how people prove that they are one: make, log in and out, passwords, API tokens.

Hashing a password takes a fifth of a second, so it is always done between units, never inside one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.domain.errors import BursarError, Conflict, Forbidden, NotFound
from core.domain.names import check_account_name
from core.domain.roles import Caller, Permission, TokenScope, anonymous, not_logged_in, require
from core.domain.text import visible
from core.security import tokens
from core.security.keys import KeyFile
from core.security.password_rules import check_new_password
from core.security.passwords import check_password, hash_password, refuse_unknown_hash
from core.services.guessing import Guesses
from core.services.references import picked
from core.services.usecase import composed, reads, writes
from core.settings import Settings
from core.store import installation
from core.store.handles import free_handle
from core.store.repositories.accounts import AccountRow, SessionRow
from core.store.units import Unit, Units
from core.views.operations import Page
from core.views.people import AccountCard, Done, Imported, LoggedIn, SessionCard, TokenCard

if TYPE_CHECKING:  # the request models come with pydantic's time, and only their values are looked at here
    from core.domain.requests import Login, NewAccount, NewPassword, NewToken


class Accounts:
    def __init__(self, units: Units, settings: Settings, keys: KeyFile, guesses: Guesses) -> None:
        self.units = units
        self._settings = settings.accounts
        self._keys = keys
        self._guesses = guesses

    @composed(Permission.INSTALL)
    def install(self, caller: Caller, request: NewAccount) -> AccountCard:
        """The first operator of a new installation; refused as soon as there is one."""
        hashed = self._hashed(request.name, request.password)
        with self.units.write(caller) as unit:
            if unit.accounts.any_operator():
                raise Conflict("already_installed", "this installation has an operator already", "bursar login NAME")
            installation.draw(unit.connection, unit.ids, unit.now)
            return self._add(unit, request.name, hashed, operator=True)

    @composed(Permission.REGISTER)
    def register(self, caller: Caller, request: NewAccount) -> AccountCard:
        """A new account. It belongs to no organization until it joins one."""
        if not self._settings.open_registration:
            with self.units.read(caller) as unit:
                if not unit.me.operator:
                    raise Forbidden("registration_closed", "only operators make accounts here", "ask one")
        hashed = self._hashed(request.name, request.password)
        with self.units.write(caller) as unit:
            require(unit.me, Permission.REGISTER)
            return self._add(unit, request.name, hashed, operator=False)

    @composed(Permission.LOGIN)
    def login(self, caller: Caller, request: Login) -> LoggedIn:
        """A session for who knows the password. Unknown names take the same time and get the same answer."""
        name = request.name.lower()
        guessed = (f"login:{visible(name)}", f"source:{caller.face}:{request.source}")
        self._guesses.count(caller, *guessed)
        with self.units.read(caller) as unit:
            account = unit.accounts.by_name(name)
        usable = account is not None and account.disabled_at is None
        verdict = check_password(
            request.password, account.password_hash if account else None, self._settings.bcrypt_cost
        )
        if account is None or not usable or not verdict.right:
            with self.units.write(caller) as unit:
                unit.record("login.failed", visible(name))
            raise Forbidden("login_failed", "unknown name or wrong password", "try again; names are in small letters")
        better = hash_password(request.password, self._settings.bcrypt_cost) if verdict.outdated else None
        with self.units.write(caller) as unit:
            unit.act_as(account.id, account.name)
            self._guesses.forgive(unit, *guessed)
            if better is not None:
                unit.accounts.set_password(account.id, better)
                unit.record("password.upgrade", account.name)
            return self._open_session(unit)

    @composed(Permission.LOGIN)
    def authenticate(self, token: str, face: str, org: str | None = None) -> Caller:
        """Who bears this token. Whether the session still stands is asked in each unit of work."""
        if not tokens.is_api_token(token):
            claims = tokens.verify(self._keys, token, self.units.now())
            return Caller(claims.subject, claims.token_id, face, org)
        handle = tokens.api_token_id(token)
        with self.units.read(anonymous(face)) as unit:
            row = unit.accounts.token_by_handle(handle)
        if row is None or row.secret_hash is None or not tokens.api_token_matches(token, row.secret_hash):
            raise not_logged_in()
        return Caller(row.account_id, row.id, face, org)

    @writes(Permission.SESSION_END)
    def logout(self, unit: Unit) -> Done:
        unit.accounts.revoke_session(unit.session_id, unit.now)
        unit.record("session.end", unit.me.name)
        return Done("logged out")

    @reads(Permission.IDENTITY_READ)
    def whoami(self, unit: Unit) -> AccountCard:
        return _card(unit)

    @composed(Permission.PASSWORD_CHANGE)
    def change_password(self, caller: Caller, request: NewPassword) -> Done:
        """A new password ends every session and token of the account, the asking one too."""
        with self.units.read(caller) as unit:
            require(unit.me, Permission.PASSWORD_CHANGE)
            me = unit.me
            stored = unit.accounts.by_id(me.account_id)
        guessed = f"login:{visible(me.name)}"
        self._guesses.count(caller, guessed)
        old_hash = stored.password_hash if stored else None
        if not check_password(request.old, old_hash, self._settings.bcrypt_cost).right:
            raise Forbidden("login_failed", "the old password is wrong", "try again")
        hashed = self._hashed(me.name, request.new)
        with self.units.write(caller) as unit:
            require(unit.me, Permission.PASSWORD_CHANGE)
            self._guesses.forgive(unit, guessed)
            unit.accounts.set_password(me.account_id, hashed)
            unit.accounts.end_sessions_before(me.account_id, unit.now)
            unit.record("password.change", me.name)
        return Done("password changed; log in again")

    @writes(Permission.TOKEN_MANAGE)
    def create_token(self, unit: Unit, request: NewToken) -> TokenCard:
        """A token for scripts. Its text is in the answer once."""
        mine = unit.accounts.tokens_of(unit.me.account_id)
        if any(row.name == request.name and row.revoked_at is None for row in mine):
            raise Conflict("token_name_taken", f"you have a token {request.name!r}", "choose another name or revoke it")
        handle = free_handle(unit.ids, "tok", unit.accounts.has_handle)
        new = tokens.new_api_token(handle, unit.ids)
        lifetime_ms = request.expires or self._settings.token_lifetime_ms
        row = SessionRow(
            id=unit.ids.new(),
            account_id=unit.me.account_id,
            kind="token",
            scope=request.scope.value,
            handle=handle,
            name=request.name,
            secret_hash=new.digest,
            face=unit.me.face,
            created_at=unit.now,
            expires_at=unit.now + lifetime_ms * 1000,
            revoked_at=None,
        )
        unit.accounts.add_session(row)
        unit.record("token.create", handle, after={"name": request.name, "scope": request.scope.value})
        return _token_card(row, unit.now, new.text)

    @reads(Permission.TOKEN_MANAGE)
    def list_tokens(self, unit: Unit) -> Page[TokenCard]:
        return Page(tuple(_token_card(row, unit.now) for row in unit.accounts.tokens_of(unit.me.account_id)))

    @writes(Permission.TOKEN_MANAGE)
    def revoke_token(self, unit: Unit, reference: str) -> TokenCard:
        mine = unit.accounts.tokens_of(unit.me.account_id)
        row = picked(reference, mine, lambda t: (t.handle or "", t.name or ""), what="token", see="bursar token list")
        unit.accounts.revoke_session(row.id, unit.now)
        unit.record("token.revoke", row.handle or row.id)
        return _token_card(unit.accounts.session(row.id) or row, unit.now)

    @reads(Permission.TOKEN_MANAGE)
    def list_sessions(self, unit: Unit) -> Page[SessionCard]:
        """Where one is logged in."""
        return Page(tuple(_session_card(unit, row) for row in self._sessions(unit)))

    @writes(Permission.TOKEN_MANAGE)
    def end_session(self, unit: Unit, session: str) -> SessionCard:
        """One of one's own, such as that of a machine that was left behind; others must log in there again."""
        rows = self._sessions(unit)
        row = picked(session, rows, lambda s: (_short(s),), what="session", see="bursar session list", offers=False)
        unit.accounts.revoke_session(row.id, unit.now)
        unit.record("session.end", unit.me.name, after={"session": _short(row)})
        return _session_card(unit, row)

    def _sessions(self, unit: Unit) -> list[SessionRow]:
        return unit.accounts.sessions_of(unit.me.account_id, unit.now)

    @composed(Permission.KEYS_ROTATE)
    def rotate_key(self, caller: Caller, *, at_once: bool = False) -> Done:
        """Sign sessions with a new key; what the old one signed is good for a while longer, or not at all."""
        with self.units.read(caller) as unit:
            require(unit.me, Permission.KEYS_ROTATE)
        new = self._keys.rotate(self.units.now(), at_once=at_once)
        with self.units.write(caller) as unit:
            unit.record("key.rotate", new.kid, after={"at_once": at_once})
        return Done("sessions are signed with a new key" + ("; all that were open have ended" if at_once else ""))

    @writes(Permission.ACCOUNTS_DISABLE)
    def disable(self, unit: Unit, user: str) -> Done:
        """Shut somebody out: sessions and tokens are worth nothing from this moment. What they run goes on."""
        row = self._known(unit, user)
        if row.id == unit.me.account_id:
            raise Conflict("own_account", "you cannot shut yourself out", "another operator can")
        if row.disabled_at is not None:
            raise Conflict("already_disabled", f"{row.name} is disabled already", f"bursar account enable {row.name}")
        unit.accounts.disable(row.id, unit.now)
        unit.record("account.disable", row.name)
        return Done(f"{row.name} is disabled; what they run goes on until somebody stops it")

    @writes(Permission.ACCOUNTS_DISABLE)
    def enable(self, unit: Unit, user: str) -> Done:
        """Let somebody in again; they log in anew."""
        row = self._known(unit, user)
        if row.disabled_at is None:
            raise Conflict("not_disabled", f"{row.name} is not disabled", None)
        unit.accounts.enable(row.id)
        unit.record("account.enable", row.name)
        return Done(f"{row.name} is enabled, and logs in anew")

    def _known(self, unit: Unit, user: str) -> AccountRow:
        row = unit.accounts.by_name(user.lower())
        if row is None:
            raise NotFound("account_not_found", f"no account {visible(user)}", "names are in small letters")
        return row

    @writes(Permission.USERS_IMPORT)
    def import_users(self, unit: Unit, text: str) -> Imported:
        """Accounts with the hashes of another system, a line each: name, then hash. All that can be taken is."""
        added, skipped = 0, []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            try:
                self._import_line(unit, line)
                added += 1
            except BursarError as error:
                skipped.append(f"line {number}: {error.message}")
        unit.record("users.import", "accounts", after={"added": added, "skipped": len(skipped)})
        return Imported(added, tuple(skipped))

    def _import_line(self, unit: Unit, line: str) -> None:
        # Hashes hold ':' nowhere and ',' nowhere, so a colon file and a CSV are told apart by what comes first.
        name, _, hashed = line.strip().replace(",", ":", 1).partition(":")
        checked = check_account_name(name.strip())
        refuse_unknown_hash(hashed.strip())
        self._refuse_taken(unit, checked)
        unit.accounts.add(id=unit.ids.new(), name=checked, password_hash=hashed.strip(), operator=False, now=unit.now)

    def _hashed(self, name: str, password: str) -> str:
        check_new_password(password, names=(name,), shortest=self._settings.password_min_length)
        return hash_password(password, self._settings.bcrypt_cost)

    def _refuse_taken(self, unit: Unit, name: str) -> None:
        if unit.accounts.by_name(name) is not None:
            raise Conflict("username_taken", f"username already taken: {name}", "choose another name")

    def _add(self, unit: Unit, name: str, hashed: str, *, operator: bool) -> AccountCard:
        self._refuse_taken(unit, name)
        account_id = unit.ids.new()
        unit.accounts.add(id=account_id, name=name, password_hash=hashed, operator=operator, now=unit.now)
        unit.act_as(account_id, name)
        unit.record("account.create", name, after={"operator": operator})
        return AccountCard(name, operator, None, None, (), TokenScope.FULL.value, unit.now)

    def _open_session(self, unit: Unit) -> LoggedIn:
        lifetime = self._settings.session_lifetime_ms * 1000
        session_id = unit.ids.new()
        row = SessionRow(
            id=session_id,
            account_id=unit.me.account_id,
            kind="login",
            scope=TokenScope.FULL.value,
            handle=None,
            name=None,
            secret_hash=None,
            face=unit.me.face,
            created_at=unit.now,
            expires_at=unit.now + lifetime,
            revoked_at=None,
        )
        unit.accounts.add_session(row)
        unit.record("login", unit.me.name)
        text = tokens.issue(
            self._keys, subject=unit.me.account_id, token_id=session_id, lifetime=lifetime, now=unit.now
        )
        return LoggedIn(text, "bearer", unit.now + lifetime, unit.me.name)


def _card(unit: Unit) -> AccountCard:
    me, stored = unit.me, unit.accounts.by_id(unit.me.account_id)
    orgs = tuple(org.name for org, _ in unit.orgs.of_account(me.account_id))
    created_at = stored.created_at if stored else unit.now
    return AccountCard(me.name, me.operator, me.org_name, me.role, orgs, me.scope.value, created_at)


def _short(row: SessionRow) -> str:
    """What tells one's sessions apart; their whole ids begin alike, and are nobody's to type."""
    return row.id[-8:]


def _session_card(unit: Unit, row: SessionRow) -> SessionCard:
    return SessionCard(_short(row), row.face, row.id == unit.session_id, row.created_at, row.expires_at)


def _token_card(row: SessionRow, now: int, text: str | None = None) -> TokenCard:
    state = "open"
    if row.revoked_at is not None:
        state = "revoked"
    elif row.expires_at is not None and row.expires_at <= now:
        state = "expired"
    return TokenCard(row.handle or "", row.name or "", row.scope, state, row.created_at, row.expires_at, text)
