"""What an observation makes of a deployment: running, finished, failed, gone. Money and capacity follow each move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.clock import MINUTE
from core.domain.engines import Observed
from core.domain.kinds import Kind
from core.domain.lifecycle import PROOF_OF, State, StopCause, Trigger
from core.ledger.refunds import RefundCause
from core.store import settlement
from core.store.moves import move
from core.store.repositories.deployments import DeploymentRow
from core.store.units import Unit

REFUND_FOR_STOP: dict[StopCause, RefundCause] = {
    StopCause.USER: RefundCause.STOPPED,
    StopCause.RUN_OUT: RefundCause.RUN_OUT,
    StopCause.PREEMPTED: RefundCause.PREEMPTED,
    StopCause.PREEMPTED_VM: RefundCause.PREEMPTED,
    StopCause.CANCELLED: RefundCause.CANCELLED,
    StopCause.COMPLETED: RefundCause.COMPLETED,
    StopCause.TIME_LIMIT: RefundCause.TIME_LIMIT,
    StopCause.DELETED: RefundCause.CANCELLED,
}

# So often in all a deployment that the engine loses is started again.
MOST_LOSSES = 2
_SHORTEST_PAUSE, _LONGEST_PAUSE = MINUTE // 2, 10 * MINUTE

# However it ended meanwhile: who asked for this does not want it back.
ENDS_ANYWAY = frozenset({StopCause.CANCELLED, StopCause.DELETED})


def saw_running(unit: Unit, row: DeploymentRow, started_at: int) -> DeploymentRow:
    """Proved to run: from the engine's own start it is metered."""
    moved = move(unit, row, Trigger.SEEN_RUNNING, started_at=started_at, ended_at=None, attempts=0)
    place = unit.runs.allocations_of([row.id])
    models = {node.id: node.gpu_model for node in unit.clusters.nodes_of(row.cluster_id)}
    settlement.open_run(unit, moved, started_at, models[place[0].node_id] if place else None)
    unit.clusters.touch(row.cluster_id)
    return moved


def finished(unit: Unit, row: DeploymentRow, seen: Sequence[Observed]) -> None:
    """It ended by itself. A gang is as good as its worst member."""
    ended_at = max(found.finished_at or unit.now for found in seen)
    worst = next((found for found in seen if found.exit_code != 0), seen[0])
    well = worst.exit_code == 0
    trigger = Trigger.SEEN_FINISHED if well else Trigger.SEEN_FAILED
    reason = None if well else _why_it_failed(worst)
    moved = move(unit, row, trigger, reason=reason, exit_code=worst.exit_code, ended_at=ended_at)
    cause = RefundCause.COMPLETED if well else RefundCause.USER_EXIT
    settlement.end_run(unit, moved, ended_at=ended_at, cause=cause, event=f"{row.handle}:{trigger.value}")
    unit.clusters.touch(row.cluster_id)


def gone(unit: Unit, row: DeploymentRow, ended_at: int, message: str, *, by_somebody: bool = False) -> None:
    """It was running and is no more, and nobody here asked for that. Nobody starts it again; its owner is told.

    What somebody switched off ran until then; what vanished is taken for our failure, and paid for by us.
    """
    moved = move(unit, row, Trigger.SEEN_GONE, reason=f"external: {message}", ended_at=ended_at)
    cause = RefundCause.STOPPED if by_somebody else RefundCause.ENGINE_FAILED
    event = f"{row.handle}:{Trigger.SEEN_GONE.value}"
    settlement.end_run(unit, moved, ended_at=ended_at, cause=cause, event=event)
    unit.clusters.touch(row.cluster_id)


def lost(unit: Unit, row: DeploymentRow, ended_at: int, message: str) -> None:
    """The engine itself says that it failed: given back, and tried again a few times. A VM waits with its disk."""
    failures = sum(run.end_cause == RefundCause.ENGINE_FAILED.value for run in unit.runs.of_deployment(row.id))
    if row.kind.keeps_disk or failures >= MOST_LOSSES:
        gone(unit, row, ended_at, message)
        return
    pause = pause_after(failures + 1)
    values = {"ended_at": None, "started_at": None, "not_before": unit.now + pause, "eligible_since": unit.now}
    moved = move(unit, row, Trigger.REQUEUE, reason=f"engine: {message}", **values)
    event = f"{row.handle}:{Trigger.REQUEUE.value}"
    settlement.end_run(unit, moved, ended_at=ended_at, cause=RefundCause.ENGINE_FAILED, event=event)
    settlement.restore_hold(unit, moved)
    unit.clusters.touch(row.cluster_id)


def pause_after(failures: int) -> int:
    """How long to wait before the next attempt: 30 seconds, then twice as long each time, at most 10 minutes."""
    return min(_LONGEST_PAUSE, _SHORTEST_PAUSE << min(failures - 1, 10))


def stopped(unit: Unit, row: DeploymentRow, ended_at: int) -> None:
    """Its absence is proved: it becomes what it was stopped for."""
    cause = row.stop_cause or StopCause.USER
    trigger, notice_at = PROOF_OF[cause], row.state_since
    reason = "time limit reached" if cause is StopCause.TIME_LIMIT else row.reason
    changes: dict[str, Any] = {"ended_at": ended_at}
    if cause is StopCause.PREEMPTED:
        changes = {"ended_at": None, "started_at": None, "eligible_since": unit.now}
    moved = move(unit, row, trigger, reason=reason, **changes)
    refund = REFUND_FOR_STOP[cause]
    event = f"{row.handle}:{trigger.value}"
    settlement.end_run(unit, moved, ended_at=ended_at, cause=refund, event=event, notice_at=notice_at)
    if moved.state is State.QUEUED:
        settlement.restore_hold(unit, moved)
    elif refund is RefundCause.PREEMPTED and row.kind is not Kind.JOB:
        settlement.release_hold(unit, moved, refund)
    unit.clusters.touch(row.cluster_id)


def _why_it_failed(found: Observed) -> str:
    if found.oom:
        return "out of memory: it used more than it asked for"
    if found.signal is not None:
        return f"ended by signal {found.signal}"
    if found.exit_code is None:
        return found.message or "it ended, and how is not known"
    return f"exit status {found.exit_code}"
