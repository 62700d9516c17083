"""What the plan sees of one cluster, as the store has it: nodes, what holds them, what waits, what is pinned."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from sqlalchemy import bindparam, func, select

from core.clock import DAY
from core.domain.kinds import Kind as DeploymentKind
from core.domain.lifecycle import HOLDS_CAPACITY, State
from core.domain.resources import Resources
from core.ledger.amounts import NOTHING, Book
from core.ledger.refunds import RefundCause
from core.scheduler.board import Board
from core.scheduler.values import WHOLE, Claim, Dependency, Device, Gate, Holding, Node, NodeState, Pin, Waiting
from core.store.fixed import Fixed
from core.store.repositories.clusters import ClusterRow, NodeRow
from core.store.repositories.deployments import DependencyRow, DeploymentRow, deployments
from core.store.repositories.runs import AllocationRow, PinRow, runs
from core.store.units import Unit

JOB = DeploymentKind.JOB
_RUN_OUT = Gate("credits_used_up", suggestion="an admin can grant more: bursar grant USER --credits N")
_DONE_WELL = frozenset({State.COMPLETED})
_NOT_OVER = frozenset(
    {State.AWAITING_APPROVAL, State.QUEUED, State.STARTING, State.RUNNING, State.SUSPENDED, State.STOPPING}
)


def board_of(unit: Unit, cluster: ClusterRow, foreign: tuple[Claim, ...] = ()) -> Board:
    """Built once; from then on it is moved by events."""
    holding = unit.deployments.in_states(HOLDS_CAPACITY, cluster.id)
    waiting = unit.deployments.in_states({State.QUEUED}, cluster.id)
    seats, queue = entries_of(unit, cluster, [*holding, *waiting])
    return Board(
        nodes=[node_value(node) for node in unit.clusters.nodes_of(cluster.id)],
        holdings=seats,
        waiting=queue,
        pins=[pin_value(pin) for pin in unit.runs.pins_of(cluster.id)],
        foreign=foreign,
        last_ended_at=last_ended_at(unit, cluster, queue),
        version=cluster.version,
    )


def is_waited_at(unit: Unit, cluster: ClusterRow) -> bool:
    """Whether a plan could decide anything there: somebody waits, or a place is kept for somebody."""
    return bool(_FIRST_WAITING.rows(unit.connection, {"cluster": cluster.id}) or unit.runs.pins_of(cluster.id))


def entries_of(unit: Unit, cluster: ClusterRow, rows: Sequence[DeploymentRow]) -> tuple[list[Holding], list[Waiting]]:
    """What these deployments are on the board of their cluster; those that neither hold nor wait are left out."""
    holding = [row for row in rows if row.state in HOLDS_CAPACITY]
    waiting = [row for row in rows if row.state is State.QUEUED]
    places = _by_deployment(unit.runs.allocations_of([row.id for row in holding]))
    preempted = unit.deployments.preemptions_since(unit.now - DAY)
    dependencies = _dependencies(unit.deployments.dependencies_of([row.id for row in waiting]))
    holds = unit.ledger.holds_left([row.id for row in [*holding, *waiting]])
    pinned_for = {row.deployment_id for row in unit.runs.pins_of(cluster.id)}
    preemptors = {victim: by for victim, by in _pinned_victims(unit, holding) if by in pinned_for}
    run_out = _run_out(unit, waiting)
    seats = [
        holding_value(
            row,
            places[row.id],
            preemptions=preempted.get(row.id, 0),
            hold=holds.get(row.id, NOTHING).ucr,
            pinned_for=preemptors.get(row.id),
        )
        for row in holding
        if row.id in places
    ]
    queue = [
        waiting_value(
            row,
            dependencies.get(row.id, ()),
            preemptions=preempted.get(row.id, 0),
            hold=holds.get(row.id, NOTHING).ucr,
            gates=(*gates_of(cluster), *((_RUN_OUT,) if row.id in run_out else ())),
        )
        for row in waiting
    ]
    return seats, queue


def last_ended_at(unit: Unit, cluster: ClusterRow, waiting: Iterable[Waiting]) -> int:
    """When the last run ended there that was not preempted; only asked where somebody waits who was preempted."""
    if all(item.preempted_at is None for item in waiting):
        return 0
    ended = select(func.max(runs.c.ended_at)).where(
        runs.c.cluster_id == cluster.id, runs.c.end_cause != RefundCause.PREEMPTED.value
    )
    return int(unit.connection.execute(ended).scalar() or 0)


def _run_out(unit: Unit, waiting: Sequence[DeploymentRow]) -> set[str]:
    """What has no hold and would draw on a wallet that is used up: it would have to be stopped again."""
    found: set[str] = set()
    known: dict[tuple[str, str, Book], bool] = {}
    for row in waiting:
        if row.kind is JOB:
            continue
        for book in (Book.CREDITS, *((Book.GPU_TIME,) if row.resources.gpu_milli else ())):
            whose = (row.org_id, row.purse, book)
            if whose not in known:
                known[whose] = unit.standings.of(*whose).refuses_submissions
            if known[whose]:
                found.add(row.id)
    return found


def node_value(row: NodeRow) -> Node:
    whole, part = divmod(row.totals.gpu_milli, WHOLE)
    devices = (Device(row.gpu_model or ""),) * whole + ((Device(row.gpu_model or "", part),) if part else ())
    labels = frozenset(f"{key}={value}" for key, value in row.labels.items())
    return Node(row.id, row.name, row.totals, devices, labels, NodeState(row.state))


def holding_value(
    row: DeploymentRow,
    places: tuple[Claim, ...],
    *,
    preemptions: int = 0,
    hold: int = 0,
    pinned_for: str | None = None,
) -> Holding:
    return Holding(
        id=row.id,
        org=row.org_id,
        member=row.owner_id,
        kind=row.kind,
        claims=places,
        started_at=row.started_at or row.state_since,
        priority=row.priority,
        limit_ms=row.limit_ms,
        preemptible=row.state in (State.RUNNING, State.SUSPENDED),
        preemptions=preemptions,
        ending_by=(row.stop_by or row.state_since) if row.state is State.STOPPING else None,
        pinned_for=pinned_for,
        hold=hold,
    )


def waiting_value(
    row: DeploymentRow,
    after: tuple[Dependency, ...] = (),
    *,
    preemptions: int = 0,
    hold: int = 0,
    gates: tuple[Gate, ...] = (),
) -> Waiting:
    return Waiting(
        id=row.id,
        org=row.org_id,
        member=row.owner_id,
        kind=row.kind,
        resources=row.resources,
        submitted_at=row.submitted_at,
        priority=row.priority,
        replicas=row.replicas,
        gpu_models=frozenset({row.gpu_model}) if row.gpu_model else frozenset(),
        limit_ms=row.limit_ms,
        eligible_since=row.eligible_since,
        not_before=row.not_before,
        after=after,
        gates=gates,
        preemptions=preemptions,
        preempted_at=row.preempted_at,
        hold=hold,
    )


def pin_value(row: PinRow) -> Pin:
    return Pin(row.deployment_id, claims_of(row.claims), row.expires_at)


def claims_text(claims: tuple[Claim, ...]) -> str:
    return json.dumps([[claim.node_id, asdict(claim.resources), claim.shares] for claim in claims])


def claims_of(text: str) -> tuple[Claim, ...]:
    return tuple(
        Claim(node_id, Resources(**amounts), tuple((index, milli) for index, milli in shares))
        for node_id, amounts, shares in json.loads(text)
    )


def claim_of(row: AllocationRow) -> Claim:
    return Claim(row.node_id, row.resources, row.shares)


_FIRST_WAITING = Fixed(
    select(deployments.c.id)
    .where(deployments.c.cluster_id == bindparam("cluster"), deployments.c.state == State.QUEUED.value)
    .limit(1)
)


def _by_deployment(rows: list[AllocationRow]) -> Mapping[str, tuple[Claim, ...]]:
    found: dict[str, tuple[Claim, ...]] = {}
    for row in rows:
        found[row.deployment_id] = (*found.get(row.deployment_id, ()), claim_of(row))
    return found


def dependency_value(after_id: str, state: State, *, any_outcome: bool) -> Dependency:
    """A stopped one may be started again, but nobody who waits for it can count on that."""
    succeeded = None if state in _NOT_OVER else state in _DONE_WELL
    return Dependency(after_id, needs_success=not any_outcome, succeeded=succeeded)


def _dependencies(rows: list[DependencyRow]) -> dict[str, tuple[Dependency, ...]]:
    found: dict[str, tuple[Dependency, ...]] = {}
    for row in rows:
        dependency = dependency_value(row.after_id, row.after_state, any_outcome=row.any_outcome)
        found[row.deployment_id] = (*found.get(row.deployment_id, ()), dependency)
    return found


def _pinned_victims(unit: Unit, holding: list[DeploymentRow]) -> list[tuple[str, str]]:
    """Who is being stopped for whom."""
    victims = [row for row in holding if row.state is State.STOPPING and row.preempted_at is not None]
    pairs = []
    for row in victims:
        by = unit.deployments.preempted_by(row.id)
        if by:
            pairs.append((row.id, by[-1][0]))
    return pairs


def gates_of(cluster: ClusterRow) -> tuple[Gate, ...]:
    """What keeps everything on a cluster waiting that has not started."""
    if cluster.state == "paused":
        return (Gate("paused", suggestion="an admin starts the cluster again with `bursar unpause`"),)
    return ()
