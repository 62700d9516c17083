"""Who may do what: standings, permissions, and the one table between them.

A service asks `require`; nothing else in the house decides on rights.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.domain.errors import Forbidden, Invalid


class Role(StrEnum):
    """What a person is in an organization."""

    MEMBER = "member"
    ADMIN = "admin"


class Standing(StrEnum):
    """As what somebody asks: each is granted apart, none includes another by itself."""

    ANYONE = "anyone"
    ACCOUNT = "account"
    MEMBER = "member"
    ADMIN = "admin"
    OPERATOR = "operator"


class TokenScope(StrEnum):
    """How much of its owner's rights an API token carries."""

    FULL = "full"
    WORK = "work"
    READ = "read"


class Permission(StrEnum):
    INSTALL = "install"
    REGISTER = "register"
    LOGIN = "login"
    IDENTITY_READ = "identity.read"
    PASSWORD_CHANGE = "password.change"  # noqa: S105 - the name of a right
    SESSION_END = "session.end"
    TOKEN_MANAGE = "token.manage"  # noqa: S105
    KEYS_ROTATE = "keys.rotate"
    ACCOUNTS_DISABLE = "accounts.disable"
    USERS_IMPORT = "users.import"
    ORG_CREATE = "org.create"
    ORG_LIST = "org.list"
    ORG_SWITCH = "org.switch"
    ORG_READ = "org.read"
    ORG_LEAVE = "org.leave"
    ORG_CHANGE = "org.change"
    ORG_DELETE = "org.delete"
    ORG_JOIN = "org.join"
    MEMBERS_READ = "members.read"
    MEMBERS_CHANGE = "members.change"
    INVITES_READ = "invites.read"
    INVITES_CHANGE = "invites.change"
    AUDIT_READ = "audit.read"
    AUDIT_VERIFY = "audit.verify"
    DOCTOR = "doctor"
    BACKUP = "backup"
    CLUSTER_READ = "cluster.read"
    CLUSTER_CREATE = "cluster.create"
    CLUSTER_CHANGE = "cluster.change"
    CLUSTER_SHARE = "cluster.share"
    SUBMIT = "deployment.submit"
    DEPLOYMENT_READ = "deployment.read"
    DEPLOYMENT_READ_ALL = "deployment.read-all"
    DEPLOYMENT_ACT = "deployment.act"
    DEPLOYMENT_DECIDE = "deployment.decide"
    WALLET_READ = "wallet.read"
    WALLET_GRANT = "wallet.grant"
    WALLET_TRANSFER = "wallet.transfer"
    MINT = "mint"
    LEDGER_VERIFY = "ledger.verify"
    LEDGER_REVERSE = "ledger.reverse"
    LIMITS_READ = "limits.read"
    LIMITS_SET = "limits.set"
    RATES_READ = "rates.read"
    RATES_SET = "rates.set"
    USAGE_READ = "usage.read"
    REPORT_READ = "report.read"
    REPORT_SCHEDULE = "report.schedule"
    SLACK_LINK = "slack.link"
    BOT_RUN = "bot.run"
    DAEMON_RUN = "daemon.run"
    HEALTH = "health"


_EVERYONE = frozenset(Standing)
_ACCOUNTS = _EVERYONE - {Standing.ANYONE}
_ORG = frozenset({Standing.MEMBER, Standing.ADMIN, Standing.OPERATOR})
_ADMINS = frozenset({Standing.ADMIN, Standing.OPERATOR})
_OPERATORS = frozenset({Standing.OPERATOR})


@dataclass(frozen=True, slots=True)
class Grant:
    """Who may do it to anything in the organization, and who at least to what is their own."""

    to_any: frozenset[Standing]
    to_own: frozenset[Standing] = frozenset()

    def covers(self, standings: frozenset[Standing], *, own: bool) -> bool:
        return bool(standings & self.to_any) or (own and bool(standings & self.to_own))


_P = Permission

