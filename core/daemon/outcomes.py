"""What an observation makes of a deployment: running, finished, failed, gone. Money and capacity follow each move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from core.clock import MINUTE
from core.domain.engines import Observed
from core.domain.kinds import Kind
from core.domain.lifecycle import PROOF_OF, State, StopCause, Trigger
from core.ledger.refunds import RefundCause
from core.store import settlement
from core.store.moves import Move, move_all
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


@dataclass(slots=True)
class Outcomes:
    """Gathers what was seen of many deployments, and writes it together: a few statements for all of them.

    Each deployment is told of once. What was gathered and not written has not happened.
    """

    unit: Unit
    _beginnings: list[tuple[DeploymentRow, int]] = field(default_factory=list)
    _short: list[tuple[DeploymentRow, int, Sequence[Observed]]] = field(default_factory=list)
    _ends: list[_End] = field(default_factory=list)

    def running(self, row: DeploymentRow, started_at: int) -> None:
        """Proved to run: from the engine's own start it is metered."""
        self._beginnings.append((row, self._sure(row, started_at)))

    def ran(self, row: DeploymentRow, started_at: int, seen: Sequence[Observed]) -> None:
        """It was over before it was first seen."""
        self._short.append((row, self._sure(row, started_at), seen))

    def _sure(self, row: DeploymentRow, started_at: int) -> int:
        """Not before the start was asked for and not later than now, whatever the engine's clock says."""
        return min(max(started_at, row.state_since), self.unit.now)

    def finished(self, row: DeploymentRow, seen: Sequence[Observed]) -> None:
        """It ended by itself. A gang is as good as its worst member, which is the first that failed."""
        ended_at = max(found.finished_at or self.unit.now for found in seen)
        worst = min(seen, key=lambda found: (found.exit_code == 0, found.finished_at or ended_at))
        well = worst.exit_code == 0
        trigger = Trigger.SEEN_FINISHED if well else Trigger.SEEN_FAILED
        changes = {"exit_code": worst.exit_code, "ended_at": ended_at}
        why = _why_it_failed(worst)
        if row.replicas > 1 and worst.token is not None:
            why = f"replica {worst.token.rank}: {why}"
        move = Move(row, trigger, None if well else why, changes)
        self._ends.append(_End(move, ended_at, RefundCause.COMPLETED if well else RefundCause.USER_EXIT))

    def gone(self, row: DeploymentRow, ended_at: int, message: str, *, by_somebody: bool = False) -> None:
        """It was running and is no more, and nobody here asked for that. Nobody starts it again; its owner is told.

        What somebody switched off ran until then; what vanished is taken for our failure, and paid for by us.
        """
        move = Move(row, Trigger.SEEN_GONE, f"external: {message}", {"ended_at": ended_at})
        self._ends.append(_End(move, ended_at, RefundCause.STOPPED if by_somebody else RefundCause.ENGINE_FAILED))

    def lost(self, row: DeploymentRow, ended_at: int, message: str) -> None:
        """The engine itself says that it failed: given back, and tried again a few times. A VM waits with its disk."""
        runs = self.unit.runs.of_deployment(row.id)
        failures = sum(run.end_cause == RefundCause.ENGINE_FAILED.value for run in runs)
        if row.kind.keeps_disk or failures >= MOST_LOSSES:
            self.gone(row, ended_at, message)
            return
        now = self.unit.now
        pause = {"not_before": now + pause_after(failures + 1), "eligible_since": now}
        move = Move(row, Trigger.REQUEUE, f"engine: {message}", {"ended_at": None, "started_at": None, **pause})
        self._ends.append(_End(move, ended_at, RefundCause.ENGINE_FAILED))

    def stopped(self, row: DeploymentRow, ended_at: int) -> None:
        """Its absence is proved: it becomes what it was stopped for."""
        cause = row.stop_cause or StopCause.USER
        reason = "time limit reached" if cause is StopCause.TIME_LIMIT else row.reason
        changes: dict[str, Any] = {"ended_at": ended_at}
        if cause is StopCause.PREEMPTED:
            changes = {"ended_at": None, "started_at": None, "eligible_since": self.unit.now}
        move = Move(row, PROOF_OF[cause], reason, changes)
        self._ends.append(_End(move, ended_at, REFUND_FOR_STOP[cause], row.state_since))

    def refused(self, row: DeploymentRow, code: str, message: str) -> None:
        """The engine will never run it: it has failed before it began."""
        move = Move(row, Trigger.SEEN_FAILED, f"{code}: {message}")
        self._ends.append(_End(move, self.unit.now, RefundCause.ENGINE_FAILED, about=code))

    def write(self) -> None:
        unit = self.unit
        begun = [*self._beginnings, *((row, started) for row, started, _ in self._short)]
        ran = _see_running(unit, begun)[len(self._beginnings) :]
        for row, (_, _, seen) in zip(ran, self._short, strict=True):
            self.finished(row, seen)
        _write_ends(unit, self._ends)
        for cluster_id in dict.fromkeys(row.cluster_id for row in [*(r for r, _ in begun), *self._ended_rows()]):
            unit.clusters.touch(cluster_id)
        self._beginnings, self._short, self._ends = [], [], []

    def _ended_rows(self) -> list[DeploymentRow]:
        return [end.move.row for end in self._ends]


@dataclass(frozen=True, slots=True)
class _End:
    move: Move
    ended_at: int
    cause: RefundCause
    notice_at: int | None = None
    about: str | None = None  # what happened, where that is not the name of the move

    @property
    def event(self) -> str:
        return f"{self.move.row.handle}:{self.about or self.move.trigger.value}"


def _see_running(unit: Unit, begun: Sequence[tuple[DeploymentRow, int]]) -> list[DeploymentRow]:
    if not begun:
        return []
    values = {"ended_at": None, "attempts": 0}
    moves = [Move(row, Trigger.SEEN_RUNNING, None, {"started_at": at, **values}) for row, at in begun]
    moved = move_all(unit, moves)
    models = unit.runs.gpu_models_of([row.id for row in moved])
    beginnings = [settlement.Beginning(row, at, models.get(row.id)) for row, (_, at) in zip(moved, begun, strict=True)]
    settlement.open_runs(unit, beginnings)
    return moved


def _write_ends(unit: Unit, ends: Sequence[_End]) -> None:
    """Money and capacity follow each move; what starts over needs its whole time again."""
    if not ends:
        return
    moved = move_all(unit, [end.move for end in ends])
    settlement.end_runs(
        unit,
        [
            settlement.Ending(row, end.ended_at, end.cause, end.event, end.notice_at)
            for row, end in zip(moved, ends, strict=True)
        ],
    )
    for row, end in zip(moved, ends, strict=True):
        if row.state is State.QUEUED:
            settlement.restore_hold(unit, row)
        elif end.cause is RefundCause.PREEMPTED and row.kind is not Kind.JOB:
            settlement.release_hold(unit, row, end.cause)


def pause_after(failures: int) -> int:
    """How long to wait before the next attempt: 30 seconds, then twice as long each time, at most 10 minutes."""
    return min(_LONGEST_PAUSE, _SHORTEST_PAUSE << min(failures - 1, 10))


def _why_it_failed(found: Observed) -> str:
    if found.oom:
        return "out of memory: it used more than it asked for"
    if found.signal is not None:
        return f"ended by signal {found.signal}"
    if found.exit_code is None:
        return found.message or "it ended, and how is not known"
    return f"exit status {found.exit_code}"
