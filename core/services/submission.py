"""Submission: one unit admits the work, holds its cost and takes its place in the queue, or says what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

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
from core.domain.workloads import Dependency, SubmitRequest
from core.ledger.accounts import AccountKey
from core.ledger.admission import suffices
from core.ledger.amounts import Amounts, Book
from core.scheduler.placement import refuse_impossible
from core.scheduler.values import Node
from core.services import affording
from core.services.clusters import named_or_only
from core.services.funds import surely_available
from core.services.references import find
from core.settings import Limits, Settings
from core.store import settlement
from core.store.handles import free_handles
from core.store.queries.board import node_value, waiting_value
from core.store.repositories.clusters import ClusterRow
from core.store.repositories.deployments import DeploymentRow, as_text
from core.store.units import Unit


@dataclass(frozen=True, slots=True)
class Admitted:
    """What a submission came to: the row as it would stand, what it holds, and why somebody must agree first."""

    row: DeploymentRow
    hold: Amounts
    grounds: tuple[Reason, ...]
    after: tuple[tuple[DeploymentRow, bool], ...]


class Desk:
    """Admits submissions one after the other and writes them together, all in one unit.

    What the first had to read is known for the next. Each is judged as if those before it were written already; where
    that cannot be known without it, they are.
    """

    def __init__(self, unit: Unit, settings: Settings, registry: Registry, requests: Sequence[SubmitRequest]) -> None:
        """`requests` are all that will be asked for: names and ids are looked up for all of them at once."""
        self._unit = unit
        self._settings = settings
        self._registry = registry
        self._named = unit.deployments.living_named([request.name for request in requests])
        self._handles = iter(free_handles(unit.ids, "dep", len(requests), unit.deployments.known_handles))
        self._clusters: dict[str | None, ClusterRow] = {}
        self._kinds: dict[str, list[tuple[Node, int]]] = {}
        self._possible: set[tuple[str, Resources, int, str | None]] = set()
        self._crowd: tuple[int, int] | None = None
        self._taken = 0
        self._available: dict[AccountKey, Amounts] = {}
        self._pending: list[Admitted] = []
        self._written: list[DeploymentRow] = []

    def admit(self, request: SubmitRequest) -> Admitted:
        """Every question that a submission must pass, in the order in which their answers help most."""
        unit = self._unit
        cluster = self._cluster(request.cluster)
        capabilities = self._registry.capabilities(cluster.driver)
        _refuse_unfit(unit, request, cluster, capabilities, self._settings)
        flavor = flavor_at(unit.prices.flavors(), request.flavor, unit.now) if request.flavor else None
        row = _row(unit, request, cluster, flavor, next(self._handles))
        self._refuse_impossible(row, cluster)
        taken = self._named.get(row.name)
        if taken is not None:
            raise Conflict("name_taken", f"name already used by {taken}", "choose another name")
        self._refuse_haste()
        after = self._dependencies(request)
        row, hold = self._price_and_authorize(row)
        grounds = _grounds(unit, row, hold, self._policy)
        if grounds:
            reason = "; ".join(ground.text for ground in grounds)
            row = row._replace(state=State.AWAITING_APPROVAL, eligible_since=None, reason=reason)
        return Admitted(row, hold, grounds, after)

    def _cluster(self, reference: str | None) -> ClusterRow:
        if reference not in self._clusters:
            self._clusters[reference] = named_or_only(self._unit, reference)
        return self._clusters[reference]

    @cached_property
    def _policy(self) -> ApprovalPolicy:
        return approval_policy(self._unit, self._settings)

    def take(self, admitted: Admitted) -> None:
        """It will be written, so what comes next finds less."""
        row = admitted.row
        self._pending.append(admitted)
        self._taken += 1
        self._named[row.name] = row.handle
        if row.account in self._available:
            self._available[row.account] -= admitted.hold

    def write(self) -> list[DeploymentRow]:
        """The other half: rows, dependencies, holds and records of what was taken. Answers all so far, in order."""
        unit, pending, self._pending = self._unit, self._pending, []
        self._available.clear()
        both = [settlement.with_hold(one.row, one.hold, unit.now) for one in pending]
        unit.deployments.add([row for row, _ in both])
        for one in pending:
            for dependency, any_outcome in one.after:
                unit.deployments.depend(one.row.id, dependency.id, any_outcome=any_outcome)
        unit.ledger.post([hold for _, hold in both if hold is not None])
        for cluster_id in dict.fromkeys(row.cluster_id for row, _ in both):
            unit.clusters.touch(cluster_id)
        for one, (row, _) in zip(pending, both, strict=True):
            after: dict[str, object] = {"state": row.state.value, "name": row.name, "priority": row.priority}
            if one.hold:
                after.update(held_ucr=one.hold.ucr, held_gpu_ms=one.hold.gpu_ms)
            unit.record("deployment.submit", row.handle, after=after)
        self._written += [row for row, _ in both]
        return self._written

    def _refuse_impossible(self, row: DeploymentRow, cluster: ClusterRow) -> None:
        alike = (cluster.id, row.resources, row.replicas, row.gpu_model)
        if alike in self._possible:
            return
        if cluster.id not in self._kinds:
            found = self._unit.clusters.kinds_of(cluster.id)
            self._kinds[cluster.id] = [(node_value(node), count) for node, count in found]
        kinds = self._kinds[cluster.id]
        if not kinds:
            raise Conflict("cluster_empty", f"{cluster.name} has no node yet", "bursar cluster add-node")
        # Of nodes that are alike one tells as much as all; for a gang as many as it has members.
        few = [node for node, count in kinds for _ in range(min(count, row.replicas))]
        refuse_impossible(few, waiting_value(row))
        self._possible.add(alike)

    def _refuse_haste(self) -> None:
        """A flood of submissions would keep everybody else waiting for the one writer."""
        unit, limits = self._unit, self._settings.limits
        if self._crowd is None:
            self._crowd = unit.deployments.crowd(unit.now - MINUTE)
        waiting, recent = (number + self._taken for number in self._crowd)
        if waiting >= min(limits.org_waiting, limits.member_waiting):
            self.write()
            mine = unit.deployments.count(WAITING, owner_id=unit.me.account_id)
            if waiting >= limits.org_waiting or mine >= limits.member_waiting:
                hint = "let some of them end, or cancel some"
                raise Exhausted("queue_full", f"{waiting} deployments wait already", hint)
        if recent >= min(limits.member_submissions_per_minute, limits.org_submissions_per_minute):
            self.write()
            _refuse_more_in_a_minute(unit, limits)

    def _dependencies(self, request: SubmitRequest) -> tuple[tuple[DeploymentRow, bool], ...]:
        """What it must follow. A new deployment can only point at older ones, so no cycle can come about."""
        if request.after:
            self.write()
        return tuple(_dependency(self._unit, wanted) for wanted in request.after)

    def _price_and_authorize(self, row: DeploymentRow) -> tuple[DeploymentRow, Amounts]:
        """Who pays, and what is set aside: the member's wallet, or where that is allowed the treasury."""
        unit = self._unit
        need, hold = affording.needed(unit, row)
        if self._surely_suffices(row, need):
            return row, hold
        self.write()
        try:
            affording.demand(unit, row, need)
        except Exhausted:
            if not self._settings.orgs.fall_back_on_treasury:
                raise
            row = row._replace(payer="treasury")
            need, hold = affording.needed(unit, row)
            affording.demand(unit, row, need)
        return row, hold

    def _surely_suffices(self, row: DeploymentRow, need: Amounts) -> bool:
        """Asked without a look at each run of the payer, so a no means nothing."""
        if affording.is_limited(self._unit, row):
            return False
        account = row.account
        if account not in self._available:
            self._available[account] = surely_available(self._unit, account)
        return suffices(need, self._available[account])


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
            f"an operator can open it: bursar cluster set {cluster.name} trust=members, or run_as=USER",
        )


