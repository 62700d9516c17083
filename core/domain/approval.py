"""When somebody must agree first, who may, and what becomes of the question.

Policy and thresholds belong to the org. Every ground for asking is data, so that a face can say all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum

from core.domain.errors import Conflict, Forbidden, Invalid
from core.domain.flavors import format_credits, format_gpu_hours
from core.domain.lifecycle import State
from core.domain.resources import format_gpu

EXPIRES_AFTER_US = 24 * 3_600 * 1_000_000


class Approval(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Decision(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"
    EXPIRE = "expire"
    CANCEL = "cancel"


# Decided once: nothing leads out of what is not pending.
DECISIONS: dict[tuple[Approval, Decision], Approval] = {
    (Approval.PENDING, Decision.APPROVE): Approval.APPROVED,
    (Approval.PENDING, Decision.REJECT): Approval.REJECTED,
    (Approval.PENDING, Decision.EXPIRE): Approval.EXPIRED,
    (Approval.PENDING, Decision.CANCEL): Approval.CANCELLED,
}


def decided(state: Approval, decision: Decision) -> Approval:
    try:
        return DECISIONS[state, decision]
    except KeyError:
        raise Conflict(
            "already_decided",
            f"cannot {decision} what is already {state}",
            "ask for it anew" if state is not Approval.APPROVED else None,
            {"state": state.value, "decision": decision.value},
        ) from None


class Policy(StrEnum):
    NEVER = "never"
    ALWAYS = "always"
    ABOVE_LIMITS = "above_limits"


@dataclass(frozen=True, slots=True)
class ApprovalPolicy:
    """An org's rule. Thresholds count only with ABOVE_LIMITS; the cap on members' priority always does."""

    policy: Policy = Policy.NEVER
    gpu_ms: int | None = None
    credits_ucr: int | None = None
    gpu_milli: int | None = None
    priority: int | None = None
    priority_cap: int = 100

    def __post_init__(self) -> None:
        thresholds = (self.gpu_ms, self.credits_ucr, self.gpu_milli, self.priority)
        if any(threshold is not None and threshold < 0 for threshold in thresholds):
            raise Invalid("negative_limit", "approval: a limit cannot be below 0", "give 0 to be asked always")
        if not 0 <= self.priority_cap <= 100:
            raise Invalid(
                "out_of_range", f"priority cap: 0 to 100 (got {self.priority_cap})", "give a number from 0 to 100"
            )
        if self.policy is Policy.ABOVE_LIMITS and all(threshold is None for threshold in thresholds):
            raise Invalid("no_limits", "approval: above limits, but no limit is set", "set one or choose always")


@dataclass(frozen=True, slots=True)
class Ask:
    """What a submission asks for, all replicas together. None for an amount without an end: services and machines."""

    gpu_ms: int | None
    credits_ucr: int | None
    gpu_milli: int
    priority: int
    by_admin: bool = False
    nearly_spent: bool = False  # 95 % of the wallet is used


class Ground(StrEnum):
    ALWAYS = "always"
    GPU_HOURS = "gpu_hours"
    CREDITS = "credits"
    GPUS = "gpus"
    PRIORITY = "priority"
    PRIORITY_CAP = "priority_cap"
    NEARLY_SPENT = "nearly_spent"


@dataclass(frozen=True, slots=True)
class Reason:
    ground: Ground
    text: str


def grounds_for_approval(rule: ApprovalPolicy, ask: Ask) -> tuple[Reason, ...]:
    """Why somebody must agree first; empty where nobody must."""
    found: list[Reason] = []
    if rule.policy is Policy.ALWAYS:
        found.append(Reason(Ground.ALWAYS, "every submission is approved first"))
    if rule.policy is Policy.ABOVE_LIMITS:
        found += _above_limits(rule, ask)
    if ask.priority > rule.priority_cap and not ask.by_admin:
        text = f"priority {ask.priority} is above {rule.priority_cap}, the most that members may use"
        found.append(Reason(Ground.PRIORITY_CAP, text))
    if ask.nearly_spent:
        found.append(Reason(Ground.NEARLY_SPENT, "95 % of the balance is used"))
    return tuple(found)


def expires_at(asked_at: int) -> int:
    return asked_at + EXPIRES_AFTER_US


def is_expired(state: Approval, asked_at: int, now: int) -> bool:
    """Whether a question is due to be closed unanswered; at the very instant it is."""
    return state is Approval.PENDING and now >= expires_at(asked_at)


def approves_own(decider: str, requester: str, admins: Collection[str]) -> bool:
    """Refuse who approves their own request, unless no other admin could; True where it is to be flagged."""
    if decider != requester:
        return False
    if any(admin != decider for admin in admins):
        raise Forbidden("own_request", "you cannot approve your own request", "ask another admin of your organization")
    return True


# How the deployments of one kind of system, GPU jobs that are asked for, approved and completed, are called there.
_JOB_WORDS: dict[State, str] = {
    State.AWAITING_APPROVAL: "PENDING",
    State.QUEUED: "APPROVED",
    State.STARTING: "PROCESSING",
    State.RUNNING: "PROCESSING",
    State.SUSPENDED: "PROCESSING",
    State.STOPPING: "PROCESSING",
    State.COMPLETED: "COMPLETED",
}


def job_word(state: State) -> str:
    """The state in the words of a GPU request: PENDING, APPROVED, PROCESSING, COMPLETED, or its own name."""
    return _JOB_WORDS.get(state, state.name)


def _above_limits(rule: ApprovalPolicy, ask: Ask) -> list[Reason]:
    found: list[Reason] = []
    if rule.gpu_ms is not None and ask.gpu_milli > 0 and _above(ask.gpu_ms, rule.gpu_ms):
        asked = _shown(ask.gpu_ms, lambda amount: format_gpu_hours(amount, round_up=True), "GPU-hours")
        found.append(Reason(Ground.GPU_HOURS, f"{asked}, above {format_gpu_hours(rule.gpu_ms)}"))
    if rule.credits_ucr is not None and _above(ask.credits_ucr, rule.credits_ucr):
        asked = _shown(ask.credits_ucr, format_credits, "credits")
        found.append(Reason(Ground.CREDITS, f"{asked}, above {format_credits(rule.credits_ucr)}"))
    if rule.gpu_milli is not None and ask.gpu_milli > rule.gpu_milli:
        found.append(Reason(Ground.GPUS, f"{format_gpu(ask.gpu_milli)} GPUs, above {format_gpu(rule.gpu_milli)}"))
    if rule.priority is not None and ask.priority > rule.priority:
        found.append(Reason(Ground.PRIORITY, f"priority {ask.priority}, above {rule.priority}"))
    return found


def _above(asked: int | None, limit: int) -> bool:
    """What has no end is above every limit."""
    return asked is None or asked > limit


def _shown(asked: int | None, show: Callable[[int], str], unit: str) -> str:
    return f"{unit} without end" if asked is None else f"{show(asked)} {unit}"
