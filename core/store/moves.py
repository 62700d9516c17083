"""The one door through which a deployment changes its state: by the table, against the state it was in, on record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import update

from core.domain.errors import Conflict
from core.domain.lifecycle import FINAL, State, StopCause, Trigger, after
from core.store.repositories.deployments import DeploymentRow, deployments
from core.store.units import Unit


def move(
    unit: Unit, row: DeploymentRow, trigger: Trigger, *, reason: str | None = None, **changes: Any
) -> DeploymentRow:
    """Move `row` by `trigger`; Conflict where the table knows no way, or where somebody was faster."""
    target = after(row.state, trigger)
    values: dict[str, Any] = {"updated_at": unit.now, "reason": reason, **changes}
    if target is not row.state:
        values["state_since"] = unit.now
    if target is not State.STOPPING:
        values.update(stop_cause=None, stop_by=None)
    if target in FINAL or target is State.STOPPED:
        values.setdefault("ended_at", unit.now)
    stored = {**values, "state": target.value}
    cause = stored.get("stop_cause")
    stored["stop_cause"] = cause.value if isinstance(cause, StopCause) else None
    guarded = update(deployments).where(deployments.c.id == row.id, deployments.c.state == row.state.value)
    if unit.connection.execute(guarded.values(stored)).rowcount != 1:
        raise Conflict("changed_meanwhile", f"{row.handle} has just changed", "look at it again and repeat")
    after_facts: dict[str, object] = {"state": target.value, "trigger": trigger.value}
    if reason is not None:
        after_facts["reason"] = reason
    unit.record(f"deployment.{trigger.value}", row.handle, {"state": row.state.value}, after_facts, org_id=row.org_id)
    return replace(row, state=target, **values)
