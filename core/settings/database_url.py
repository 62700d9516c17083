"""Where the store is: a URL taken apart, known by its scheme, and never shown with its password.

Opens nothing; the store calls it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from core.domain.errors import Invalid

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,40}):", re.ASCII)
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]*)(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
_DATABASE = re.compile(r"[^/?#\s]{1,63}")
_POSTGRESQL = ("postgresql", "postgresql+psycopg")
_RIGHT = "give sqlite:///file.db, or postgresql://user:password@host:5432/database"


@dataclass(frozen=True)
class DatabaseUrl:
    """`path` is set for SQLite; `host`, `port` and `database` for PostgreSQL."""

    dialect: str
    secret_text: str
    redacted: str
    path: Path | None = None
    host: str = ""
    port: int | None = None
    database: str = ""
    has_password: bool = False

    def __repr__(self) -> str:
        return f"DatabaseUrl({self.redacted})"

    @property
    def place(self) -> str:
        """For messages: which store, on which host, without who asks."""
        if self.path is not None:
            return f"SQLite file {self.path}"
        host = self.host or "the local socket"
        return f"PostgreSQL database {self.database} at {host}{f':{self.port}' if self.port else ''}"

    @classmethod
    def read(cls, text: str, home: Path) -> DatabaseUrl:
        """An empty text means the file in the home. No message repeats the text: it may hold a password."""
        if not text:
            return _sqlite(home / "bursar.db")
        match = _SCHEME.match(text)
        scheme = match[1].lower() if match else ""
        if scheme == "sqlite":
            return _read_sqlite(text, home)
        if scheme in _POSTGRESQL and text.startswith("//", len(scheme) + 1):
            return _read_postgresql(text[len(scheme) + 3 :])
        if scheme == "postgres":
            raise Invalid("database_url", "the database URL begins with postgres:", "write postgresql:")
        named = f"names {scheme}, which is unknown" if scheme else "has no scheme"
        raise Invalid("database_url", f"the database URL {named}", _RIGHT)


def _read_sqlite(text: str, home: Path) -> DatabaseUrl:
    right = "give sqlite:///file.db (in the home) or sqlite:////folder/file.db"
    if not text.startswith("sqlite:///") or "?" in text or "#" in text or "\0" in text:
        raise Invalid("database_url", "the database URL of SQLite names a file and nothing else", right)
    name = text.removeprefix("sqlite:///")
    if name in ("", ":memory:"):
        raise Invalid("database_url", "a store in memory forgets everything at the end", right)
    return _sqlite(home / name)


def _sqlite(path: Path) -> DatabaseUrl:
    url = f"sqlite:///{path}"
    return DatabaseUrl("sqlite", url, url, path=path)


def _read_postgresql(rest: str) -> DatabaseUrl:
    # The last @ ends the user's part: an unescaped @ or / in a password then stays within what is hidden.
    who, at, where = rest.rpartition("@")
    user, colon, password = who.partition(":")
    address, _, options = where.partition("?")
    server, _, database = address.partition("/")
    match = _HOST.fullmatch(server)
    port = int(match["port"]) if match and match["port"] else None
    if match is None or not _DATABASE.fullmatch(database) or (port is not None and not 0 < port < 65536):
        raise Invalid("database_url", "the database URL does not name host, port and database", _RIGHT)
    if "/" in who or "?" in who or "#" in who:
        raise Invalid(
            "database_url",
            f"the database URL of {database} has a sign in user or password that must be escaped",
            "write / as %2F, ? as %3F, # as %23 and @ as %40",
        )
    # Options may hold a password too: only their names are shown.
    names = "&".join(f"{option.partition('=')[0]}=***" for option in options.split("&")) if options else ""
    shown_user = f"{user}:***@" if colon else f"{user}@" if at else ""
    return DatabaseUrl(
        dialect="postgresql",
        secret_text=f"postgresql+psycopg://{rest}",
        redacted=f"postgresql+psycopg://{shown_user}{server}/{database}{'?' if names else ''}{names}",
        host=match["host"].strip("[]"),
        port=port,
        database=database,
        has_password=bool(password) or "password" in options,
    )
