"""Refunds: how much comes back, by cause."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ledger import meter
from core.ledger.amounts import NOTHING, Amounts
from core.ledger.balances import Balances, net_use
from core.ledger.refunds import REFUND_OF, RefundCause, refund_due, refund_of_run
from tests.ledger.scenery import ANA, DAY, HOUR, MINUTE, T0, amounts, funded, line

NOTHING_BACK = [
    RefundCause.USER_EXIT,
    RefundCause.COMPLETED,
    RefundCause.STOPPED,
    RefundCause.CANCELLED,
    RefundCause.TIME_LIMIT,
    RefundCause.RUN_OUT,
]
BEFORE_START = [
    RefundCause.REJECTED,
    RefundCause.EXPIRED,
    RefundCause.CANCELLED_BEFORE_START,
    RefundCause.DEPENDENCY_FAILED,
]
LOST_BY_US = [RefundCause.ENGINE_FAILED, RefundCause.NODE_FAILED, RefundCause.DRIVER_FAILED]


def cost(run: meter.RunLine) -> Amounts:
    assert run.end is not None
    return meter.due(run, run.end)


def test_every_cause_has_a_rule() -> None:
    assert set(REFUND_OF) == set(RefundCause)
    assert set(RefundCause) == {*NOTHING_BACK, *BEFORE_START, *LOST_BY_US, RefundCause.PREEMPTED}


@pytest.mark.parametrize("cause", [*NOTHING_BACK, *BEFORE_START])
def test_what_the_user_did_or_what_never_ran_has_no_charge_to_give_back(cause: RefundCause) -> None:
    run = line().ended(T0 + 5 * HOUR)
    assert refund_due(cause, run, net_use=cost(run)) == NOTHING
    assert refund_of_run(cause, run, net_use=cost(run), at=T0 + DAY, event="e-1") is None


@pytest.mark.parametrize("cause", LOST_BY_US)
@pytest.mark.parametrize(("ran", "back"), [(5, 5), (24, 24), (30, 24)])
def test_a_failure_of_ours_gives_back_the_run_but_at_most_its_last_day(cause, ran, back) -> None:
    run = line().ended(T0 + ran * HOUR)
    assert refund_due(cause, run, net_use=cost(run)) == amounts(5.72 * back, back)


def test_a_preemption_gives_back_the_grace_and_the_hour_before_it() -> None:
    run = line().ended(T0 + 5 * HOUR)
    notice = T0 + 5 * HOUR - 12 * MINUTE
    assert refund_due(RefundCause.PREEMPTED, run, net_use=cost(run), notice_at=notice) == amounts(5.72 * 1.2, 1.2)
    assert refund_due(RefundCause.PREEMPTED, run, net_use=cost(run)) == amounts(5.72, 1)
    assert refund_due(RefundCause.PREEMPTED, run, net_use=cost(run), notice_at=T0 + DAY) == amounts(5.72, 1)


def test_only_what_will_run_again_keeps_its_hold() -> None:
    assert [cause for cause, rule in REFUND_OF.items() if rule.keeps_hold] == [RefundCause.PREEMPTED]


def test_a_notice_does_not_lengthen_what_a_failure_gives_back() -> None:
    run = line().ended(T0 + 30 * HOUR)
    back = refund_due(RefundCause.NODE_FAILED, run, net_use=cost(run), notice_at=T0 + 20 * HOUR)
    assert back == amounts(5.72 * 24, 24)


def test_a_preemption_of_a_short_run_gives_back_all_of_it() -> None:
    run = line().ended(T0 + 20 * MINUTE)
    assert refund_due(RefundCause.PREEMPTED, run, net_use=cost(run), notice_at=T0 + 18 * MINUTE) == cost(run)


def test_hours_at_a_lower_share_come_back_at_that_share() -> None:
    run = line().changed(T0 + HOUR, meter.Share(750, 1000)).ended(T0 + 3 * HOUR)
    assert refund_due(RefundCause.PREEMPTED, run, net_use=cost(run)) == amounts(5.72 * 0.75, 0.75)


def test_what_was_given_back_before_is_not_given_back_again() -> None:
    run = line().ended(T0 + 5 * HOUR)
    assert refund_due(RefundCause.NODE_FAILED, run, net_use=amounts(1.5, 2)) == amounts(1.5, 2)
    assert refund_due(RefundCause.NODE_FAILED, run, net_use=amounts(-1, 0)) == NOTHING


def test_a_refund_is_linked_to_its_run_and_to_the_event_that_caused_it() -> None:
    run = line().ended(T0 + HOUR)
    charges = meter.settle(run, posted=NOTHING, at=T0 + HOUR)
    back = refund_of_run(RefundCause.NODE_FAILED, run, net_use=cost(run), at=T0 + 2 * HOUR, event="e-7")
    assert back is not None
    assert (back.key, back.reason) == ("refund:run-1", "node_failed")
    assert (back.cause.deployment, back.cause.run, back.cause.event) == ("dep-1", "run-1", "e-7")
    assert Balances().apply(*funded(), *charges, back).of(ANA).available == amounts(100, 10)
    assert net_use([*charges, back], "run-1") == NOTHING


def test_an_open_run_is_not_refunded() -> None:
    with pytest.raises(ValueError, match="still open"):
        refund_due(RefundCause.NODE_FAILED, line(), net_use=NOTHING)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(list(RefundCause)),
    st.integers(0, 3 * DAY),
    st.integers(0, 3 * DAY),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
)
def test_a_refund_is_never_negative_and_never_more_than_was_paid(cause, ran, notice, ucr, gpu_ms) -> None:
    run = line().ended(T0 + ran)
    back = refund_due(cause, run, net_use=Amounts(ucr, gpu_ms), notice_at=T0 + notice)
    assert back.at_least(NOTHING) == back
    assert back.at_most(Amounts(ucr, gpu_ms).at_most(cost(run))) == back
