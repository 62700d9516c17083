"""For those who run an installation: what happened, whether it is whole, and a copy of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from core.domain.audit import AuditRow
from core.domain.engines import UNHELD
from core.domain.errors import Invalid
from core.domain.roles import Caller, Permission, require
from core.services.cluster_cards import limits_told
from core.services.usecase import composed, reads
from core.settings import Settings
from core.store import installation, leases
from core.store.backup import copy_sqlite
from core.store.manifest import place_of
from core.store.queries import anchors, health, whole
from core.store.queries.whole import walk
from core.store.units import Unit, Units
from core.views.background import DaemonHealth
from core.views.operations import AuditLine, AuditVerdict, BackupMade, Diagnosis, Finding, Page, Verdict

MOST_LINES = 200
_QUARANTINED = Finding(
    "ENV-5",
    "no quarantine",
    Verdict.WARN,
    "the store came back from a backup: nothing starts, stops or is metered until somebody has looked",
    "bursar reconcile; then bursar reconcile --end-quarantine",
)


class Operations:
    def __init__(self, units: Units, settings: Settings) -> None:
        self.units = units
        self._settings = settings

    @reads(Permission.AUDIT_READ)
    def audit(self, unit: Unit, limit: int = 50, before: int | None = None) -> Page[AuditLine]:
        """What happened in the organization, newest first."""
        return _page(unit, unit.audit.newest(_checked(limit), before), limit, with_org=False)

    @reads(Permission.AUDIT_VERIFY)
    def audit_everywhere(self, unit: Unit, limit: int = 50, before: int | None = None) -> Page[AuditLine]:
        """What happened in the whole installation, newest first."""
        audit = unit.audit_everywhere("operators see the installation")
        return _page(unit, audit.newest(_checked(limit), before), limit, with_org=True)

    @reads(Permission.AUDIT_VERIFY)
    def verify_audit(self, unit: Unit) -> AuditVerdict:
        """Walk the chain from its beginning."""
        return walk(unit.audit_everywhere("the chain is one for the whole installation").from_the_beginning())

    @composed(Permission.DOCTOR)
    def doctor(self, caller: Caller) -> Diagnosis:
        """Every check, none of which changes anything."""
        database = self.units.database
        with self.units.read(caller) as unit:
            require(unit.me, Permission.DOCTOR)
            findings = whole.findings(database, unit.connection, unit.now)
            install = installation.known_identity(unit.connection)
            findings.append(anchors.finding(unit.connection, self._settings.home / "backups", install))
            lease_ms, settings = self._settings.daemon.lease_ms, self._settings.of_the_background()
            background = health.of_daemon(unit.connection, unit.now, lease_ms, settings)
            findings += _unheld(unit.for_all("a host is one for all who use it"))
            if leases.in_quarantine(unit.connection):
                findings.append(_QUARANTINED)
        findings += [*_background(background), *self._room_on_disk(), *self._file_modes()]
        worst = max((f.verdict for f in findings), key=list(Verdict).index)
        return Diagnosis(worst, tuple(findings))

    @composed(Permission.BACKUP)
    def backup(self, caller: Caller, path: Path | None = None) -> BackupMade:
        """A whole copy, made while others work; what it holds is said so that it can be compared later."""
        with self.units.read(caller) as unit:
            require(unit.me, Permission.BACKUP)
            stamp = unit.now // 1_000_000
        target = path or self._settings.home / "backups" / f"bursar-{stamp}.db"
        made = copy_sqlite(self.units.database, target)
        return BackupMade(
            str(target),
            made.bytes,
            made.sha256,
            made.audit_rows,
            made.audit_head,
            schema=made.schema,
            manifest=str(place_of(target)),
            entries=made.entries,
            minted_credits_ucr=made.minted_ucr,
            minted_gpu_ms=made.minted_gpu_ms,
        )

    def _room_on_disk(self) -> Iterator[Finding]:
        path = self.units.database.path
        if path is None:
            return
        free, needed = shutil.disk_usage(path.parent).free, 2 * path.stat().st_size
        enough = free > needed
        yield Finding(
            "ENV-1",
            "room on the disk",
            Verdict.OK if enough else Verdict.WARN,
            f"{free // 2**20} MiB free",
            None if enough else f"free {(needed - free) // 2**20} MiB: a backup or a migration needs twice the store",
        )

    def _file_modes(self) -> Iterator[Finding]:
        """On SQLite whoever can read the file reads everything, so it must be its owner's alone."""
        path = self.units.database.path
        if path is None:
            return
        others = path.stat().st_mode & 0o077
        yield Finding(
            "ENV-2",
            "the store is private",
            Verdict.WARN if others else Verdict.OK,
            f"{path} has mode {path.stat().st_mode & 0o777:o}; whoever owns it ({_owner(path)}) can do everything",
            f"chmod 600 {path}" if others else None,
        )


def _background(health: DaemonHealth) -> Iterator[Finding]:
    """Nobody leading is no fault of the store: work waits, and goes on when somebody does."""
    if health.leads:
        yield Finding("ENV-3", "the background side", Verdict.OK, f"{health.leader} leads, epoch {health.epoch}")
    else:
        yield Finding(
            "ENV-3",
            "the background side",
            Verdict.WARN,
            "nobody leads: nothing starts, stops or is metered",
            "bursar daemon",
        )
    if health.other_settings:
        message = (
            f"the leader works with other settings than those that are read here: {', '.join(health.other_settings)}"
        )
        yield Finding("ENV-6", "one set of settings", Verdict.WARN, message, "start the daemon anew")
    if health.stuck:
        message = f"{health.stuck} deployments stay too long in a state that should pass"
        yield Finding("I-C9", "nothing is stuck", Verdict.WARN, message, "bursar list --state stopping")
    for trouble in health.troubles:
        message = f"{trouble.cluster}: {trouble.reason}"
        yield Finding("ENV-4", "engines answer", Verdict.WARN, message, "look at the engine; bursar reconcile")


def _unheld(everyone: Unit) -> Iterator[Finding]:
    """Where the engine itself has said of what runs now that nothing bounds its processes."""
    for cluster in everyone.clusters.all():
        if any(UNHELD in words for words in limits_told(everyone, cluster)):
            message = f"{cluster.name}: a run that forks without end takes its host down"
            hint = "let the daemon write cgroups, or start runs as a user of their own: cluster set NAME run_as=USER"
            yield Finding("ENV-7", "processes are limited", Verdict.WARN, message, hint)


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except KeyError:
        return f"user {path.stat().st_uid}"


def _checked(limit: int) -> int:
    if not 1 <= limit <= MOST_LINES:
        raise Invalid(
            "out_of_range", f"limit: {limit} is not between 1 and {MOST_LINES}", "ask for fewer, and for more"
        )
    return limit


def _page(unit: Unit, rows: list[AuditRow], limit: int, *, with_org: bool) -> Page[AuditLine]:
    names: dict[str, str | None] = {}
    for row in rows:
        if with_org and row.org_id is not None and row.org_id not in names:
            org = unit.orgs.by_id(row.org_id)
            names[row.org_id] = org.name if org else None
    lines = tuple(
        AuditLine(
            row.seq,
            row.at,
            row.actor,
            row.face,
            names.get(row.org_id) if row.org_id else None,
            row.verb,
            row.target,
            row.before,
            row.after,
        )
        for row in rows
    )
    return Page(lines, str(rows[-1].seq) if len(rows) == limit else None)
