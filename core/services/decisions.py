"""What admins decide on deployments: approve, reject, complete; and what is changed of one that exists already."""

from __future__ import annotations

from core.domain.approval import approves_own
from core.domain.changes import ApproveRequest, ExtendRequest, PriorityRequest, RejectRequest
from core.domain.errors import Conflict, Forbidden, Invalid
from core.domain.lifecycle import FINAL, State, StopCause, Trigger
from core.domain.resources import format_duration
from core.domain.roles import Permission, Role, allows, require
from core.ledger.admission import job_hold
from core.ledger.amounts import Amounts
from core.ledger.refunds import RefundCause
from core.services import affording, submission
from core.services import deployment_cards as cards
from core.services.references import find
from core.services.still import demand_still
from core.services.usecase import reads, writes
from core.settings import Settings
from core.store import settlement
from core.store.moves import move
from core.store.queries import asks
from core.store.repositories.chat import PersonRow
from core.store.repositories.deployments import DeploymentRow
from core.store.units import Unit, Units
from core.views.operations import Page
from core.views.people import Done
from core.views.work import AskLine, DeploymentCard, DeploymentLine


class Decisions:
    def __init__(self, units: Units, settings: Settings) -> None:
        self.units = units
        self._settings = settings

    @reads(Permission.DEPLOYMENT_DECIDE)
    def approvals(self, unit: Unit) -> Page[DeploymentLine]:
        """What waits for a decision, oldest first."""
        return Page(cards.lines(unit, unit.deployments.in_states({State.AWAITING_APPROVAL})))

    @reads(Permission.DEPLOYMENT_DECIDE)
    def asks(self, unit: Unit) -> Page[AskLine]:
        """Who asks for more time, the oldest first."""
        return Page(asks.standing(unit.connection, unit.scope))

    @writes(Permission.DEPLOYMENT_DECIDE)
    def approve(self, unit: Unit, request: ApproveRequest) -> DeploymentCard:
        """Let it into the queue, as it was asked for or with other hours or another priority."""
        row = find(unit, request.deployment)
        own = approves_own(unit.me.account_id, row.owner_id, self._admins(unit))
        if request.hours_ms is not None and request.hours_ms != row.limit_ms:
            row = self._with_hours(unit, row, request.hours_ms)
        priority = row.priority if request.priority is None else request.priority
        if priority != row.priority:
            unit.record("deployment.priority", row.handle, {"priority": row.priority}, {"priority": priority})
        moved = move(unit, row, Trigger.APPROVE, eligible_since=unit.now, priority=priority)
        if own:
            unit.record("deployment.approved_own", row.handle, after={"by": unit.me.name})
        unit.clusters.touch(row.cluster_id)
        return cards.card(unit, moved)

    @writes(Permission.DEPLOYMENT_DECIDE)
    def reject(self, unit: Unit, request: RejectRequest) -> DeploymentCard:
        """Say no, with a reason; everything that was set aside comes back."""
        row = find(unit, request.deployment)
        moved = move(unit, row, Trigger.REJECT, reason=request.reason)
        settlement.release_hold(unit, moved, RefundCause.REJECTED)
        return cards.card(unit, moved)

    @writes(Permission.DEPLOYMENT_DECIDE)
    def complete(self, unit: Unit, reference: str) -> DeploymentCard:
        """Declare it done; what runs is stopped first."""
        row = find(unit, reference)
        stop_by = unit.now + self._settings.scheduling.kill_wait_ms * 1000
        moved = move(unit, row, Trigger.COMPLETE, stop_cause=StopCause.COMPLETED, stop_by=stop_by)
        unit.clusters.touch(row.cluster_id)
        return cards.card(unit, moved)

    @writes(Permission.DEPLOYMENT_ACT)
    def extend(self, unit: Unit, request: ExtendRequest) -> DeploymentCard:
        """More time for a job, on top of what it has; its cost is set aside at once."""
        fingerprint = request.fingerprint(unit.org_id)
        first = unit.answers.first(unit.me.account_id, request.key, fingerprint) if request.key is not None else None
        if first is not None:
            return cards.card(unit, find(unit, first))
        row, had_ms = _extensible(unit, request)
        limit_ms = had_ms + request.hours_ms
        if why := self._to_be_asked(unit, row, limit_ms):
            message = f"{format_duration(limit_ms)} in all need an admin's yes: {why}"
            raise Forbidden("needs_approval", message, "the same with --ask asks the admins")
        moved = self._with_hours(unit, row, limit_ms)
        if request.key is not None:
            unit.answers.keep(unit.me.account_id, request.key, "extend", fingerprint, row.handle)
        unit.clusters.touch(row.cluster_id)
        return cards.card(unit, moved)

    @writes(Permission.DEPLOYMENT_ACT)
    def ask_for_hours(self, unit: Unit, request: ExtendRequest) -> Done:
        """Ask the admins for time that one may not take oneself. Nothing changes until one of them gives it.

        Those in Slack are told; all of them find it among what waits for a decision.
        """
        row, had_ms = _extensible(unit, request)
        limit_ms = had_ms + request.hours_ms
        why = self._to_be_asked(unit, row, limit_ms)
        if not why:
            raise Conflict("not_needed", "nobody has to agree to that", f"take it: bursar extend {row.handle}")
        affording.demand(unit, row, self._more(unit, row, had_ms, limit_ms))
        asked: dict[str, object] = {"had_ms": had_ms, "more_ms": request.hours_ms, "why": why}
        unit.record(asks.ASKED, row.handle, after=asked)
        wanted = f"asked for {format_duration(request.hours_ms)} more for {row.name}"
        told = sorted({unit.slack.account_name(one.account_id) for one in self._reached(unit)})
        if not told:
            return Done(f"{wanted}: it stands among the admins' approvals, none of whom is in Slack")
        return Done(f"{' and '.join(told)} {'is' if len(told) == 1 else 'are'} {wanted}")

    @writes(Permission.DEPLOYMENT_ACT)
    def set_priority(self, unit: Unit, request: PriorityRequest) -> DeploymentCard:
        """Another place in the queue. Members may go as high as their organization lets them."""
        row = find(unit, request.deployment)
        require(unit.me, Permission.DEPLOYMENT_ACT, owner_id=row.owner_id)
        if row.state in FINAL:
            raise Conflict("has_ended", f"{row.handle} is {row.state.value}", "submit it anew")
        cap = submission.approval_policy(unit, self._settings).priority_cap
        if request.priority > cap and not (unit.me.operator or unit.me.role is Role.ADMIN):
            raise Invalid("priority_cap", f"priority: members may use 0–{cap}", "ask an admin")
        demand_still(f"the priority of {row.handle}", row.priority, request.if_still)
        unit.deployments.change(row.id, priority=request.priority, updated_at=unit.now)
        before: dict[str, object] = {"priority": row.priority}
        unit.record("deployment.priority", row.handle, before, {"priority": request.priority})
        unit.clusters.touch(row.cluster_id)
        return cards.card(unit, row._replace(priority=request.priority, updated_at=unit.now))

    def _to_be_asked(self, unit: Unit, row: DeploymentRow, limit_ms: int) -> str:
        """Why an admin must agree: what they would have been asked beforehand is not to be had bit by bit later."""
        if row.state is State.AWAITING_APPROVAL or allows(unit.me, Permission.DEPLOYMENT_DECIDE):
            return ""
        in_all = job_hold(affording.dearest_rate(unit, row), limit_ms)
        longer = row._replace(limit_ms=limit_ms, priority=0)  # its priority was judged when it was given
        policy = submission.approval_policy(unit, self._settings)
        return "; ".join(reason.text for reason in submission.reasons_to_ask(unit, longer, in_all, policy))

    def _more(self, unit: Unit, row: DeploymentRow, had_ms: int, limit_ms: int) -> Amounts:
        rate = affording.dearest_rate(unit, row)
        return job_hold(rate, limit_ms) - job_hold(rate, had_ms)

    def _with_hours(self, unit: Unit, row: DeploymentRow, limit_ms: int) -> DeploymentRow:
        """The same job with another time limit, and its hold changed by the difference."""
        if row.limit_ms is None:
            raise Invalid("hours_not_for_kind", f"hours: a {row.kind.value} has no time limit", "leave hours out")
        rate = affording.dearest_rate(unit, row)
        more = self._more(unit, row, row.limit_ms, limit_ms)
        if limit_ms >= row.limit_ms:
            affording.demand(unit, row, more)
            row = settlement.take_hold(unit, row, more, reason="more time")
        else:
            settlement.release_hold(unit, row, RefundCause.CANCELLED_BEFORE_START)
            row = settlement.take_hold(unit, row, job_hold(rate, limit_ms), reason="less time")
        before: dict[str, object] = {"limit_ms": row.limit_ms}
        unit.deployments.change(row.id, limit_ms=limit_ms, updated_at=unit.now)
        unit.record("deployment.hours", row.handle, before, {"limit_ms": limit_ms})
        return row._replace(limit_ms=limit_ms, updated_at=unit.now)

    def _admins(self, unit: Unit) -> set[str]:
        return {member.account_id for member in unit.members.all() if member.role is Role.ADMIN}

    def _reached(self, unit: Unit) -> list[PersonRow]:
        return unit.slack.recipients(unit.org_id, self._admins(unit))


def _extensible(unit: Unit, request: ExtendRequest) -> tuple[DeploymentRow, int]:
    """What shall run longer, and how long it may so far."""
    row = find(unit, request.deployment)
    require(unit.me, Permission.DEPLOYMENT_ACT, owner_id=row.owner_id)
    if row.limit_ms is None:
        raise Conflict("no_limit", f"a {row.kind.value} runs until it is stopped", "it needs no extension")
    if row.state in FINAL or row.state in (State.STOPPED, State.STOPPING):
        raise Conflict("has_ended", f"{row.handle} is {row.state.value}", "start or submit it anew with more hours")
    seen = None if request.if_still is None else format_duration(request.if_still)
    demand_still(f"the time limit of {row.handle}", format_duration(row.limit_ms), seen)
    return row, row.limit_ms
