"""Asks the plan for each cluster and writes down what it decided: starts as intents, stops for preemption, pins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.daemon.boards import KeptBoard
from core.daemon.ground import Ground
from core.domain.lifecycle import StopCause, Trigger
from core.ledger.refunds import RefundCause
from core.scheduler.cycle import plan
from core.scheduler.decisions import Plan, Preempt, Start
from core.scheduler.values import Claim
from core.store import settlement
from core.store.moves import Move, move, move_all
from core.store.queries.board import claims_text
from core.store.queries.policy import policy_for
from core.store.repositories.clusters import ClusterRow
from core.store.repositories.deployments import DeploymentRow
from core.store.repositories.runs import AllocationRow, PinRow
from core.store.units import Unit

# So many starts are written in one unit, so that whoever wants to write meanwhile waits no longer than that.
_MOST_STARTS = 500


def plan_cluster(
    ground: Ground, cluster: ClusterRow, board: KeptBoard, foreign: tuple[Claim, ...], *, in_haste: bool = False
) -> int:
    """Decide and write in one unit, so that what was decided on is what is written to. How many moved.

    What is too much for one unit is written in the next ones, as long as nobody else changes the cluster meanwhile. In
    haste nothing is made ready for who may come later.
    """
    try:
        with ground.units.lead(ground.leadership) as unit:
            current = unit.clusters.by_id(cluster.id) or cluster
            if in_haste and board.may_wait(unit, current):
                return 0
            policy = policy_for(unit, ground.settings)
            kept = board.current(unit, current, foreign, policy)
            decided, later = _bounded(plan(kept, policy, unit.now))
            _write(unit, current, decided)
            version = _version(unit, cluster)
        moved = len(decided.starts) + len(decided.preempts) + len(decided.dooms)
        for part in later:
            with ground.units.lead(ground.leadership) as unit:
                if _version(unit, cluster) != version:
                    break  # what was decided may not hold any more: the next pass decides anew
                _write(unit, cluster, part)
                version = _version(unit, cluster)
            moved += len(part.starts)
    except BaseException:
        board.forget()  # what was not committed must not be remembered
        raise
    return moved


def _version(unit: Unit, cluster: ClusterRow) -> int:
    row = unit.clusters.by_id(cluster.id)
    return row.version if row is not None and row.deleted_at is None else 0


def _bounded(decided: Plan) -> tuple[Plan, list[Plan]]:
    """A large plan in parts. Who is to leave is decided when the starts before it are done."""
    starts = decided.starts
    if len(starts) <= _MOST_STARTS:
        return decided, []
    firsts = range(_MOST_STARTS, len(starts), _MOST_STARTS)
    only = replace(decided, preempts=(), dooms=(), unpins=())
    later = [replace(only, starts=starts[first : first + _MOST_STARTS]) for first in firsts]
    return replace(decided, starts=starts[:_MOST_STARTS], preempts=()), later


def _write(unit: Unit, cluster: ClusterRow, decided: Plan) -> None:
    if decided.is_empty:
        return
    rows = {row.id: row for row in unit.deployments.by_ids(_touched(decided))}
    _start(unit, [(rows[start.id], start) for start in decided.starts])
    for preemption in decided.preempts:
        _preempt(unit, rows, cluster, preemption)
    for doom in decided.dooms:
        _fail(unit, rows[doom.id], rows[doom.dependency])
    unit.runs.unpin([unpinned.id for unpinned in decided.unpins])
    unit.clusters.touch(cluster.id)


def _touched(decided: Plan) -> list[str]:
    ids = [start.id for start in decided.starts]
    for preemption in decided.preempts:
        ids += [preemption.for_id, *preemption.victims]
    for doom in decided.dooms:
        ids += [doom.id, doom.dependency]
    return ids


def _start(unit: Unit, starts: Sequence[tuple[DeploymentRow, Start]]) -> None:
    """The intents: a new generation each with its place. The engine hears of them only after this is committed."""
    if not starts:
        return
    moves = [
        Move(row, Trigger.PLACE, None, {"generation": row.generation + 1, "not_before": None}) for row, _ in starts
    ]
    moved = move_all(unit, moves)
    unit.runs.take(
        [
            AllocationRow(
                id=unit.ids.new(),
                org_id=row.org_id,
                deployment_id=row.id,
                generation=row.generation,
                replica=replica,
                node_id=claim.node_id,
                resources=claim.resources,
                shares=claim.shares,
                taken_at=unit.now,
            )
            for row, (_, start) in zip(moved, starts, strict=True)
            for replica, claim in enumerate(start.claims)
        ]
    )
    pinned = {pin.deployment_id for cluster in {row.cluster_id for row in moved} for pin in unit.runs.pins_of(cluster)}
    unit.runs.unpin([row.id for row in moved if row.id in pinned])


def _preempt(unit: Unit, rows: dict[str, DeploymentRow], cluster: ClusterRow, preemption: Preempt) -> None:
    """All victims or none, and the room that they leave is kept for the one they leave it to."""
    preemptor = rows[preemption.for_id]
    for victim_id in preemption.victims:
        victim = rows[victim_id]
        cause = StopCause.PREEMPTED_VM if victim.kind.keeps_disk else StopCause.PREEMPTED
        same_org = victim.org_id == preemptor.org_id
        by = preemptor.handle if same_org else "a deployment of another org"
        move(
            unit,
            victim,
            Trigger.PREEMPT,
            reason=f"preempted by {by}",
            stop_cause=cause,
            stop_by=preemption.grace_until,
            preempted_at=unit.now,
        )
        unit.deployments.note_preemption(
            id=unit.ids.new(), victim_id=victim_id, preemptor_id=preemptor.id, now=unit.now
        )
    unit.runs.pin(PinRow(preemptor.id, cluster.id, claims_text(preemption.claims), preemption.pin_until))


def _fail(unit: Unit, row: DeploymentRow, dependency: DeploymentRow) -> None:
    reason = f"dependency: {dependency.handle} is {dependency.state.value}"
    moved = move(unit, row, Trigger.DEPENDENCY_FAILED, reason=reason)
    settlement.release_hold(unit, moved, RefundCause.DEPENDENCY_FAILED)
