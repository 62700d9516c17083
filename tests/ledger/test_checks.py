"""Every check finds its own planted fault and nothing in a ledger that is right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.domain.lifecycle import State
from core.ledger import checks, entries, meter, run_checks
from core.ledger.accounts import MINT
from core.ledger.amounts import NOTHING, Amounts, Book
from core.ledger.balances import Balance, Balances
from core.ledger.checks import Finding
from core.ledger.meter import Segment
from core.ledger.postings import Cause, Entry, Posting, PostingKind, Side, make
from core.ledger.refunds import RefundCause, refund_of_run
from core.ledger.run_checks import DeploymentFact
from tests.ledger.scenery import ANA, BEN, DAY, HOUR, MINUTE, ORG, T0, TREASURY, amounts, funded, line

OPEN = line()
CLOSED = OPEN.ended(T0 + 90 * MINUTE)
NOW = T0 + DAY


def right() -> list[Posting]:
    """A job of two hours that ran for one and a half and was refunded, and a grant that was reversed."""
    held = amounts(11.44, 2)
    ledger = [*funded(), entries.hold(ANA, "dep-1", held, at=T0)]
    first = meter.charge(OPEN, T0 + HOUR, posted=NOTHING, hold_left=held)
    assert first is not None
    ledger.append(first)
    ledger += meter.settle(CLOSED, posted=amounts(5.72, 1), hold_left=amounts(5.72, 1), at=T0 + 90 * MINUTE)
    back = refund_of_run(RefundCause.NODE_FAILED, CLOSED, net_use=amounts(8.58, 1.5), at=T0 + 2 * HOUR, event="e-1")
    assert back is not None
    grant = entries.grant(ORG, "ben", amounts(5), key="g", at=T0)
    return [*ledger, back, grant, entries.reverse(grant, reversed_by=None, at=T0, reason="mistake")]


def entry_checks(ledger: list[Posting]) -> list[Finding]:
    return [
        *checks.postings_sum_to_zero(ledger),
        *checks.ledger_sums_to_zero(ledger),
        *checks.cache_equals_entries(Balances().apply(*ledger).known, ledger),
        *checks.never_authorized_below_zero(ledger),
        *checks.keys_are_unique(ledger),
        *checks.reversals_mirror_once(ledger),
        *checks.only_appended(ledger[:-2], ledger),
        *checks.amounts_fit(ledger),
        *checks.used_equals_charges(checks.use_by_payer(ledger, 0, NOW), ledger, 0, NOW),
    ]


def facts(state: State = State.FAILED) -> list[DeploymentFact]:
    return [DeploymentFact("dep-1", state, T0 + 90 * MINUTE)]


def test_a_ledger_that_is_right_has_no_finding() -> None:
    ledger = right()
    assert entry_checks(ledger) == []
    assert run_checks.charges_lie_in_runs([CLOSED], ledger, NOW) == []
    assert run_checks.runs_are_charged([CLOSED], ledger, NOW) == []
    assert run_checks.charges_follow_the_line(ledger) == []
    assert run_checks.runs_do_not_overlap([CLOSED, line("run-2", start=T0 + 2 * HOUR)]) == []
    assert run_checks.running_has_one_run(facts(), [CLOSED]) == []
    assert run_checks.holds_are_decided(facts(), ledger, NOW) == []


def test_an_empty_ledger_has_no_finding() -> None:
    assert entry_checks([]) == []


def broken(index: int, **changes: object) -> list[Posting]:
    ledger = right()
    ledger[index] = replace(ledger[index], **changes)  # type: ignore[arg-type]
    return ledger


LOPSIDED = (Entry(MINT, Book.CREDITS, -5), Entry(TREASURY, Book.CREDITS, 6))


def test_I_L1_a_posting_out_of_balance_is_found() -> None:
    (found,) = checks.postings_sum_to_zero(broken(0, entries=LOPSIDED))
    assert (found.check, found.subject, found.message) == ("I-L1", "treasury:acme", "sums to 1 in credits posted")


def test_I_L2_a_ledger_out_of_balance_is_found_on_each_side_for_itself() -> None:
    sides = (Entry(ANA, Book.GPU_TIME, -5), Entry(ANA, Book.GPU_TIME, 5, Side.HELD))
    found = checks.ledger_sums_to_zero([*right(), replace(right()[0], entries=sides)])
    assert [(f.check, f.subject) for f in found] == [("I-L2", "gpu_time posted"), ("I-L2", "gpu_time held")]


def test_I_L3_a_balance_kept_wrong_by_one_micro_credit_is_found() -> None:
    ledger = right()
    cached = dict(Balances().apply(*ledger).known)
    cached[ANA] = Balance(cached[ANA].posted + Amounts(1), cached[ANA].expected)
    del cached[TREASURY]
    found = checks.cache_equals_entries(cached, ledger)
    assert [f.subject for f in found] == ["treasury/acme", "wallet/acme/ana"]
    assert found[1].message == (
        "kept as 100.000001 credits, 10.0 GPU-hours (held 0.0 credits, 0.0 GPU-hours), "
        "the entries say 100.0 credits, 10.0 GPU-hours (held 0.0 credits, 0.0 GPU-hours)"
    )


def test_I_L4_a_hold_beyond_the_balance_is_found_and_use_beyond_it_is_not() -> None:
    over = entries.hold(ANA, "dep-2", amounts(100.5), at=T0)
    (found,) = checks.never_authorized_below_zero([*funded(), over])
    assert (found.check, found.subject) == ("I-L4", "hold:dep-2:1")
    assert found.message == "left wallet/acme/ana with -0.5 credits"
    used = entries.use(PostingKind.CHARGE, ANA, amounts(101), NOTHING, key="c", at=T0, cause=Cause(run="run-1"))
    assert checks.never_authorized_below_zero([*funded(), used]) == []


def test_I_L4_money_that_comes_in_below_zero_is_no_overdraft() -> None:
    used = entries.use(PostingKind.CHARGE, ANA, amounts(101), NOTHING, key="c", at=T0, cause=Cause(run="run-1"))
    assert (
        checks.never_authorized_below_zero([*funded(), used, entries.grant(ORG, "ana", amounts(0.5), key="g", at=T0)])
        == []
    )


def test_I_L10_a_key_used_twice_and_a_posting_that_was_changed_are_found() -> None:
    ledger = right()
    same, other = (
        checks.keys_are_unique([*ledger, ledger[0]]),
        checks.keys_are_unique([*ledger, entries.hold(ANA, "dep-1", amounts(1), at=T0)]),
    )
    assert [f.message for f in same] == ["posted twice with the same content"]
    assert [f.message for f in other] == ["posted twice with other content"]
    assert [f.message for f in checks.keys_are_unique(broken(2, reason="another"))] == [
        "is not what its fingerprint says"
    ]


def reversal(original: str, *moves: Entry, key: str = "again", kind: PostingKind = PostingKind.REVERSE) -> Posting:
    return make(key, kind, T0, moves, reverses=original)


BACK = (Entry(BEN, Book.CREDITS, -5_000_000), Entry(TREASURY, Book.CREDITS, 5_000_000))


@pytest.mark.parametrize(
    ("wrong", "messages"),
    [
        ([reversal("g", *BACK)], ["reversed 2 times"]),
        ([reversal("nowhere", *BACK)], ["reverses nowhere, which does not exist"]),
        ([reversal("reverse:g", *BACK)], ["reverses the reversal reverse:g"]),
        ([reversal("treasury:acme", *BACK)], ["is not the mirror of treasury:acme"]),
        (
            [replace(reversal("x", *BACK), reverses=None)],
            ["is a reversal of nothing, or a reversal by another name"],
        ),
    ],
)
def test_I_L11_a_reversal_that_is_not_one_is_found(wrong: list[Posting], messages: list[str]) -> None:
    found = checks.reversals_mirror_once([*right(), *wrong])
    assert [f.message for f in found] == messages
    assert {f.check for f in found} == {"I-L11"}


def test_I_L12_a_posting_changed_or_removed_since_it_was_read_is_found() -> None:
    before = right()
    (found,) = checks.only_appended(before, broken(1, at=5))
    assert (found.check, found.message) == ("I-L12", "posting 2 was changed or removed")
    assert [f.subject for f in checks.only_appended(before, before[:-1])] == [before[-1].key]


def test_I_L13_an_amount_and_a_sum_that_do_not_fit_are_found() -> None:
    most = Entry(MINT, Book.CREDITS, -9 * 10**15), Entry(TREASURY, Book.CREDITS, 9 * 10**15)
    one = make("one", PostingKind.GRANT, T0, most)
    assert checks.amounts_fit([one]) == []
    assert [f.subject for f in checks.amounts_fit([one, replace(one, key="two")])] == ["two", "two"]
    larger = tuple(replace(entry, amount=entry.amount * 2) for entry in most)
    assert len(checks.amounts_fit([replace(one, entries=larger)])) == 2


def test_I_L14_a_quota_shown_wrong_and_an_allowance_paid_twice_are_found() -> None:
    ledger = right()[:-3]
    assert checks.use_by_payer(ledger, 0, NOW) == {ANA: amounts(8.58, 1.5)}
    (found,) = checks.used_equals_charges({ANA: amounts(8.58, 1.5) - Amounts(0, 1)}, ledger, 0, NOW)
    assert (found.check, found.subject) == ("I-L14", "wallet/acme/ana")
    again = replace(ledger[1], key="allowance:again")
    (found,) = checks.used_equals_charges({ANA: amounts(8.58, 1.5)}, [*ledger, again], 0, NOW)
    assert found.message == "got its allowance 2 times"


def test_I_L16_a_period_has_its_first_instant_and_not_its_last() -> None:
    ledger = right()[:4]
    paid_for = T0 + HOUR - 1
    assert checks.use_by_payer(ledger, paid_for, paid_for + 1) == {ANA: amounts(5.72, 1)}
    assert checks.use_by_payer(ledger, T0, paid_for) == checks.use_by_payer(ledger, paid_for + 1, NOW) == {}


def test_I_L14_what_was_given_back_does_not_count_as_used() -> None:
    assert checks.use_by_payer(right(), 0, NOW) == {ANA: NOTHING}


def test_I_L16_a_report_that_differs_from_the_ledger_of_its_half_open_period_is_found() -> None:
    ledger = right()[:4]
    assert checks.report_equals_ledger(amounts(5.72, 1), ledger, ORG, T0, T0 + HOUR) == []
    assert checks.report_equals_ledger(NOTHING, ledger, ORG, T0 + HOUR, NOW) == []
    assert checks.report_equals_ledger(NOTHING, ledger, "rival", 0, NOW) == []
    (found,) = checks.report_equals_ledger(amounts(5.72), ledger, ORG, T0, T0 + HOUR)
    assert (found.check, found.subject) == ("I-L16", ORG)


def test_I_L5_a_charge_without_its_run_or_beyond_it_is_found() -> None:
    ledger = right()[:-3]
    found = run_checks.charges_lie_in_runs([], ledger, NOW)
    assert [f.message for f in found] == ["charges a run that does not exist"] * 2
    (found_late,) = run_checks.charges_lie_in_runs([OPEN.ended(T0 + HOUR)], ledger, NOW)
    assert found_late.subject == "run-1"
    assert run_checks.charges_lie_in_runs([OPEN], ledger, T0 + HOUR) != []


def test_I_L5_more_given_back_than_charged_is_found() -> None:
    again = replace(right()[-3], key="refund:twice")
    (found,) = run_checks.charges_lie_in_runs([CLOSED], [*right(), again], NOW)
    assert found.message.startswith("more was given back than charged")


def test_I_L6_a_closed_run_charged_short_and_an_open_one_that_lags_are_found() -> None:
    ledger = right()[:4]
    assert [f.check for f in run_checks.runs_are_charged([CLOSED], ledger, NOW)] == ["I-L6"]
    assert run_checks.runs_are_charged([OPEN], ledger, T0 + 7 * HOUR + MINUTE) == []
    assert [f.subject for f in run_checks.runs_are_charged([OPEN], ledger, T0 + 7 * HOUR + 2 * MINUTE)] == ["run-1"]


def test_I_L7_a_charge_that_was_lost_shows_in_the_next() -> None:
    first = meter.charge(OPEN, T0 + HOUR, posted=NOTHING)
    second = meter.charge(OPEN, T0 + 2 * HOUR, posted=amounts(5.72, 1))
    assert first is not None
    assert second is not None
    assert run_checks.charges_follow_the_line([first, second]) == []
    (found,) = run_checks.charges_follow_the_line([second])
    assert (found.check, found.message) == ("I-L7", "the charges before it add up to meter:run-1:5720000:3600000")


def test_I_L8_runs_that_overlap_or_run_backwards_are_found() -> None:
    overlapping = run_checks.runs_do_not_overlap([line("run-2", start=T0 + HOUR), CLOSED])
    assert [(f.check, f.message) for f in overlapping] == [("I-L8", "overlaps run-1")]
    assert [f.message for f in run_checks.runs_do_not_overlap([OPEN, line("run-2", start=T0 + HOUR)])] == [
        "overlaps run-1"
    ]
    backwards = replace(OPEN, segments=(Segment(T0), Segment(T0 - 1)))
    assert run_checks.runs_do_not_overlap([CLOSED, line("run-2", start=T0 + 90 * MINUTE)]) == []
    for wrong in (backwards, replace(OPEN, end=T0 - 1)):
        assert [f.message for f in run_checks.runs_do_not_overlap([wrong])] == ["does not run forward in time"]


@pytest.mark.parametrize(
    ("state", "lines", "right_so"),
    [
        (State.RUNNING, [OPEN], True),
        (State.RUNNING, [], False),
        (State.RUNNING, [OPEN, line("run-2")], False),
        (State.SUSPENDED, [OPEN], True),
        (State.SUSPENDED, [CLOSED], False),
        (State.STOPPING, [OPEN], True),
        (State.STOPPING, [], True),
        (State.STOPPED, [OPEN], False),
        (State.STOPPED, [CLOSED], True),
        (State.QUEUED, [OPEN], False),
    ],
)
def test_I_L9_a_state_and_its_open_runs_agree(state, lines, right_so) -> None:
    found = run_checks.running_has_one_run(facts(state), lines)
    assert (found == []) is right_so
    assert all(f.check == "I-L9" for f in found)


def test_I_L9_a_run_without_its_deployment_is_found() -> None:
    (found,) = run_checks.running_has_one_run([], [OPEN])
    assert found.message == "has an open run and does not exist"


def test_I_L15_a_hold_of_what_has_ended_is_found_after_its_time() -> None:
    ledger = right()[:4]
    ended = T0 + 90 * MINUTE
    for state in (State.FAILED, State.STOPPED):
        assert run_checks.holds_are_decided(facts(state), ledger, ended + MINUTE) == []
        (found,) = run_checks.holds_are_decided(facts(state), ledger, ended + MINUTE + 1)
        assert (found.check, found.subject) == ("I-L15", "dep-1")
    assert run_checks.holds_are_decided(facts(State.QUEUED), ledger, NOW) == []
    assert [f.message for f in run_checks.holds_are_decided([], ledger, NOW)] == ["holds money and does not exist"]


def test_I_L15_a_hold_from_which_more_was_taken_than_was_in_it_is_found() -> None:
    wrong = entries.release(ANA, amounts(12), key="r", at=T0, cause=Cause(deployment="dep-1"))
    found = run_checks.holds_are_decided(facts(State.RUNNING), [*right()[:3], wrong], NOW)
    assert [f.message for f in found] == [f"more was taken from its hold than was in it: {amounts(-0.56, 2)}"]
