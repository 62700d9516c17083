"""Time limits of jobs: a word 15 and 5 minutes before the end, then the stop."""

from __future__ import annotations

import json

from core.clock import MINUTE
from core.daemon.ground import Ground
from core.domain.lifecycle import State, StopCause, Trigger
from core.store.moves import move
from core.store.queries import instants
from core.store.queries.instants import Limited
from core.store.units import Unit

WARN_BEFORE = (15 * MINUTE, 5 * MINUTE)
_LONGEST_REST = 15 * MINUTE


def keep(ground: Ground) -> tuple[int, int]:
    with ground.units.look() as unit:
        now = unit.now
        soon = instants.limited(unit.connection, now + max(WARN_BEFORE))
        to_stop = [one for one in soon if one.ends_at <= now]
        to_warn = [(one, before) for one in soon if (before := _warning(unit, one)) is not None]
    if to_stop or to_warn:
        with ground.units.lead(ground.leadership) as unit:
            stop_by = unit.now + ground.settings.scheduling.kill_wait_ms * 1000
            for row in unit.deployments.by_ids([one.id for one in to_stop][:500]):
                if row.state in (State.RUNNING, State.SUSPENDED):
                    move(unit, row, Trigger.REACH_LIMIT, stop_cause=StopCause.TIME_LIMIT, stop_by=stop_by)
                    unit.clusters.touch(row.cluster_id)
            for one, before in to_warn:
                facts = _facts(one, before)
                unit.record("deployment.limit_near", one.handle, after=facts, org_id=one.org_id)
    return len(to_stop), _next(ground, now)


def _warning(unit: Unit, one: Limited) -> int | None:
    """The last warning that is due and was not given; those of a short job lie before its start and are left out."""
    left = one.ends_at - unit.now
    due = [before for before in WARN_BEFORE if 0 < left <= before < one.ends_at - one.started_at]
    if not due:
        return None
    said = instants.was_told(unit.connection, "deployment.limit_near", one.handle, one.started_at)
    given = {(fact["ends_at"], fact["minutes"]) for fact in map(json.loads, said)}
    return None if (one.ends_at, min(due) // MINUTE) in given else min(due)


def _facts(one: Limited, before: int) -> dict[str, object]:
    return {"minutes": before // MINUTE, "ends_at": one.ends_at, "extend": f"bursar extend {one.handle} --hours H"}


def _next(ground: Ground, now: int) -> int:
    """The next limit or warning, whichever comes first."""
    with ground.units.look() as unit:
        ahead = [instants.next_limit(unit.connection, now + before) for before in (0, *WARN_BEFORE)]
    moments = [at - before for at, before in zip(ahead, (0, *WARN_BEFORE), strict=True) if at is not None]
    return min([now + _LONGEST_REST, *moments])
