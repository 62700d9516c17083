"""Asks the plan for each cluster and writes down what it decided: starts as intents, stops for preemption, pins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from core.daemon.boards import KeptBoard, changes_all
from core.daemon.ground import Ground
from core.domain.lifecycle import StopCause, Trigger
from core.ledger.refunds import RefundCause
from core.scheduler.cycle import plan
from core.scheduler.decisions import Plan, Preempt, Start
from core.scheduler.values import Claim
from core.store import feed, settlement
from core.store.moves import Move, move, move_all
from core.store.queries.board import claims_text
from core.store.queries.policy import policy_for
from core.store.repositories.clusters import ClusterRow
from core.store.repositories.deployments import DeploymentRow
from core.store.repositories.runs import AllocationRow, PinRow
from core.store.units import Unit

# So many starts are written in one unit, so that whoever wants to write meanwhile waits no longer than that.
_MOST_STARTS = 500


@dataclass(slots=True)
class _Decided:
    """A plan, and what it was decided on: all news up to `seq`, by the leader of `epoch`."""

    plan: Plan
    epoch: int | None
    seq: int
    _named: set[str] = field(default_factory=set)

    def holds(self, ground: Ground, unit: Unit, rows: Iterable[DeploymentRow]) -> bool:
        """Whether nothing has happened since that concerns these, or all of them. Nobody but a leader takes room."""
        if ground.leadership.epoch != self.epoch or not feed.is_kept(unit.connection, self.seq):
            return False
        news = feed.behind(unit.connection, self.seq)
        if any(map(changes_all, news)):
            return False
        self._named.update(event.subject for event in news)
        self.seq = news[-1].seq if news else self.seq
        return self._named.isdisjoint(row.handle for row in rows)


def plan_cluster(
    ground: Ground, cluster: ClusterRow, board: KeptBoard, foreign: tuple[Claim, ...], *, in_haste: bool = False
) -> int:
    """Decide while others write, and write what still holds by then. How many moved.

    What is too much for one unit is written in several. In haste nothing is made ready for who may come later.
    """
    try:
        with ground.units.look() as unit:
            if in_haste and board.may_wait(unit, unit.clusters.by_id(cluster.id) or cluster):
                return 0
            decided = _decide(ground, unit, cluster, board, foreign)
        moved = 0
        for part in _in_parts(decided.plan):
            with ground.units.lead(ground.leadership) as unit:
                rows = {row.id: row for row in unit.deployments.by_ids(_touched(part))}
                if decided.holds(ground, unit, rows.values()):
                    moved += _write(unit, cluster, part, rows)
                elif moved:
                    break  # the next pass decides on the rest anew
                else:  # whoever changes things all the time must not keep it from ever coming to a decision
                    return _decide_and_write(ground, unit, cluster, board, foreign)
    except BaseException:
        board.forget()  # what was not committed must not be remembered
        raise
    return moved


def _decide(ground: Ground, unit: Unit, cluster: ClusterRow, board: KeptBoard, foreign: tuple[Claim, ...]) -> _Decided:
    epoch, policy = ground.leadership.epoch, policy_for(unit, ground.settings)
    kept = board.current(unit, unit.clusters.by_id(cluster.id) or cluster, foreign, policy)
    return _Decided(plan(kept, policy, unit.now), epoch, board.seq)


def _decide_and_write(
    ground: Ground, unit: Unit, cluster: ClusterRow, board: KeptBoard, foreign: tuple[Claim, ...]
) -> int:
    """In one unit, so that nobody comes between: as much as fits into it."""
    for part in _in_parts(_decide(ground, unit, cluster, board, foreign).plan)[:1]:
        return _write(unit, cluster, part, {row.id: row for row in unit.deployments.by_ids(_touched(part))})
    return 0


def _in_parts(decided: Plan) -> list[Plan]:
    """None where there is nothing to write. Of a large plan, who is to leave is decided when the starts are done."""
    starts = decided.starts
    if decided.is_empty:
        return []
    if len(starts) <= _MOST_STARTS:
        return [decided]
    only = replace(decided, preempts=(), dooms=(), unpins=())
    firsts = range(_MOST_STARTS, len(starts), _MOST_STARTS)
    later = [replace(only, starts=starts[first : first + _MOST_STARTS]) for first in firsts]
    return [replace(decided, starts=starts[:_MOST_STARTS], preempts=()), *later]


def _write(unit: Unit, cluster: ClusterRow, decided: Plan, rows: Mapping[str, DeploymentRow]) -> int:
    _start(unit, [(rows[start.id], start) for start in decided.starts])
    for preemption in decided.preempts:
        _preempt(unit, rows, cluster, preemption)
    for doom in decided.dooms:
        _fail(unit, rows[doom.id], rows[doom.dependency])
    unit.runs.unpin([unpinned.id for unpinned in decided.unpins])
    unit.clusters.touch(cluster.id)
    return len(decided.starts) + len(decided.preempts) + len(decided.dooms)


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


def _preempt(unit: Unit, rows: Mapping[str, DeploymentRow], cluster: ClusterRow, preemption: Preempt) -> None:
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
    reason = f"dependency: {dependency.name} ({dependency.handle}) ended as {dependency.state.value}"
    moved = move(unit, row, Trigger.DEPENDENCY_FAILED, reason=reason)
    settlement.release_hold(unit, moved, RefundCause.DEPENDENCY_FAILED)
