"""Clears away what has been kept for long enough, in small parts: records at engines, details of what has ended.

A dry run says what would go. What stays for ever: the ledger, the audit, and a tombstone of every deployment.
"""

from __future__ import annotations

from collections.abc import Iterator

from core.daemon.ground import Ground
from core.domain.engines import Observed, Phase, Token
from core.domain.errors import BursarError
from core.domain.lifecycle import FINAL, Trigger
from core.store.moves import move
from core.store.queries import retention
from core.store.repositories.deployments import DeploymentRow
from core.views.background import CleanupReport

_PART = 200
_MOST_PARTS = 50


def sweep(ground: Ground, *, apply: bool) -> CleanupReport:
    instances = tuple(_swept_instances(ground, apply=apply))
    tombstones = tuple(_tombstones(ground, apply=apply))
    kept = ground.settings.retention
    now = ground.units.now()
    with ground.units.lead(ground.leadership) if apply else ground.units.look() as unit:
        done = unit.connection
        events = retention.events_before(done, now - kept.events_ms * 1000, remove=apply)
        answers = retention.answers_before(done, now - kept.request_keys_ms * 1000, remove=apply)
        sessions = retention.sessions_before(done, now - kept.sessions_ms * 1000, remove=apply)
        if apply and (tombstones or instances or events or answers or sessions):
            counts = {"tombstones": len(tombstones), "instances": len(instances), "events": events}
            unit.record("cleanup", "store", after={**counts, "answers": answers, "sessions": sessions})
    return CleanupReport(apply, tombstones, instances, events, answers, sessions)


def _tombstones(ground: Ground, *, apply: bool) -> Iterator[str]:
    """Part by part, so that nobody waits long for the one writer."""
    before = ground.units.now() - ground.settings.retention.terminated_ms * 1000
    if not apply:
        with ground.units.look() as unit:
            most = _PART * _MOST_PARTS
            yield from (row.handle for row in retention.ended_before(unit.connection, unit.deployments, before, most))
        return
    for _ in range(_MOST_PARTS):
        with ground.units.lead(ground.leadership) as unit:
            rows = retention.ended_before(unit.connection, unit.deployments, before, _PART)
            for row in rows:
                move(unit, row, Trigger.DELETE, reason=row.reason, ended_at=row.ended_at)
                retention.compact(unit.connection, row.id)
        yield from (row.handle for row in rows)
        if len(rows) < _PART:
            return


def _swept_instances(ground: Ground, *, apply: bool) -> Iterator[str]:
    """What engines keep of runs that ended long ago: records, logs, and disks of machines that are deleted."""
    with ground.units.look() as unit:
        clusters = unit.clusters.all()
    for cluster in clusters:
        try:
            seen = ground.engines.of(cluster).observe(ground.engines.install)
        except BursarError:
            continue  # it is swept the next time
        over = [one for one in seen.instances if one.token is not None and not one.is_live]
        for token in _forgettable(ground, over):
            if apply:
                try:
                    ground.engines.of(cluster).forget(token)
                except BursarError:
                    continue
            yield str(token)


def _forgettable(ground: Ground, over: list[Observed]) -> list[Token]:
    before = ground.units.now() - ground.settings.retention.logs_ms * 1000
    with ground.units.look() as unit:
        rows: dict[str, DeploymentRow | None] = {}
        for one in over:
            assert one.token is not None
            handle = one.token.deployment
            if handle not in rows:
                found = unit.deployments.referred(handle)
                rows[handle] = next((row for row in found if row.handle == handle), None)
    return [one.token for one in over if one.token is not None and _is_old(rows[one.token.deployment], one, before)]


def _is_old(row: DeploymentRow | None, one: Observed, before: int) -> bool:
    """A machine that is only stopped keeps its disk, however long that is."""
    ended_at = one.finished_at if one.finished_at is not None else one.updated_at
    if ended_at is None or ended_at >= before:
        return False
    if row is None or row.state in FINAL:
        return row is None or (row.ended_at or 0) < before
    assert one.token is not None
    return one.phase is not Phase.OFF and one.token.generation < row.generation
