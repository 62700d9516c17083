"""Clears away what has been kept for long enough, in small parts: records at engines, details of what has ended.

A dry run says what would go. What stays for ever: the ledger, the audit, and a tombstone of every deployment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from core.daemon.ground import Ground
from core.domain.engines import Observed, Phase, Token
from core.domain.errors import BursarError
from core.domain.lifecycle import FINAL, Trigger
from core.settings import Retention
from core.store import boots
from core.store.moves import move
from core.store.queries import retention
from core.store.repositories.deployments import DeploymentRow
from core.store.units import Unit
from core.views.background import CleanupReport

_PART = 200
_MOST_PARTS = 50


@dataclass(frozen=True, slots=True)
class _Old:
    """The instants before which each kind of thing has been kept for long enough, by time that has passed."""

    terminated: int
    logs: int
    events: int
    answers: int
    sessions: int

    @classmethod
    def at(cls, unit: Unit, kept: Retention) -> _Old:
        ages = (kept.terminated_ms, kept.logs_ms, kept.events_ms, kept.request_keys_ms, kept.sessions_ms)
        return cls(*(boots.surely_older(unit.connection, unit.now, age_ms * 1000) for age_ms in ages))


def sweep(ground: Ground, *, apply: bool) -> CleanupReport:
    # A unit of the leader is refused where the clock was set and nobody has looked at that yet.
    with ground.units.lead(ground.leadership) if apply else ground.units.look() as unit:
        old = _Old.at(unit, ground.settings.retention)
    instances = tuple(_swept_instances(ground, old.logs, apply=apply))
    tombstones = tuple(_tombstones(ground, old.terminated, apply=apply))
    with ground.units.lead(ground.leadership) if apply else ground.units.look() as unit:
        done = unit.connection
        events = retention.events_before(done, old.events, remove=apply)
        answers = retention.answers_before(done, old.answers, remove=apply)
        sessions = retention.sessions_before(done, old.sessions, remove=apply)
        if apply and (tombstones or instances or events or answers or sessions):
            counts = {"tombstones": len(tombstones), "instances": len(instances), "events": events}
            unit.record("cleanup", "store", after={**counts, "answers": answers, "sessions": sessions})
    return CleanupReport(apply, tombstones, instances, events, answers, sessions)


def _tombstones(ground: Ground, before: int, *, apply: bool) -> Iterator[str]:
    """Part by part, so that nobody waits long for the one writer."""
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


def _swept_instances(ground: Ground, before: int, *, apply: bool) -> Iterator[str]:
    """What engines keep of runs that ended long ago: records, logs, and disks of machines that are deleted."""
    with ground.units.look() as unit:
        clusters = unit.clusters.all()
    for cluster in clusters:
        try:
            seen = ground.engines.of(cluster).observe(ground.engines.install)
        except BursarError:
            continue  # it is swept the next time
        over = [one for one in seen.instances if one.token is not None and not one.is_live]
        for token in _forgettable(ground, over, before):
            if apply:
                try:
                    ground.engines.of(cluster).forget(token)
                except BursarError:
                    continue
            yield str(token)


def _forgettable(ground: Ground, over: list[Observed], before: int) -> list[Token]:
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
