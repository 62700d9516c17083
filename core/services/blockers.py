"""The scheduler's reasons and ids in the words of people: amounts with their unit, handles instead of keys."""

from __future__ import annotations

from collections.abc import Iterable

from core.domain.lifecycle import State
from core.scheduler.advice import counted
from core.scheduler.decisions import Blocker
from core.store import leases
from core.store.queries import health
from core.store.repositories.clusters import ClusterRow
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
    words = blocker.code.value.replace("_", " ")
    shortage = _line(blocker, ()).shortage
    return f"{words}: {shortage}" if shortage is not None else words


def amount(unit_of: str, value: int | None) -> str | None:
    return None if value is None else counted(unit_of, value)


def handles(unit: Unit, ids: Iterable[str]) -> tuple[str, ...]:
    """Ids as people know them; words such as "another org" stay what they are."""
    known = {row.id: row.handle for row in unit.deployments.by_ids(list(ids))}
    return tuple(known.get(one, one) for one in ids)
