"""Submission: one unit admits the work, holds its cost and takes its place in the queue, or says what is missing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.clock import MINUTE
from core.domain.approval import ApprovalPolicy, Ask, Policy, Reason, grounds_for_approval
from core.domain.engines import Capabilities, Registry, members_may_use
from core.domain.errors import Conflict, Exhausted, Forbidden, Invalid
from core.domain.flavors import Flavor, flavor_at
from core.domain.images import check_allowed, parse_image
from core.domain.kinds import Kind
from core.domain.lifecycle import FINAL, WAITING, State
from core.domain.resources import Resources
from core.domain.roles import Role
from core.domain.workloads import SubmitRequest
from core.ledger.amounts import Amounts, Book
from core.scheduler import refuse_impossible
from core.services import affording
from core.services.clusters import visible_cluster
from core.services.references import picked
from core.settings import Settings
from core.store import settlement
from core.store.handles import free_handle
from core.store.queries.board import node_value, waiting_value
from core.store.repositories.clusters import ClusterRow
from core.store.repositories.deployments import DeploymentRow
from core.store.units import Unit


@dataclass(frozen=True, slots=True)
class Admitted:
    """What a submission came to: the row as it would stand, what it holds, and why somebody must agree first."""

    row: DeploymentRow
    hold: Amounts
    grounds: tuple[Reason, ...]
    after: tuple[tuple[DeploymentRow, bool], ...]


def admit(unit: Unit, request: SubmitRequest, settings: Settings, registry: Registry) -> Admitted:
    """Every question that a submission must pass, in the order in which their answers help most. Writes nothing."""
    cluster = visible_cluster(unit, request.cluster)
    capabilities = registry.capabilities(cluster.driver)
    _refuse_unfit(unit, request, cluster, capabilities, settings)
    flavor = flavor_at(unit.prices.flavors(), request.flavor, unit.now) if request.flavor else None
    row = _row(unit, request, cluster, flavor)
    nodes = [node_value(node) for node in unit.clusters.nodes_of(cluster.id)]
    if not nodes:
        raise Conflict("cluster_empty", f"{cluster.name} has no node yet", "bursar cluster add-node")
    refuse_impossible(nodes, waiting_value(row))
    taken = unit.deployments.living_named(row.name)
    if taken is not None:
        raise Conflict("name_taken", f"name already used by {taken.handle}", "choose another name")
    _refuse_haste(unit, settings)
    after = _dependencies(unit, request)
    row, hold = _price_and_authorize(unit, row, settings)
    grounds = _grounds(unit, row, hold, settings)
    if grounds:
        reason = "; ".join(ground.text for ground in grounds)
        row = replace(row, state=State.AWAITING_APPROVAL, eligible_since=None, reason=reason)
    return Admitted(row, hold, grounds, after)


def write(unit: Unit, admitted: Admitted) -> DeploymentRow:
    """The other half: row, dependencies, hold and record, in the unit that asked the questions."""
    row = admitted.row
    unit.deployments.add(row)
    for dependency, any_outcome in admitted.after:
        unit.deployments.depend(row.id, dependency.id, any_outcome=any_outcome)
    row = settlement.take_hold(unit, row, admitted.hold)
    unit.clusters.touch(row.cluster_id)
    after: dict[str, object] = {"state": row.state.value, "name": row.name, "priority": row.priority}
    if admitted.hold:
        after.update(held_ucr=admitted.hold.ucr, held_gpu_ms=admitted.hold.gpu_ms)
    unit.record("deployment.submit", row.handle, after=after)
    return row


def _refuse_unfit(
    unit: Unit, request: SubmitRequest, cluster: ClusterRow, capabilities: Capabilities, settings: Settings
) -> None:
    """What the engine of this cluster cannot do, or not for this person."""
    if request.kind.value not in capabilities.kinds:
        able = ", ".join(sorted(capabilities.kinds))
        raise Invalid("kind_not_here", f"{cluster.name} ({cluster.driver}) runs no {request.kind}", f"it runs: {able}")
    if capabilities.needs_image and request.image is None:
        raise Invalid("image_missing", f"image: {cluster.name} runs images", "give --image")
    if capabilities.needs_command and not request.command:
        raise Invalid("command_missing", f"command: {cluster.name} runs commands", "give the command after --")
    if request.gpu_milli and not capabilities.gpu:
        raise Invalid("gpu_not_here", f"gpu: {cluster.name} has no GPUs", "leave gpu out or choose another cluster")
    if request.gpu_milli and request.gpu_milli % 1000 and not capabilities.gpu_share:
        raise Invalid("share_not_here", f"gpu: {cluster.name} gives whole GPUs only", "ask for a whole number")
    if request.image is not None and request.kind is not Kind.VM:
        check_allowed(parse_image(request.image), settings.clusters.registries)
    if not unit.me.operator and not members_may_use(capabilities, cluster.settings):
        raise Forbidden(
            "members_not_trusted",
            f"{cluster.name} runs commands on its host and is open to operators only",
            "an operator can open it with --set run_as=USER or --set trust=members",
        )


def _row(unit: Unit, request: SubmitRequest, cluster: ClusterRow, flavor: Flavor | None) -> DeploymentRow:
    resources = flavor.size if flavor else request.resources or Resources()
    limit = (request.hours_ms or cluster.default_limit_ms) if request.kind.has_time_limit else None
    return DeploymentRow(
        id=unit.ids.new(),
        handle=free_handle(unit.ids, "dep", unit.deployments.has_handle),
        org_id=unit.org_id,
        owner_id=unit.me.account_id,
        cluster_id=cluster.id,
        name=request.name,
        kind=request.kind,
        state=State.QUEUED,
        image=request.image,
        command=request.command,
        env=dict(request.env),
        labels=dict(request.labels),
        public_ip=request.public_ip,
        payer="wallet",
        flavor=request.flavor,
        resources=resources,
        gpu_model=(flavor.gpu_model if flavor else None) or request.gpu_model,
        replicas=request.replicas,
        priority=request.priority,
        limit_ms=limit,
        created_at=unit.now,
        updated_at=unit.now,
        submitted_at=unit.now,
        state_since=unit.now,
        eligible_since=unit.now,
    )


def _refuse_haste(unit: Unit, settings: Settings) -> None:
    """A flood of submissions would keep everybody else waiting for the one writer."""
    limits = settings.limits
    waiting = unit.deployments.count(WAITING)
    if waiting >= limits.org_waiting or (
        waiting >= limits.member_waiting
        and unit.deployments.count(WAITING, owner_id=unit.me.account_id) >= limits.member_waiting
    ):
        raise Exhausted("queue_full", f"{waiting} deployments wait already", "let some of them end, or cancel some")
    by_me, by_all, oldest = unit.deployments.recent(unit.me.account_id, unit.now - MINUTE)
    if by_me >= limits.member_submissions_per_minute or by_all >= limits.org_submissions_per_minute:
        seconds = max(1, -(-(oldest + MINUTE - unit.now) // 1_000_000))
        raise Exhausted(
            "too_fast", f"{by_me} submissions in a minute", f"try again in {seconds} s", {"retry_after_s": seconds}
        )


def _dependencies(unit: Unit, request: SubmitRequest) -> tuple[tuple[DeploymentRow, bool], ...]:
    """What it must follow. A new deployment can only point at older ones, so no cycle can come about."""
    found = []
    for dependency in request.after:
        candidates = unit.deployments.referred(dependency.deployment)
        row = picked(
            dependency.deployment,
            candidates,
            lambda r: (r.handle, r.name) if r.state not in FINAL else (r.handle,),
            what="deployment",
            see="bursar list",
        )
        doomed = row.state in FINAL and row.state is not State.COMPLETED and not dependency.any_outcome
        if doomed:
            raise Conflict(
                "dependency_failed",
                f"after: {row.handle} is {row.state.value} and will not complete",
                f"leave it out, or write {row.handle}:any",
            )
        found.append((row, dependency.any_outcome))
    return tuple(found)


def _price_and_authorize(unit: Unit, row: DeploymentRow, settings: Settings) -> tuple[DeploymentRow, Amounts]:
    """Who pays, and what is set aside: the member's wallet, or where that is allowed the treasury."""
    need, hold = affording.needed(unit, row)
    try:
        affording.demand(unit, row, need)
    except Exhausted:
        if not settings.orgs.fall_back_on_treasury:
            raise
        row = replace(row, payer="treasury")
        need, hold = affording.needed(unit, row)
        affording.demand(unit, row, need)
    return row, hold


