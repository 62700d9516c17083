from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.approval import (
    EXPIRES_AFTER_US,
    Approval,
    ApprovalPolicy,
    Ask,
    Decision,
    Ground,
    Policy,
    approves_own,
    decided,
    expires_at,
    grounds_for_approval,
    is_expired,
    job_word,
)
from core.domain.errors import Conflict, Forbidden
from core.domain.lifecycle import State
from tests.domain.refusal import refusal, table

HOUR = 3_600_000
SMALL = Ask(gpu_ms=0, credits_ucr=0, gpu_milli=0, priority=50)
LARGE = Ask(gpu_ms=100 * HOUR, credits_ucr=500_000_000, gpu_milli=8000, priority=90)
LIMITS = ApprovalPolicy(Policy.ABOVE_LIMITS, gpu_ms=10 * HOUR, credits_ucr=100_000_000, gpu_milli=4000, priority=80)


@pytest.mark.parametrize(("state", "decision"), list(product(Approval, Decision)))
def test_I_S3_a_question_is_decided_once(state: Approval, decision: Decision) -> None:
    answers = {
        Decision.APPROVE: Approval.APPROVED,
        Decision.REJECT: Approval.REJECTED,
        Decision.EXPIRE: Approval.EXPIRED,
        Decision.CANCEL: Approval.CANCELLED,
    }
    if state is Approval.PENDING:
        assert decided(state, decision) is answers[decision]
        return
    error = refusal(decided, state, decision)
    assert isinstance(error, Conflict)
    assert (error.code, error.message) == ("already_decided", f"cannot {decision} what is already {state}")


@given(st.lists(st.sampled_from(Decision), max_size=12))
def test_I_S3_of_any_decisions_the_first_alone_counts(decisions: list[Decision]) -> None:
    state, taken = Approval.PENDING, 0
    for decision in decisions:
        try:
            state = decided(state, decision)
            taken += 1
        except Conflict:
            assert state is not Approval.PENDING
    assert taken == min(1, len(decisions))
    assert (state is Approval.PENDING) == (not decisions)


def test_B40_approving_twice_or_what_was_cancelled_is_refused_by_name() -> None:
    assert refusal(decided, Approval.APPROVED, Decision.APPROVE).message == "cannot approve what is already approved"
    error = refusal(decided, Approval.CANCELLED, Decision.APPROVE)
    assert (error.message, error.hint) == ("cannot approve what is already cancelled", "ask for it anew")


@table(
    ("rule", "ask", "grounds"),
    [
        ("never is the default", ApprovalPolicy(), LARGE, []),
        ("always asks about everything", ApprovalPolicy(Policy.ALWAYS), SMALL, [Ground.ALWAYS]),
        ("below every limit nobody is asked", LIMITS, SMALL, []),
        ("exactly at every limit nobody is asked", LIMITS, Ask(10 * HOUR, 100_000_000, 4000, 80), []),
        ("above every limit all are named", LIMITS, LARGE,
         [Ground.GPU_HOURS, Ground.CREDITS, Ground.GPUS, Ground.PRIORITY]),
        ("a millisecond above", LIMITS, Ask(10 * HOUR + 1, 0, 1000, 50), [Ground.GPU_HOURS]),
        ("a micro-credit above", LIMITS, Ask(0, 100_000_001, 0, 50), [Ground.CREDITS]),
        ("half a GPU above", LIMITS, Ask(0, 0, 4500, 50), [Ground.GPUS]),
        ("a priority above", LIMITS, Ask(0, 0, 0, 81), [Ground.PRIORITY]),
        ("a service has no end and is above every limit of use", LIMITS, Ask(None, None, 1000, 50),
         [Ground.GPU_HOURS, Ground.CREDITS]),
        ("a service without GPUs uses no GPU-hours", LIMITS, Ask(None, None, 0, 50), [Ground.CREDITS]),
        ("a limit of nothing asks about every GPU", ApprovalPolicy(Policy.ABOVE_LIMITS, gpu_milli=0),
         Ask(0, 0, 1, 0), [Ground.GPUS]),
        ("limits that are not in force ask nothing", ApprovalPolicy(Policy.NEVER, gpu_milli=0), LARGE, []),
        ("above the members' cap even where the policy is never", ApprovalPolicy(priority_cap=70),
         Ask(0, 0, 0, 71), [Ground.PRIORITY_CAP]),
        ("at the members' cap", ApprovalPolicy(priority_cap=70), Ask(0, 0, 0, 70), []),
        ("the cap does not bind admins", ApprovalPolicy(priority_cap=70), Ask(0, 0, 0, 90, by_admin=True), []),
        ("a balance that is nearly spent", ApprovalPolicy(), Ask(0, 0, 0, 50, nearly_spent=True),
         [Ground.NEARLY_SPENT]),
        ("always and a nearly spent balance", ApprovalPolicy(Policy.ALWAYS), Ask(0, 0, 0, 50, nearly_spent=True),
         [Ground.ALWAYS, Ground.NEARLY_SPENT]),
    ],
)  # fmt: skip
def test_B14_I_S1_when_somebody_must_agree(rule: ApprovalPolicy, ask: Ask, grounds: list[Ground]) -> None:
    assert [reason.ground for reason in grounds_for_approval(rule, ask)] == grounds


