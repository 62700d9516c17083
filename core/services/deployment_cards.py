"""Deployments as people see them: where they stand, what they hold, what they cost."""

from __future__ import annotations

from collections.abc import Sequence

from core.domain.engines import Registry, Use
from core.domain.environment import masked
from core.domain.errors import BursarError
from core.domain.flavors import RunRate
from core.domain.lifecycle import State, Trigger, has_open_run
from core.domain.roles import Permission, allows
from core.ledger.amounts import NOTHING, Amounts
from core.ledger.meter import WHOLE, hourly, prices_after
from core.store import settlement
from core.store.repositories.deployments import DeploymentRow
from core.store.repositories.instances import InstanceRow
from core.store.repositories.runs import RunRow
from core.store.units import Unit
from core.views.money import Sum
from core.views.work import DeploymentCard, DeploymentLine, FollowedLine, InstanceCard, NextStep, RunLineView

_DECISIONS = frozenset({Trigger.APPROVE, Trigger.REJECT, Trigger.COMPLETE})  # not offered to whom they would be refused


def card(
    unit: Unit,
    row: DeploymentRow,
    registry: Registry | None = None,
    *,
    just_held: Amounts | None = None,
    may_follow: bool = True,
) -> DeploymentCard:
    """`just_held` is given for what has just been submitted: then nothing else is known of it yet."""
    cluster = unit.clusters.by_id(row.cluster_id)
    may_suspend = cluster is None or registry is None or _may_suspend(registry, cluster.driver)
    # What was never placed has neither runs nor a place, and so no cost.
    was_placed = row.generation > 0
    runs = unit.runs.of_deployment(row.id) if was_placed else []
    node, devices = _place(unit, row) if was_placed else (None, ())
    rate = _rate(unit, row, runs)
    foretold = unit.estimates.of(row.id) if row.state is State.QUEUED and just_held is None else None
    position, told = foretold or (None, None)
    return DeploymentCard(
        id=row.handle,
        name=row.name,
        org=_org_name(unit, row.org_id),
        owner=_owner_name(unit, row.owner_id),
        kind=row.kind,
        state=row.state,
        cluster=cluster.name if cluster else "",
        node=node,
        image=row.image,
        command=row.command,
        flavor=row.flavor,
        cpu_milli=row.resources.cpu_milli,
        ram_mib=row.resources.ram_mib,
        gpu_milli=row.resources.gpu_milli,
        gpu_model=row.gpu_model,
        gpu_devices=devices,
        disk_mib=row.resources.disk_mib,
        replicas=row.replicas,
        priority=row.priority,
        hours_ms=row.limit_ms,
        labels=dict(row.labels),
        env=masked(row.env),
        public_ip=row.public_ip,
        created_at=row.created_at,
        updated_at=row.updated_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        exit_code=row.exit_code,
        reason=row.reason,
        position=position,
        estimate=told.p50 if told else None,
        rate=as_sum(hourly(rate)),
        cost=as_sum(cost_until_now(unit, row, runs) if was_placed else NOTHING),
        held=as_sum(just_held if just_held is not None else _held(unit, row)),
        after=_followed(unit, row) if may_follow else (),
        runs=tuple(_run_view(unit, run) for run in runs),
        next=_next_steps(unit, row, rate, may_suspend=may_suspend),
        version=cluster.version if cluster else 0,
        instances=tuple(_instance_card(shown, row) for shown in unit.instances.of(row.id)) if was_placed else (),
        pays_now=_pays_now(runs),
    )


def _followed(unit: Unit, row: DeploymentRow) -> tuple[FollowedLine, ...]:
    found = sorted(unit.deployments.dependencies_of([row.id]), key=lambda followed: followed.after_id)
    return tuple(
        FollowedLine(one.after_handle, one.after_name, one.after_state, "any" if one.any_outcome else "ok")
        for one in found
    )


def _next_steps(unit: Unit, row: DeploymentRow, rate: RunRate, *, may_suspend: bool) -> tuple[NextStep, ...]:
    decides = allows(unit.me, Permission.DEPLOYMENT_DECIDE)
    return tuple(
        NextStep(trigger.value, state, price)
        for trigger, (state, price) in prices_after(row.state, rate).items()
        if (may_suspend or trigger is not Trigger.SUSPEND) and (decides or trigger not in _DECISIONS)
    )


def _held(unit: Unit, row: DeploymentRow) -> Amounts:
    return unit.ledger.holds_left([row.id]).get(row.id, NOTHING) if row.holds else NOTHING


def _may_suspend(registry: Registry, driver: str) -> bool:
    try:
        return registry.capabilities(driver).may_suspend
    except BursarError:  # a driver that is broken is told of elsewhere
        return False