def _grounds(unit: Unit, row: DeploymentRow, hold: Amounts, settings: Settings) -> tuple[Reason, ...]:
    """Why somebody must agree first; a wallet that has run out is refused outright."""
    needs = [Book.CREDITS, *([Book.GPU_TIME] if row.resources.gpu_milli else [])]
    standings = [unit.standings.of(row.org_id, row.purse, book) for book in needs]
    if any(standing.refuses_submissions for standing in standings):
        helps = "an admin can grant more: bursar grant USER --credits N"
        if row.payer == "treasury":
            helps = "an operator can fill the treasury: bursar grant --treasury --credits N"
        raise Exhausted("run_out", "the balance is used up", helps)
    ask = Ask(
        gpu_ms=hold.gpu_ms if row.limit_ms is not None else None,
        credits_ucr=hold.ucr if row.limit_ms is not None else None,
        gpu_milli=row.all_resources.gpu_milli,
        priority=row.priority,
        by_admin=unit.me.operator or unit.me.role is Role.ADMIN,
        nearly_spent=any(standing.needs_approval for standing in standings),
    )
    return grounds_for_approval(approval_policy(settings), ask)


def approval_policy(settings: Settings) -> ApprovalPolicy:
    rules = settings.approvals
    return ApprovalPolicy(
        policy=Policy(rules.policy),
        gpu_ms=rules.above_gpu_ms,
        credits_ucr=rules.above_ucr,
        gpu_milli=rules.above_gpus * 1000,
        priority=rules.above_priority,
    )