def test_every_ground_says_its_numbers() -> None:
    assert [reason.text for reason in grounds_for_approval(LIMITS, LARGE)] == [
        "100.0 GPU-hours, above 10.0",
        "500.0 credits, above 100.0",
        "8 GPUs, above 4",
        "priority 90, above 80",
    ]
    endless = grounds_for_approval(LIMITS, Ask(None, None, 1000, 50))
    assert [reason.text for reason in endless] == [
        "GPU-hours without end, above 10.0",
        "credits without end, above 100.0",
    ]
    (cap,) = grounds_for_approval(ApprovalPolicy(priority_cap=50), Ask(0, 0, 0, 60))
    assert cap.text == "priority 60 is above 50, the most that members may use"


def test_a_rule_that_means_nothing_is_refused() -> None:
    assert refusal(ApprovalPolicy, Policy.ABOVE_LIMITS).code == "no_limits"
    assert refusal(ApprovalPolicy, Policy.ABOVE_LIMITS, gpu_ms=-1).code == "negative_limit"
    assert refusal(ApprovalPolicy, priority_cap=101).code == "out_of_range"


def test_a_question_expires_after_a_day_at_the_very_instant() -> None:
    asked = 1_767_225_600_000_000
    assert EXPIRES_AFTER_US == 86_400_000_000
    assert not is_expired(Approval.PENDING, asked, expires_at(asked) - 1)
    assert is_expired(Approval.PENDING, asked, expires_at(asked))
    for state in set(Approval) - {Approval.PENDING}:
        assert not is_expired(state, asked, expires_at(asked) + 1)


@table(
    ("decider", "requester", "admins", "flagged"),
    [
        ("another's request", "anna", "ben", {"anna"}, False),
        ("another's request with many admins", "anna", "ben", {"anna", "ben", "zoe"}, False),
        ("the only admin's own, flagged", "anna", "anna", {"anna"}, True),
        ("an operator's own where there is no admin, flagged", "olga", "olga", set(), True),
    ],
)
def test_I_S2_who_may_approve(decider: str, requester: str, admins: set[str], flagged: bool) -> None:
    assert approves_own(decider, requester, admins) is flagged


@pytest.mark.parametrize("admins", [{"anna", "ben"}, {"ben"}])
def test_B40_I_S2_nobody_approves_their_own_request_while_another_could(admins: set[str]) -> None:
    error = refusal(approves_own, "anna", "anna", admins)
    assert isinstance(error, Forbidden)
    assert (error.code, error.message) == ("own_request", "you cannot approve your own request")
    assert error.hint == "ask another admin of your organization"


NAMES = st.sampled_from(["anna", "ben", "cyd", "dora"])


@given(NAMES, NAMES, st.sets(NAMES))
def test_I_S2_the_requester_decides_only_where_no_other_admin_could_and_that_is_flagged(
    decider: str, requester: str, admins: set[str]
) -> None:
    if decider == requester and admins - {requester}:
        assert refusal(approves_own, decider, requester, admins).code == "own_request"
    else:
        assert approves_own(decider, requester, admins) is (decider == requester)


def test_a_request_for_gpus_is_pending_approved_processing_and_completed() -> None:
    way = [State.AWAITING_APPROVAL, State.QUEUED, State.STARTING, State.RUNNING, State.STOPPING, State.COMPLETED]
    assert [job_word(state) for state in way] == [
        "PENDING",
        "APPROVED",
        "PROCESSING",
        "PROCESSING",
        "PROCESSING",
        "COMPLETED",
    ]
    assert [job_word(state) for state in (State.REJECTED, State.FAILED, State.EXPIRED)] == [
        "REJECTED",
        "FAILED",
        "EXPIRED",
    ]
