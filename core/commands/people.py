"""Verbs of accounts: make one, log in and out, passwords, API tokens."""

from __future__ import annotations

from core.commands.asking import asked, plain, requests
from core.commands.verbs import Argument, Asker, Kind, OnSession, Verb
from core.domain.roles import Permission, TokenScope

_NAME = Argument("name", "the account's name", positional=True, required=True)
_PASSWORD = Argument("password", "password", Kind.PASSWORD)
_USER = Argument("user", "whose account", positional=True, required=True)
_NEW_PASSWORD = Argument("password", "password", Kind.NEW_PASSWORD)

VERBS: tuple[Verb, ...] = (
    Verb(
        ("init",),
        "make the first operator of a new installation",
        Permission.INSTALL,
        lambda bursar, caller, values: bursar.accounts.install(
            caller, asked(requests.NewAccount, {"name": values["operator"], "password": values["password"]})
        ),
        (
            Argument("operator", "the operator's name", Kind.ACCOUNT, required=True, placeholder="NAME"),
            _NEW_PASSWORD,
        ),
        terminal_only=True,
        asker=Asker.NOBODY,
        afterwards="now log in: bursar login {name}; then: bursar org create NAME; then one of:",
        offers=lambda bursar, caller: [f"bursar {engine.command}" for engine in bursar.clusters.here(caller).items],
    ),
    Verb(
        ("register",),
        "make an account",
        Permission.REGISTER,
        lambda bursar, caller, values: bursar.accounts.register(caller, asked(requests.NewAccount, values)),
        (Argument("name", "the account's name", Kind.ACCOUNT, positional=True, required=True), _NEW_PASSWORD),
        terminal_only=True,
        asker=Asker.ANYBODY,
        afterwards="now log in: bursar login {name}; then join an organization: bursar join CODE",
    ),
    Verb(
        ("login",),
        "begin a session, in place of the one there is",
        Permission.LOGIN,
        lambda bursar, caller, values: bursar.accounts.login(caller, asked(requests.Login, values)),
        (_NAME, _PASSWORD),
        terminal_only=True,
        asker=Asker.NOBODY,
        session=OnSession.BEGUN,
    ),
    Verb(
        ("logout",),
        "end the session",
        Permission.SESSION_END,
        plain(lambda bursar: bursar.accounts.logout),
        terminal_only=True,
        session=OnSession.ENDED,
    ),
    Verb(
        ("whoami",),
        "show who you are and where you work",
        Permission.IDENTITY_READ,
        plain(lambda bursar: bursar.accounts.whoami),
    ),
    Verb(
        ("passwd",),
        "change your password",
        Permission.PASSWORD_CHANGE,
        lambda bursar, caller, values: bursar.accounts.change_password(caller, asked(requests.NewPassword, values)),
        (
            Argument("old", "old password", Kind.PASSWORD),
            Argument("new", "new password", Kind.NEW_PASSWORD),
        ),
        more="It ends every session and token of the account, this one too.",
        terminal_only=True,
        session=OnSession.ENDED,
    ),
    Verb(
        ("import-users",),
        "take over accounts with the password hashes of another system",
        Permission.USERS_IMPORT,
        lambda bursar, caller, values: bursar.accounts.import_users(caller, values["file"]),
        (Argument("file", "a line for each account: its name, ':' or ',', its hash", Kind.FILE, True, True),),
        more="Hashes are bcrypt or PBKDF2-SHA256; each is renewed at the next login. '-' reads standard input.",
        terminal_only=True,
    ),
    Verb(
        ("token", "create"),
        "make an API token for scripts",
        Permission.TOKEN_MANAGE,
        lambda bursar, caller, values: bursar.accounts.create_token(caller, asked(requests.NewToken, values)),
        (
            Argument("name", "what you will know it by", positional=True, required=True),
            Argument(
                "scope",
                "how much of your rights it carries",
                Kind.CHOICE,
                choices=tuple(TokenScope),
                default=TokenScope.FULL,
            ),
            Argument("expires", "how long it lives, such as 30d", Kind.DURATION),
        ),
        terminal_only=True,
        afterwards="the token is shown only now; scripts give it in BURSAR_TOKEN",
    ),
    Verb(
        ("token", "list"),
        "list your API tokens",
        Permission.TOKEN_MANAGE,
        plain(lambda bursar: bursar.accounts.list_tokens),
        columns=("id", "name", "scope", "state", "created_at", "expires_at"),
        nothing="no tokens; bursar token create NAME makes one",
    ),
    Verb(
        ("token", "revoke"),
        "make an API token worthless",
        Permission.TOKEN_MANAGE,
        lambda bursar, caller, values: bursar.accounts.revoke_token(caller, values["id"]),
        (Argument("id", "the token's id or name", positional=True, required=True),),
    ),
    Verb(
        ("session", "list"),
        "list where you are logged in",
        Permission.TOKEN_MANAGE,
        plain(lambda bursar: bursar.accounts.list_sessions),
        columns=("id", "face", "here", "created_at", "expires_at"),
        nothing="you are logged in nowhere: a token asks here",
        terminal_only=True,
    ),
    Verb(
        ("session", "end"),
        "end a session of yours, on a machine that you left behind",
        Permission.TOKEN_MANAGE,
        lambda bursar, caller, values: bursar.accounts.end_session(caller, values["session"]),
        (Argument("session", "its id, as `session list` shows it", positional=True, required=True),),
        terminal_only=True,
    ),
    Verb(
        ("token", "rotate-key"),
        "sign sessions with a new key; the old one is good for the overlap that is set",
        Permission.KEYS_ROTATE,
        lambda bursar, caller, values: bursar.accounts.rotate_key(caller, at_once=values["at_once"]),
        (Argument("at_once", "no overlap: every open session ends", Kind.FLAG),),
        more="API tokens are not signed and stay as they are.",
        terminal_only=True,
    ),
    Verb(
        ("account", "disable"),
        "shut somebody out: sessions and tokens end at once, what they run goes on",
        Permission.ACCOUNTS_DISABLE,
        lambda bursar, caller, values: bursar.accounts.disable(caller, values["user"]),
        (_USER,),
    ),
    Verb(
        ("account", "enable"),
        "let somebody in again, who then logs in anew",
        Permission.ACCOUNTS_DISABLE,
        lambda bursar, caller, values: bursar.accounts.enable(caller, values["user"]),
        (_USER,),
    ),
)
