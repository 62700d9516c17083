"""The scheduler's reasons and ids in the words of people: amounts with their unit, handles instead of keys."""

from __future__ import annotations

from collections.abc import Iterable

from core.domain.lifecycle import State, StopCause
from core.scheduler.advice import counted
from core.scheduler.decisions import Blocker, Code
from core.store import leases
from core.store.queries import health
from core.store.repositories.clusters import ClusterRow
from core.store.repositories.deployments import DeploymentRow
from core.store.units import Unit
from core.views.foresight import BlockerLine


def lines_of(unit: Unit, blockers: Iterable[Blocker]) -> tuple[BlockerLine, ...]:
    return tuple(_line(blocker, handles(unit, blocker.holders)) for blocker in blockers)


# What cannot go on by itself: the background side or the engine has to do something about it.
MUST_BE_TENDED = frozenset({State.QUEUED, State.STARTING, State.STOPPING})


def beside_the_plan(unit: Unit, cluster: ClusterRow) -> tuple[BlockerLine, ...]:
    """What keeps everything on a cluster waiting, whatever the plan says: nobody leads, or its engine does not serve.

    What an engine said is for operators; others learn whom to ask.
    """
    lines = []
    lease = leases.current(unit.connection)
    if lease is None or lease.expires_at <= unit.now:
        message = "the background side does not run: nothing starts or stops"
        lines.append(_stands("nobody_leads", message, "an operator runs: bursar daemon"))
    trouble = health.trouble_of(unit.connection, cluster.name, cluster.handle)
    if trouble is not None:
        reason = trouble.reason if unit.me.operator else "it does not do what it is asked"
        message = f"the engine of {cluster.name}: {reason}"
        lines.append(_stands("engine_trouble", message, "an operator looks at it: bursar health"))
    return tuple(lines)


def _stands(code: str, message: str, suggestion: str) -> BlockerLine:
    return BlockerLine(code, message, None, None, (), None, suggestion)


_STOPPED_FOR = {
    StopCause.USER: "somebody stopped it",
    StopCause.RUN_OUT: "the balance is used up",
    StopCause.PREEMPTED: "preempted",
    StopCause.PREEMPTED_VM: "preempted",
    StopCause.CANCELLED: "somebody gave it up",
    StopCause.COMPLETED: "an admin declared it done",
    StopCause.TIME_LIMIT: "time limit reached",
    StopCause.DELETED: "somebody deleted it",
}


def of_its_own(row: DeploymentRow, now: int) -> tuple[BlockerLine, ...]:
    """What has happened to it, and what comes of that: how long it may still take to end, when it is tried again."""
    if row.state is State.STOPPING:
        cause = row.reason or _STOPPED_FOR[row.stop_cause or StopCause.USER]
        if row.stop_by is not None and row.stop_by > now:
            return (_tells("stopping", f"{cause}; asked to end, and killed if it has not by then", row.stop_by),)
        return (_tells("stopping", f"{cause}; its engine is told to kill it, and has not shown yet that it is gone"),)
    if row.reason is None:
        return ()
    if row.state is not State.QUEUED:
        return (_tells(row.state.value, row.reason),)
    if row.not_before is not None and row.not_before > now:
        return (_tells(Code.NOT_BEFORE.value, f"{row.reason}; tried again after a pause", row.not_before),)
    return (_tells("earlier", row.reason),)


def _tells(code: str, message: str, earliest_at: int | None = None) -> BlockerLine:
    return BlockerLine(code, message, None, None, (), earliest_at, None)


def _line(blocker: Blocker, holders: tuple[str, ...]) -> BlockerLine:
    return BlockerLine(
        code=blocker.code.value,
        message=blocker.detail or blocker.code.value.replace("_", " "),
        need=amount(blocker.unit, blocker.need),
        have=amount(blocker.unit, blocker.have),
        holders=holders,
        earliest_at=blocker.earliest,
        suggestion=blocker.suggestion or None,
    )


def in_short(blocker: Blocker | None) -> str:
    """The first reason in a few words, for a row of the queue."""
    if blocker is None:
        return "starts next"
    words = (blocker.detail or "gate") if blocker.code is Code.GATE else blocker.code.value
    words = words.replace("_", " ")
    shortage = _line(blocker, ()).shortage
    return f"{words}: {shortage}" if shortage is not None else words


def amount(unit_of: str, value: int | None) -> str | None:
    return None if value is None else counted(unit_of, value)


def handles(unit: Unit, ids: Iterable[str]) -> tuple[str, ...]:
    """Ids as people know them; words such as "another org" stay what they are."""
    known = {row.id: row.handle for row in unit.deployments.by_ids(list(ids))}
    return tuple(known.get(one, one) for one in ids)
