"""What stays too long in a state that should pass: said once, so that a person looks. Nothing is done to it."""

from __future__ import annotations

from core.clock import HOUR, MINUTE
from core.daemon.ground import Ground
from core.domain.lifecycle import State
from core.store.queries import instants
from core.store.repositories.deployments import DeploymentRow

_LONGEST = {State.STARTING: 15 * MINUTE, State.STOPPING: 30 * MINUTE}


def keep(ground: Ground) -> tuple[int, int]:
    with ground.units.look() as unit:
        now = unit.now
        old = unit.deployments.in_states(_LONGEST.keys(), since=now - min(_LONGEST.values()))
        late = [row for row in old if _since(row) + _LONGEST[row.state] <= now]
        untold = [
            row
            for row in late
            if not instants.was_told(unit.connection, "deployment.stuck", row.handle, row.state_since)
        ]
        ahead = [
            oldest + longest
            for state, longest in _LONGEST.items()
            if (oldest := instants.oldest_in(unit.connection, state)) is not None and oldest + longest > now
        ]
    if untold:
        with ground.units.lead(ground.leadership) as unit:
            for row in untold:
                facts: dict[str, object] = {"state": row.state.value, "since": row.state_since}
                unit.record("deployment.stuck", row.handle, after=facts, org_id=row.org_id)
    return 0, min([now + (5 * MINUTE if late else HOUR), *ahead])


def _since(row: DeploymentRow) -> int:
    """A long grace is no delay."""
    return max(row.state_since, row.stop_by or 0)