GRANTS: dict[Permission, Grant] = {
    _P.INSTALL: Grant(_EVERYONE),
    _P.REGISTER: Grant(_EVERYONE),
    _P.LOGIN: Grant(_EVERYONE),
    _P.IDENTITY_READ: Grant(_ACCOUNTS),
    _P.PASSWORD_CHANGE: Grant(_ACCOUNTS),
    _P.SESSION_END: Grant(_ACCOUNTS),
    _P.TOKEN_MANAGE: Grant(_ACCOUNTS),
    _P.KEYS_ROTATE: Grant(_OPERATORS),
    _P.ACCOUNTS_DISABLE: Grant(_OPERATORS),
    _P.USERS_IMPORT: Grant(_OPERATORS),
    _P.ORG_CREATE: Grant(_ACCOUNTS),  # narrowed to operators unless the setting open_orgs is on
    _P.ORG_LIST: Grant(_ACCOUNTS),
    _P.ORG_SWITCH: Grant(_ACCOUNTS),
    _P.ORG_READ: Grant(_ORG),
    _P.ORG_LEAVE: Grant(_ORG),
    _P.ORG_CHANGE: Grant(_ADMINS),
    _P.ORG_DELETE: Grant(_ADMINS),
    _P.ORG_JOIN: Grant(_ACCOUNTS),
    _P.MEMBERS_READ: Grant(_ORG),
    _P.MEMBERS_CHANGE: Grant(_ADMINS),
    _P.INVITES_READ: Grant(_ADMINS),
    _P.INVITES_CHANGE: Grant(_ADMINS),
    _P.AUDIT_READ: Grant(_ADMINS),
    _P.AUDIT_VERIFY: Grant(_OPERATORS),
    _P.DOCTOR: Grant(_OPERATORS),
    _P.BACKUP: Grant(_OPERATORS),
    _P.CLUSTER_READ: Grant(_ORG),
    _P.CLUSTER_CREATE: Grant(_ADMINS),  # for admins only with the drivers of the setting drivers_for_admins
    _P.CLUSTER_CHANGE: Grant(_ADMINS),
    _P.CLUSTER_SHARE: Grant(_OPERATORS),
    _P.SUBMIT: Grant(_ORG),
    _P.DEPLOYMENT_READ: Grant(_ORG),
    _P.DEPLOYMENT_READ_ALL: Grant(_OPERATORS),
    _P.DEPLOYMENT_ACT: Grant(_ADMINS, to_own=_ORG),
    _P.DEPLOYMENT_DECIDE: Grant(_ADMINS),
    _P.WALLET_READ: Grant(_ADMINS, to_own=_ORG),
    _P.WALLET_GRANT: Grant(_ADMINS),
    _P.WALLET_TRANSFER: Grant(_ADMINS, to_own=_ORG),
    _P.MINT: Grant(_OPERATORS),
    _P.LEDGER_VERIFY: Grant(_ADMINS),
    _P.LEDGER_REVERSE: Grant(_ADMINS),
    _P.LIMITS_READ: Grant(_ORG),
    _P.LIMITS_SET: Grant(_ADMINS),
    _P.RATES_READ: Grant(_ORG),
    _P.RATES_SET: Grant(_OPERATORS),
    _P.USAGE_READ: Grant(_ADMINS, to_own=_ORG),
    _P.REPORT_READ: Grant(_ADMINS),
    _P.REPORT_SCHEDULE: Grant(_ADMINS),
    _P.SLACK_LINK: Grant(_ACCOUNTS),
    _P.BOT_RUN: Grant(_OPERATORS),
    _P.DAEMON_RUN: Grant(_OPERATORS),
    _P.HEALTH: Grant(_EVERYONE),  # whether anybody leads; what troubles whom is shown to operators alone
}

