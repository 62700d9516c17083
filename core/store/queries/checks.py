"""The invariants of the store as queries that must find nothing, and how its settings stand. Ids are stable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from core.store.database import SQLITE_WITHOUT_WAL_RESET_FAULT, Database, sqlite_module
from core.store.schema import HEAD, current_version
from core.views.operations import Finding, Verdict


@dataclass(frozen=True, slots=True)
class MustBeEmpty:
    """A rule of the store as a query for what breaks it."""

    id: str
    check: str
    query: str
    repair: str


PEOPLE = (
    MustBeEmpty(
        "I-T5",
        "every organization has an admin",
        "SELECT o.name FROM orgs o WHERE o.deleted_at IS NULL AND NOT EXISTS "
        "(SELECT 1 FROM memberships m WHERE m.org_id = o.id AND m.role = 'admin')",
        "an operator: bursar --org NAME org role USER admin",
    ),
    MustBeEmpty(
        "I-T6",
        "no open session of a disabled account",
        "SELECT a.name FROM accounts a JOIN sessions s ON s.account_id = a.id "
        "WHERE a.disabled_at IS NOT NULL AND s.revoked_at IS NULL AND s.created_at >= a.tokens_valid_after",
        "bursar token revoke ID",
    ),
    MustBeEmpty(
        "I-T1",
        "every member came by an invite of the same organization",
        "SELECT m.account_id FROM memberships m JOIN invites i ON i.id = m.invite_id WHERE i.org_id <> m.org_id",
        "restore a backup; this cannot come from Bursar itself",
    ),
    MustBeEmpty(
        "I-A4",
        "time in the audit never runs backwards",
        # Unless the host's clock was set back: the leader puts that on record once it sees it, within a day.
        "SELECT b.seq FROM audit a JOIN audit b ON b.seq = a.seq + 1 WHERE b.at < a.at AND NOT EXISTS "
        "(SELECT 1 FROM audit c WHERE c.verb = 'clock.set_back' AND c.seq >= b.seq "
        "AND c.at - b.at BETWEEN 0 AND 86400000000)",
        "set the clocks of the hosts that share the store",
    ),
)


def run(connection: Connection, rules: tuple[MustBeEmpty, ...]) -> list[Finding]:
    return [judged(connection, rule) for rule in rules]


def judged(connection: Connection, rule: MustBeEmpty, **values: object) -> Finding:
    rows = connection.execute(text(rule.query), values).fetchmany(6)
    return broken_by(rule.id, rule.check, [str(row[0]) for row in rows], rule.repair)


def broken_by(law: str, check: str, broken: Sequence[str], repair: str) -> Finding:
    if not broken:
        return Finding(law, check, Verdict.OK, "holds")
    shown = ", ".join(broken[:5]) + (" and more" if len(broken) > 5 else "")
    return Finding(law, check, Verdict.FAIL, f"broken by {shown}", repair)


def schema(connection: Connection) -> Finding:
    version = current_version(connection)
    if version == HEAD:
        return Finding("I-D2", "schema", Verdict.OK, f"version {version}")
    return Finding("I-D2", "schema", Verdict.FAIL, f"version {version}, the program needs {HEAD}", "restart Bursar")


def engine(database: Database, connection: Connection) -> list[Finding]:
    return _sqlite(connection) if database.is_sqlite else _postgres(connection)


def _sqlite(connection: Connection) -> list[Finding]:
    def ask(pragma: str) -> str:
        return str(connection.exec_driver_sql(f"PRAGMA {pragma}").scalar())

    found = [
        _expected("integrity", ask("quick_check"), "ok", "stop Bursar and restore a backup"),
        _expected("references", ask("foreign_key_check"), "None", "stop Bursar and restore a backup"),
        _expected("journal", ask("journal_mode"), "wal", "the store must lie on a local disk"),
        _expected("durability (synchronous=FULL)", ask("synchronous"), "2", "report this"),
        _expected("references enforced", ask("foreign_keys"), "1", "report this"),
    ]
    version = sqlite_module().sqlite_version_info
    shown = ".".join(str(part) for part in version)
    if version >= SQLITE_WITHOUT_WAL_RESET_FAULT:
        found.append(Finding("I-D1", "SQLite version", Verdict.OK, shown))
    else:
        message = f"{shown} has the WAL-reset fault (mended in 3.51.3); Bursar's own lock keeps clear of it"
        found.append(Finding("I-D1", "SQLite version", Verdict.WARN, message, "pip install pysqlite3"))
    return found


def _expected(check: str, got: str, right: str, repair: str) -> Finding:
    if got == right:
        return Finding("I-D1", check, Verdict.OK, "holds" if right == "None" else got)
    return Finding("I-D1", check, Verdict.FAIL, f"{got}, must be {right}", repair)


def _postgres(connection: Connection) -> list[Finding]:
    def ask(setting: str) -> str:
        return str(connection.execute(text(f"SHOW {setting}")).scalar())

    version = Finding("I-D1", "PostgreSQL version", Verdict.OK, ask("server_version"))
    checksums = ask("data_checksums")
    return [
        version,
        _expected("durability (fsync)", ask("fsync"), "on", "set fsync = on in postgresql.conf"),
        Finding(
            "I-D1",
            "data checksums",
            Verdict.OK if checksums == "on" else Verdict.WARN,
            checksums,
            None if checksums == "on" else "pg_checksums --enable, with the server stopped",
        ),
    ]
