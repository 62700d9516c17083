"""The scheduler's reasons and ids in the words of people: amounts with their unit, handles instead of keys."""

from __future__ import annotations

from collections.abc import Iterable

from core.scheduler.advice import counted
from core.scheduler.decisions import Blocker
from core.store.units import Unit
from core.views.foresight import BlockerLine


def lines_of(unit: Unit, blockers: Iterable[Blocker]) -> tuple[BlockerLine, ...]:
    return tuple(_line(blocker, handles(unit, blocker.holders)) for blocker in blockers)


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