def _row(unit: Unit, request: SubmitRequest, cluster: ClusterRow, flavor: Flavor | None, handle: str) -> DeploymentRow:
    resources = flavor.size if flavor else request.resources or Resources()
    limit = (request.hours_ms or cluster.default_limit_ms) if request.kind.has_time_limit else None
    return DeploymentRow(
        id=unit.ids.new(),
        handle=handle,
        org_id=unit.org_id,
        owner_id=unit.me.account_id,
        cluster_id=cluster.id,
        name=request.name,
        kind=request.kind,
        state=State.QUEUED,
        image=request.image,
        command_text=as_text(request.command),
        env_text=as_text(request.env),
        labels_text=as_text(request.labels),
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


def _refuse_more_in_a_minute(unit: Unit, limits: Limits) -> None:
    by_me, by_all, oldest = unit.deployments.recent(unit.me.account_id, unit.now - MINUTE)
    if by_me >= limits.member_submissions_per_minute or by_all >= limits.org_submissions_per_minute:
        seconds = max(1, -(-(oldest + MINUTE - unit.now) // 1_000_000))
        raise Exhausted(
            "too_fast", f"{by_me} submissions in a minute", f"try again in {seconds} s", {"retry_after_s": seconds}
        )


def _dependency(unit: Unit, wanted: Dependency) -> tuple[DeploymentRow, bool]:
    """By name also what has ended: what is short may be over before its successor is submitted."""
    row = find(unit, wanted.deployment)
    doomed = row.state in FINAL and row.state is not State.COMPLETED and not wanted.any_outcome
    if doomed:
        raise Conflict(
            "dependency_failed",
            f"after: {row.handle} is {row.state.value} and will not complete",
            f"leave it out, or write {row.handle}:any",
        )
    return row, wanted.any_outcome


def _grounds(unit: Unit, row: DeploymentRow, hold: Amounts, policy: ApprovalPolicy) -> tuple[Reason, ...]:
    """Why somebody must agree first; a wallet that has run out is refused outright."""
    needs = [Book.CREDITS, *([Book.GPU_TIME] if row.resources.gpu_milli else [])]
    known = unit.standings.of_wallet(row.org_id, row.purse)
    standings = [known[book] for book in needs if book in known]
    if any(standing.refuses_submissions for standing in standings):
        helps = "an admin can grant more: bursar grant USER --credits N"
        if row.payer == "treasury":
            helps = "an operator can fill the treasury: bursar grant --treasury --credits N"
        raise Exhausted("run_out", "the balance is used up", helps)
    nearly_spent = any(standing.needs_approval for standing in standings)
    return reasons_to_ask(unit, row, hold, policy, nearly_spent=nearly_spent)


def reasons_to_ask(
    unit: Unit, row: DeploymentRow, hold: Amounts, policy: ApprovalPolicy, *, nearly_spent: bool = False
) -> tuple[Reason, ...]:
    """Why an admin must agree to something of this size and cost; nothing where nobody must."""
    ask = Ask(
        gpu_ms=hold.gpu_ms if row.limit_ms is not None else None,
        credits_ucr=hold.ucr if row.limit_ms is not None else None,
        gpu_milli=row.all_resources.gpu_milli,
        priority=row.priority,
        by_admin=unit.me.operator or unit.me.role is Role.ADMIN,
        nearly_spent=nearly_spent,
    )
    return grounds_for_approval(policy, ask)


def approval_policy(unit: Unit, settings: Settings) -> ApprovalPolicy:
    """What the organization says needs a yes, or else the installation; the limits are the installation's."""
    rules, org = settings.approvals, unit.orgs.by_id(unit.org_id)
    return ApprovalPolicy(
        policy=Policy((org.approval_policy if org else None) or rules.policy),
        gpu_ms=rules.above_gpu_ms,
        credits_ucr=rules.above_ucr,
        gpu_milli=rules.above_gpus * 1000,
        priority=rules.above_priority,
    )