_READS = frozenset(
    {
        _P.IDENTITY_READ,
        _P.SESSION_END,
        _P.ORG_LIST,
        _P.ORG_READ,
        _P.MEMBERS_READ,
        _P.INVITES_READ,
        _P.AUDIT_READ,
        _P.CLUSTER_READ,
        _P.DEPLOYMENT_READ,
        _P.DEPLOYMENT_READ_ALL,
        _P.WALLET_READ,
        _P.LIMITS_READ,
        _P.RATES_READ,
        _P.USAGE_READ,
        _P.REPORT_READ,
        _P.HEALTH,
    }
)

WITHIN_SCOPE: dict[TokenScope, frozenset[Permission]] = {
    TokenScope.FULL: frozenset(Permission),
    TokenScope.WORK: _READS | {_P.SUBMIT, _P.DEPLOYMENT_ACT},
    TokenScope.READ: _READS,
}

NEEDS_ORG: frozenset[Permission] = frozenset(
    p for p, grant in GRANTS.items() if Standing.ACCOUNT not in grant.to_any and grant.to_any != _OPERATORS
)


@dataclass(frozen=True, slots=True)
class Caller:
    """What a face hands in: an identity that a token has proved, and the org it names. Rights are not in it.

    `delivery` is the key of what was delivered to the face: what bears the same key changes something only once.
    """

    account_id: str
    session_id: str
    face: str
    org: str | None = None
    delivery: str | None = None


def anonymous(face: str) -> Caller:
    """Somebody who has not said who they are."""
    return Caller(account_id="", session_id="", face=face)


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller as the store knows it in this unit of work: roles are read anew each time."""

    account_id: str
    name: str
    face: str
    operator: bool = False
    org_id: str | None = None
    org_name: str | None = None
    role: Role | None = None
    scope: TokenScope = TokenScope.FULL

    def standings(self) -> frozenset[Standing]:
        if not self.account_id:
            return frozenset({Standing.ANYONE})
        held = {Standing.ANYONE, Standing.ACCOUNT}
        if self.role is not None:
            held.add(Standing.MEMBER)
        if self.role is Role.ADMIN:
            held.add(Standing.ADMIN)
        if self.operator:
            held.add(Standing.OPERATOR)
        return frozenset(held)


def allows(who: Principal, permission: Permission, *, owner_id: str | None = None) -> bool:
    if permission not in WITHIN_SCOPE[who.scope]:
        return False
    return GRANTS[permission].covers(who.standings(), own=owner_id == who.account_id)


def require(who: Principal, permission: Permission, *, owner_id: str | None = None) -> None:
    """Raise unless `who` may; the sentence says what is missing."""
    if not who.account_id and Standing.ANYONE not in GRANTS[permission].to_any:
        raise not_logged_in()
    if permission in NEEDS_ORG and who.org_id is None:
        raise no_org(who)
    if allows(who, permission, owner_id=owner_id):
        return
    if permission not in WITHIN_SCOPE[who.scope]:
        raise Forbidden(
            "token_scope", f"this token may only {who.scope.value}", "use one with a wider scope, or log in"
        )
    needed = GRANTS[permission].to_any
    people = "operators" if needed == _OPERATORS else "an admin of the organization"
    raise Forbidden("not_allowed", f"only {people} may do this", f"you are {_described(who)}")


def no_org(who: Principal) -> Invalid:
    enters = "bursar org create NAME makes one" if who.operator else "bursar join CODE enters one"
    helps = f"{enters}; bursar org switch NAME or --org NAME chooses among yours"
    return Invalid("no_org", "no organization is active", helps)


def not_logged_in() -> Forbidden:
    return Forbidden("session_invalid", "session not valid, log in", "bursar login NAME")


def nobody_here() -> Forbidden:
    """The same before there was any session: perhaps nothing has been set up yet, either."""
    begins = "bursar login NAME; a new installation begins with bursar init --operator NAME"
    return Forbidden(not_logged_in().code, "nobody is logged in here", begins)


def _described(who: Principal) -> str:
    if not who.account_id:
        return "not logged in"
    if who.operator:
        return "an operator"
    if who.role is None:
        return "not a member of an organization here"
    return f"{'an' if who.role is Role.ADMIN else 'a'} {who.role.value} of {who.org_name}"
