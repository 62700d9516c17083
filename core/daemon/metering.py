"""Posts what runs have cost, and stops what has reached its limit. No tick changes a total."""

from __future__ import annotations

from core.clock import HOUR
from core.domain.lifecycle import State, StopCause, Trigger
from core.store import settlement
from core.store.leases import Leadership
from core.store.moves import move
from core.store.units import Units


def post_use(units: Units, leadership: Leadership) -> int:
    """Each open run that has something due: at the ends of days and after six hours, up to its last proof of life."""
    with units.look() as unit:
        runs = unit.runs.all_open()
        now = unit.now
    waiting = [run for run in runs if now - run.started_at >= HOUR]
    if not waiting:
        return 0
    posted = 0
    with units.lead(leadership) as unit:
        for run in unit.runs.all_open():
            org = unit.orgs.by_id(run.org_id)
            posted += settlement.post_due(unit, run, min(unit.now, run.seen_at), org.time_zone if org else "UTC")
    return posted


def stop_overdue(units: Units, leadership: Leadership, kill_wait_us: int) -> int:
    """Jobs that have run for all the time they asked for."""
    with units.look() as unit:
        now = unit.now
        overdue = [
            row.id
            for row in unit.deployments.in_states({State.RUNNING, State.SUSPENDED})
            if row.limit_ms is not None and row.started_at is not None and row.started_at + row.limit_ms * 1000 <= now
        ]
    if not overdue:
        return 0
    moved = 0
    with units.lead(leadership) as unit:
        for row in unit.deployments.by_ids(overdue):
            if row.state in (State.RUNNING, State.SUSPENDED):
                stop_by = unit.now + kill_wait_us
                move(unit, row, Trigger.REACH_LIMIT, stop_cause=StopCause.TIME_LIMIT, stop_by=stop_by)
                moved += 1
    return moved
