"""Verbs for those who run an installation: what happened, whether all is well, a copy of the store."""

from __future__ import annotations

from pathlib import Path

from core.commands.asking import plain
from core.commands.verbs import Argument, Asker, Bursar, Kind, Program, Values, Verb
from core.domain.errors import BursarError, Conflict, Unavailable
from core.domain.roles import Caller, Permission
from core.views.background import DaemonHealth
from core.views.operations import AuditVerdict, Diagnosis, Verdict

_LINES = 50
_MOST_LINES = 200
_LARGEST_NUMBER = 10**18 - 1


def _audit(bursar: Bursar, caller: Caller, values: Values) -> object:
    operations = bursar.operations
    if values["verify"]:
        return operations.verify_audit(caller)
    ask = operations.audit_everywhere if values["all_orgs"] else operations.audit
    return ask(caller, values["limit"] or _LINES, values["before"])


def _reconcile(bursar: Bursar, caller: Caller, values: Values) -> object:
    if values["end_quarantine"]:
        return bursar.upkeep.end_quarantine(caller)
    return bursar.upkeep.reconcile(caller, apply=values["apply"])


def _broken(answer: object) -> type[BursarError] | None:
    return Conflict if isinstance(answer, AuditVerdict) and not answer.holds else None


def _failing(answer: Diagnosis) -> type[BursarError] | None:
    return Unavailable if answer.verdict is Verdict.FAIL else None


def _headless(answer: DaemonHealth) -> type[BursarError] | None:
    return None if answer.leads else Unavailable


VERBS: tuple[Verb, ...] = (
    Verb(
        ("demo",),
        "see it all at work in a throw-away installation",
        Permission.INSTALL,
        Program("demo"),
        (
            Argument("headless", "print a plain board, and end by itself", Kind.FLAG),
            Argument("seconds", "how long it goes on", Kind.COUNT, bounds=(1, 86_400)),
            Argument("speed", "how much faster its short jobs are", Kind.COUNT, bounds=(1, 100), default="1"),
        ),
        more="Touches no other installation, and takes everything with it when it ends (Ctrl-C).",
        terminal_only=True,
        asker=Asker.NOBODY,
    ),
    Verb(
        ("daemon",),
        "plan, drive the engines and meter: the background side",
        Permission.DAEMON_RUN,
        Program("daemon"),
        (Argument("once", "until nothing more can be done now, then end", Kind.FLAG),),
        more="For who owns the installation's home; it asks for no login.",
        terminal_only=True,
        asker=Asker.NOBODY,
    ),
    Verb(
        ("audit",),
        "show who did what in the organization, newest first",
        Permission.AUDIT_READ,
        _audit,
        (
            Argument("verify", "check the whole chain instead of showing it", Kind.FLAG),
            Argument("all_orgs", "of the whole installation", Kind.FLAG),
            Argument("limit", "how many lines", Kind.COUNT, bounds=(1, _MOST_LINES), default=str(_LINES)),
            Argument("before", "only what is older than this number", Kind.COUNT, bounds=(1, _LARGEST_NUMBER)),
        ),
        more="--verify and --all-orgs are for operators. A broken chain exits with 5.",
        columns=("seq", "at", "actor", "org", "verb", "target", "after"),
        nothing="nothing has happened yet",
        continued_by="before",
        bad_news=_broken,
    ),
    Verb(
        ("doctor",),
        "check the store, the chain of the audit and the place they live in",
        Permission.DOCTOR,
        plain(lambda bursar: bursar.operations.doctor),
        more="Changes nothing. Exits with 7 where a check fails; a warning is no failure.",
        bad_news=_failing,
    ),
    Verb(
        ("health",),
        "show whether somebody leads the background side, and what lags",
        Permission.HEALTH,
        plain(lambda bursar: bursar.upkeep.health),
        more="Asks for no login, so that a container can be watched by it: exits with 7 where nobody leads.",
        asker=Asker.ANYBODY,
        bad_news=_headless,
    ),
    Verb(
        ("reconcile",),
        "hold engines and store side by side: what matches, is missing, leaked, foreign",
        Permission.DAEMON_RUN,
        _reconcile,
        (
            Argument("apply", "stop what bears our token and nobody knows", Kind.FLAG),
            Argument("end_quarantine", "after a restore: let the daemon work again", Kind.FLAG),
        ),
        more="What is somebody else's is never touched.",
    ),
    Verb(
        ("cleanup",),
        "show what has been kept for long enough, and clear it away",
        Permission.DAEMON_RUN,
        lambda bursar, caller, values: bursar.upkeep.cleanup(caller, apply=values["apply"]),
        (Argument("apply", "clear it away instead of showing it", Kind.FLAG),),
    ),
    Verb(
        ("backup",),
        "copy the whole store to a file while others use it",
        Permission.BACKUP,
        lambda bursar, caller, values: bursar.operations.backup(
            caller, Path(values["path"]) if values["path"] else None
        ),
        (Argument("path", "the file to write", Kind.PATH, True, default="one in the home's backups folder"),),
        more="What it holds stands in a manifest beside it, without which it is not restored.",
        terminal_only=True,
    ),
    Verb(
        ("restore",),
        "put a backup in the place of the store; what was there is kept beside it",
        Permission.BACKUP,
        Program("restore"),
        (Argument("path", "the backup", Kind.PATH, positional=True, required=True),),
        more="For who owns the installation's home; it asks for no login. The daemon must be down. It looks the backup"
        " through first, and no engine is touched until `reconcile --end-quarantine`.",
        terminal_only=True,
        asker=Asker.NOBODY,
    ),
    Verb(
        ("upgrade",),
        "bring the store up to this program's schema, as every start does by itself",
        Permission.BACKUP,
        Program("upgrade"),
        (Argument("check", "only say what it would do, how long it takes and what room it needs", Kind.FLAG),),
        more="For who owns the installation's home; it asks for no login. A backup is taken before.",
        terminal_only=True,
        asker=Asker.NOBODY,
    ),
)
