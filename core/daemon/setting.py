"""The clock of the host was set, by hand or by the network: what lives is as old as before, by the new time.

Nothing is billed for time that did not pass, and nothing reaches its limit by it. How much passed is told by the time
since the boot, which no one sets. What is over stays dated as it was.
"""

from __future__ import annotations

import logging

from core.clock import DAY, SECOND
from core.daemon.ground import Ground
from core.daemon.logs import told
from core.store import boots, settlement
from core.store.repositories.runs import RunRow
from core.store.units import Unit

LONG_UNSEEN = DAY

log = logging.getLogger("bursar.daemon")


def follow(ground: Ground) -> int:
    """By how much the clock was set since a leader looked last; all that counts from an instant has followed it."""
    boot, leadership = ground.units.boot(), ground.leadership
    if leadership.counts_by(boot):
        return 0
    if leadership.boot is not None and not leadership.renew(ground.units.now()):  # it is dated by the clock before
        return 0
    with ground.units.set_right(leadership) as unit:
        before = boots.kept(unit.connection)
        by = boot.set_since(before) if before is not None else 0
        if by:
            runs = _move(unit, by, watched=leadership.boot is not None)
            verb = boots.SET_FORWARD if by > 0 else boots.SET_BACK
            unit.record(verb, "clock", {"at": unit.now - by}, {"at": unit.now, "runs": runs})
        elif before is not None and before.id != boot.id:
            _note_what_nobody_saw(unit)
        if before is None or by or before.id != boot.id:
            before = boot
            boots.keep(unit.connection, boot)
    leadership.boot = before
    if by:
        log.warning("the clock was set: what did not pass is not counted", extra=told(seconds=by / SECOND))
    return by


def _note_what_nobody_saw(unit: Unit) -> None:
    """After a reboot the clock is believed, but it may be years ahead: nothing is old enough to go by that time."""
    known = boots.last_written(unit.connection)
    if unit.now - known > LONG_UNSEEN:
        unit.record(boots.UNSEEN, "clock", {"at": known}, {"at": unit.now})


def _move(unit: Unit, by: int, *, watched: bool) -> int:
    """How many runs followed. While nobody led, people may have changed something by either clock."""
    runs = unit.runs.all_open()
    ends = unit.runs.last_ends([run.deployment_id for run in runs]) if by < 0 else {}
    moved = [_moved(run, by, ends.get(run.deployment_id, 0)) for run in runs]
    unit.runs.rewrite(moved)
    if by < 0:  # the next charge is counted from the last one, which is dated ahead now
        for run in moved:
            settlement.charge_now(unit, run, min(unit.now, run.seen_at))
    unit.runs.move_pins(by)
    if by > 0:
        unit.deployments.move_living(by, 0, unit.now - by)
    else:
        unit.deployments.move_living(by, 0 if watched else unit.now + 1, unit.now - by)
    return len(runs)


def _moved(run: RunRow, by: int, not_before: int) -> RunRow:
    if by > 0:
        return run._replace(segments=run.line.set_forward(by, run.seen_at).segments)
    line, seen_at = run.line.set_back(-by, run.seen_at, not_before=not_before)
    return run._replace(segments=line.segments, started_at=line.start, seen_at=seen_at)