def _org_name(unit: Unit, org_id: str) -> str:
    if org_id == unit.me.org_id:
        return unit.me.org_name or ""
    org = unit.orgs.by_id(org_id)
    return org.name if org else ""


def _owner_name(unit: Unit, owner_id: str) -> str:
    if owner_id == unit.me.account_id:
        return unit.me.name
    owner = unit.accounts.by_id(owner_id)
    return owner.name if owner else ""


def lines(unit: Unit, rows: Sequence[DeploymentRow], *, with_org: bool = False) -> tuple[DeploymentLine, ...]:
    owners = {owner_id: unit.accounts.by_id(owner_id) for owner_id in {row.owner_id for row in rows}}
    clusters = {cluster_id: unit.clusters.by_id(cluster_id) for cluster_id in {row.cluster_id for row in rows}}
    orgs = {org_id: unit.orgs.by_id(org_id) for org_id in {row.org_id for row in rows}} if with_org else {}
    found = []
    for row in rows:
        owner, cluster, org = owners[row.owner_id], clusters[row.cluster_id], orgs.get(row.org_id)
        found.append(
            DeploymentLine(
                id=row.handle,
                name=row.name,
                owner=owner.name if owner else "",
                kind=row.kind,
                state=row.state,
                cluster=cluster.name if cluster else "",
                cpu_milli=row.resources.cpu_milli * row.replicas,
                ram_mib=row.resources.ram_mib * row.replicas,
                gpu_milli=row.resources.gpu_milli * row.replicas,
                priority=row.priority,
                created_at=row.created_at,
                started_at=row.started_at,
                org=org.name if org else None,
                reason=row.reason,
            )
        )
    return tuple(found)


def as_sum(amounts: Amounts) -> Sum:
    return Sum(amounts.ucr, amounts.gpu_ms)


def cost_until_now(unit: Unit, row: DeploymentRow, runs: Sequence[RunRow]) -> Amounts:
    """What is posted, and what has accrued since on a run that goes on."""
    total = unit.ledger.costs([row.id]).get(row.id, NOTHING)
    for burning in settlement.burning_of(unit, [run for run in runs if run.ended_at is None]):
        total += burning.unpaid_at(unit.now)
    return total


def _rate(unit: Unit, row: DeploymentRow, runs: Sequence[RunRow]) -> RunRate:
    """The rate that it runs at; before it runs, the one that it would start with now."""
    if runs and row.state in (State.RUNNING, State.SUSPENDED, State.STOPPING):
        return runs[-1].rate
    return settlement.rate_of(unit, row, unit.now)


def _pays_now(runs: Sequence[RunRow]) -> Sum | None:
    """From the look on that proved it still, not from the wish: see the segments of its run."""
    if not runs or runs[-1].ended_at is not None or runs[-1].segments[-1].share == WHOLE:
        return None
    return as_sum(hourly(runs[-1].rate, runs[-1].segments[-1].share))


def _place(unit: Unit, row: DeploymentRow) -> tuple[str | None, tuple[str, ...]]:
    held = unit.runs.allocations_of([row.id])
    if not held:
        return None, ()
    nodes = {node.id: node for node in unit.clusters.nodes_of(row.cluster_id)}
    names = sorted({nodes[allocation.node_id].name for allocation in held})
    devices = [nodes[a.node_id].gpu_ids[index] for a in held for index, _ in a.shares]
    return ", ".join(names), tuple(devices)


def _instance_card(shown: InstanceRow, row: DeploymentRow) -> InstanceCard:
    """What it takes is told while it can take something: the last figures of what has ended mean nothing."""
    use = shown.use if has_open_run(row.state) and shown.generation == row.generation else Use()
    return InstanceCard(
        replica=shown.replica,
        generation=shown.generation,
        node=shown.node,
        engine_id=shown.engine_id,
        facts=dict(shown.facts),
        cpu_used_milli=use.cpu_milli,
        ram_used_mib=use.ram_mib,
        gpu_busy_milli=use.gpu_busy_milli,
        gpu_ram_used_mib=use.gpu_ram_mib,
        exit_code=shown.exit_code,
        oom=shown.oom,
        message=shown.message,
        seen_at=shown.seen_at,
    )


def _run_view(unit: Unit, run: RunRow) -> RunLineView:
    cost = unit.ledger.net_use([run.id]).get(run.id, NOTHING)
    if run.ended_at is None:
        for burning in settlement.burning_of(unit, [run]):
            cost += burning.unpaid_at(unit.now)
    return RunLineView(run.generation, run.started_at, run.ended_at, run.end_cause, as_sum(cost))
