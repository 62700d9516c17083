"""The one door through which deployments change state: by the table, against the state they were in, on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import bindparam, update

from core.domain.errors import Conflict
from core.domain.lifecycle import FINAL, State, StopCause, Trigger, after
from core.store.fixed import Fixed
from core.store.repositories.deployments import DeploymentRow, deployments
from core.store.units import Unit

# Not the names of columns, so that they cannot be taken for what is to be written.
_ID, _BEFORE = "moved_id", "state_before"


@dataclass(frozen=True, slots=True)
class Move:
    row: DeploymentRow
    trigger: Trigger
    reason: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)


def move(
    unit: Unit, row: DeploymentRow, trigger: Trigger, *, reason: str | None = None, **changes: Any
) -> DeploymentRow:
    """Move `row` by `trigger`; Conflict where the table knows no way, or where somebody was faster."""
    return move_all(unit, [Move(row, trigger, reason, changes)])[0]


def move_all(unit: Unit, moves: Sequence[Move]) -> list[DeploymentRow]:
    """All of them, each deployment once, with a statement for each kind of move; or a Conflict and none."""
    moved: list[DeploymentRow] = []
    parts: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for one in moves:
        row, values = one.row, _values(unit, one)
        stored = {**values, "state": values["state"].value, _ID: row.id, _BEFORE: row.state.value}
        cause = stored["stop_cause"]
        stored["stop_cause"] = cause.value if isinstance(cause, StopCause) else None
        parts.setdefault(tuple(values), []).append(stored)
        moved.append(row._replace(**values))
    for columns, rows in parts.items():
        if _guarded(columns).run(unit.connection, rows) != len(rows):
            raise _changed_meanwhile(unit, moves)
    for one, now in zip(moves, moved, strict=True):
        facts: dict[str, object] = {"state": now.state.value, "trigger": one.trigger.value}
        if one.reason is not None:
            facts["reason"] = one.reason
        before: dict[str, object] = {"state": one.row.state.value}
        unit.record(f"deployment.{one.trigger.value}", now.handle, before, facts, org_id=now.org_id)
    return moved


def _values(unit: Unit, one: Move) -> dict[str, Any]:
    target = after(one.row.state, one.trigger)
    values: dict[str, Any] = {"state": target, "updated_at": unit.now, "reason": one.reason, "stop_cause": None}
    values.update(one.changes)
    if target is not one.row.state:
        values["state_since"] = unit.now
    if target is not State.STOPPING:
        values.update(stop_cause=None, stop_by=None)
    if target in FINAL or target is State.STOPPED:
        values.setdefault("ended_at", unit.now)
    return values


@cache
def _guarded(columns: tuple[str, ...]) -> Fixed:
    """Only where it is still in the state that was seen."""
    this = update(deployments).where(deployments.c.id == bindparam(_ID), deployments.c.state == bindparam(_BEFORE))
    return Fixed(this, (*columns, _ID, _BEFORE))


def _changed_meanwhile(unit: Unit, moves: Sequence[Move]) -> Conflict:
    """Names the one that was not moved."""
    wanted = {one.row.id: after(one.row.state, one.trigger) for one in moves}
    now = {row.id: row.state for row in unit.deployments.by_ids(list(wanted))}
    rows = [one.row for one in moves]
    changed = next((row for row in rows if now.get(row.id) is not wanted[row.id]), rows[0])
    return Conflict("changed_meanwhile", f"{changed.handle} has just changed", "look at it again and repeat")
