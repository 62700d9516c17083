"""Amounts, postings and their builders: what moves where, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.domain.errors import Conflict, Invalid
from core.ledger import entries, postings
from core.ledger.accounts import MINT
from core.ledger.amounts import NOTHING, Amounts, Book, checked, format_amount
from core.ledger.balances import Balances, hold_left, used_since_funded
from core.ledger.postings import Cause, Entry, Posting, PostingKind, Side
from tests.ledger.scenery import ANA, BEN, ORG, SPENT, T0, TREASURY, amounts, funded


@pytest.mark.parametrize(
    "wrong",
    [NOTHING, Amounts(-1, 0), Amounts(5, -1), Amounts(10**15 + 1, 0), Amounts(0, 36 * 10**14 + 1), Amounts(10**30, 1)],
)
def test_B41_an_amount_that_is_not_above_zero_or_does_not_fit_is_refused(wrong: Amounts) -> None:
    with pytest.raises(Invalid) as caught:
        checked(wrong)
    assert caught.value.code == "amount_out_of_range"
    assert caught.value.message.startswith("amount: ")
    with pytest.raises(Invalid):
        entries.grant(ORG, "ana", wrong, key="k", at=T0)


def test_B41_a_refused_amount_is_said_in_its_books() -> None:
    for wrong, said in [
        (NOTHING, "nothing"),
        (Amounts(-1, 0), "-0.000001 credits"),
        (amounts(-1, 2), "-1.0 credits and 2.0"),
    ]:
        with pytest.raises(Invalid, match=f"^amount: {said}"):
            checked(wrong)


def test_the_largest_and_the_smallest_amount_are_taken() -> None:
    assert checked(Amounts(10**15, 36 * 10**14)) == Amounts(10**15, 36 * 10**14)
    assert checked(Amounts(0, 1)) == Amounts(0, 1)


def test_amounts_are_shown_with_their_unit() -> None:
    assert format_amount(Book.CREDITS, 57_200_000) == "57.2 credits"
    assert format_amount(Book.GPU_TIME, 43_200_000) == "12.0 GPU-hours"
    assert [book for book, _ in Amounts(1, 2)] == [Book.CREDITS, Book.GPU_TIME]


def test_money_goes_from_the_mint_to_the_treasury_to_a_wallet_to_another() -> None:
    ledger = [
        entries.mint(ORG, amounts(100, 10), key="g1", at=T0, reason="start"),
        entries.grant(ORG, "ana", amounts(50, 5), key="g2", at=T0),
        entries.transfer(ANA, BEN, amounts(20), key="t1", at=T0),
        entries.transfer(BEN, TREASURY, amounts(5), key="t2", at=T0),
    ]
    balances = Balances().apply(*ledger)
    assert balances.of(MINT).posted == -amounts(100, 10)
    assert balances.of(TREASURY).posted == amounts(55, 5)
    assert balances.of(ANA).posted == amounts(30, 5)
    assert balances.of(BEN).available == amounts(15)
    assert [account.text for account, _ in balances] == ["mint", "treasury/acme", "wallet/acme/ana", "wallet/acme/ben"]


def test_applying_a_posting_leaves_the_balances_before_it_as_they_were() -> None:
    before = Balances()
    before.apply(*funded())
    assert before.of(ANA).posted == NOTHING


def test_a_hold_sets_aside_and_a_release_gives_back_without_moving_money() -> None:
    ledger = [*funded(), entries.hold(ANA, "dep-1", amounts(12, 2), at=T0)]
    balance = Balances().apply(*ledger).of(ANA)
    assert (balance.posted, balance.held, balance.available) == (amounts(100, 10), amounts(12, 2), amounts(88, 8))
    assert hold_left(ledger, "dep-1") == amounts(12, 2)
    ledger.append(
        entries.release(ANA, amounts(12, 2), key="r", at=T0, cause=Cause(deployment="dep-1"), reason="rejected")
    )
    assert Balances().apply(*ledger).of(ANA).available == amounts(100, 10)
    assert hold_left(ledger, "dep-1") == NOTHING


def test_use_comes_out_of_the_hold_first_and_the_rest_out_of_the_balance() -> None:
    ledger = [*funded(), entries.hold(ANA, "dep-1", amounts(12, 2), at=T0)]
    cause = Cause(deployment="dep-1", run="run-1")
    ledger.append(
        entries.use(PostingKind.CHARGE, ANA, amounts(15, 1), amounts(12, 2), key="c", at=T0, cause=cause, reason="")
    )
    balance = Balances().apply(*ledger).of(ANA)
    assert balance.posted == amounts(85, 9)
    assert balance.held == amounts(0, 1)
    assert Balances().apply(*ledger).of(SPENT).posted == amounts(15, 1)


@pytest.mark.parametrize(
    ("source", "target", "code"),
    [
        (ANA, ANA, "transfer_to_itself"),
        (ANA, MINT, "transfer_account"),
        (SPENT, ANA, "transfer_account"),
        (ANA, replace(BEN, org="rival"), "transfer_across_orgs"),
    ],
)
def test_a_transfer_that_does_not_stay_between_wallets_of_one_org_is_refused(source, target, code) -> None:
    with pytest.raises(Invalid) as caught:
        entries.transfer(source, target, amounts(1), key="t", at=T0)
    assert caught.value.code == code
    assert caught.value.hint


def test_an_allowance_and_a_starting_treasury_have_one_key_in_a_life() -> None:
    first = entries.allowance(ORG, "ana", amounts(100, 10), at=T0)
    assert first.key == entries.allowance(ORG, "ana", amounts(5), at=T0 + 9).key == "allowance:acme:ana"
    assert entries.start_treasury(ORG, amounts(1), at=T0).key == "treasury:acme"


def test_I_L1_a_posting_that_does_not_sum_to_zero_cannot_be_made() -> None:
    lone = [Entry(ANA, Book.CREDITS, 5)]
    crossed = [Entry(ANA, Book.CREDITS, -5), Entry(SPENT, Book.CREDITS, 5, Side.HELD)]
    mixed = [Entry(ANA, Book.CREDITS, -5), Entry(SPENT, Book.GPU_TIME, 5)]
    for wrong in (lone, crossed, mixed):
        with pytest.raises(ValueError, match="sum to zero"):
            postings.make("k", PostingKind.GRANT, T0, wrong)
    with pytest.raises(ValueError, match="moves nothing"):
        postings.make("k", PostingKind.GRANT, T0, [])


def test_I_L13_an_entry_that_does_not_fit_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        postings.make("k", PostingKind.CHARGE, T0, postings.move(ANA, SPENT, Amounts(9 * 10**15 + 1)))


def test_I_L10_the_same_key_with_the_same_content_is_one_posting_and_with_other_content_a_conflict() -> None:
    first = entries.grant(ORG, "ana", amounts(5), key="k", at=T0, reason="hello")
    assert postings.is_new(first, None)
    again = entries.grant(ORG, "ana", amounts(5), key="k", at=T0 + 60, reason="hello")
    assert not postings.is_new(again, first.fingerprint)
    for other in (
        entries.grant(ORG, "ana", amounts(6), key="k", at=T0, reason="hello"),
        entries.grant(ORG, "ben", amounts(5), key="k", at=T0, reason="hello"),
        entries.grant(ORG, "ana", amounts(5), key="k", at=T0, reason="other"),
        entries.mint(ORG, amounts(5), key="k", at=T0, reason="hello"),
        entries.grant(ORG, "ana", amounts(5), key="k", at=T0, reason="hello", cause=Cause(event="7")),
    ):
        with pytest.raises(Conflict) as caught:
            postings.is_new(other, first.fingerprint)
        assert caught.value.code == "key_reused"
        assert caught.value.fields == {"key": "k"}


def test_a_fingerprint_does_not_depend_on_the_order_of_entries() -> None:
    posting = entries.hold(ANA, "dep-1", amounts(1, 1), at=T0)
    backwards = tuple(reversed(posting.entries))
    assert postings.fingerprint(posting.kind, posting.reason, posting.cause, backwards) == posting.fingerprint


def reversed_once(original: Posting, **given: object) -> Posting:
    return entries.reverse(original, reversed_by=None, at=T0, reason="a mistake", **given)  # type: ignore[arg-type]


def test_I_L11_a_reversal_is_the_mirror_of_what_moved() -> None:
    start, given = funded()
    mirror = reversed_once(given, event="e-9")
    assert Balances().apply(start, given, mirror) == Balances().apply(start).apply(given, mirror)
    assert Balances().apply(start, given, mirror).of(ANA).posted == NOTHING
    assert (mirror.key, mirror.reverses, mirror.cause.event) == ("reverse:allowance:acme:ana", given.key, "e-9")


def test_I_L11_a_reversal_of_a_charge_does_not_set_the_hold_aside_again() -> None:
    cause = Cause(deployment="dep-1", run="run-1")
    held = entries.hold(ANA, "dep-1", amounts(12), at=T0)
    charged = entries.use(PostingKind.CHARGE, ANA, amounts(4), amounts(12), key="c", at=T0, cause=cause)
    mirror = reversed_once(charged, net_use=amounts(4))
    balance = Balances().apply(*funded(), held, charged, mirror).of(ANA)
    assert (balance.posted, balance.held) == (amounts(100, 10), amounts(8))
    assert mirror.cause.run == "run-1"


@pytest.mark.parametrize(
    ("kind", "reversed_by", "code"),
    [
        (PostingKind.HOLD, None, "not_reversible"),
        (PostingKind.RELEASE, None, "not_reversible"),
        (PostingKind.REVERSE, None, "reversal_reversed"),
        (PostingKind.GRANT, "reverse:k", "already_reversed"),
    ],
)
def test_I_L11_what_cannot_be_reversed_is_a_conflict(kind: PostingKind, reversed_by: str | None, code: str) -> None:
    original = replace(funded()[0], kind=kind)
    with pytest.raises(Conflict) as caught:
        entries.reverse(original, reversed_by=reversed_by, at=T0, reason="")
    assert caught.value.code == code
    assert caught.value.hint


def test_I_L11_a_charge_that_was_refunded_is_not_given_back_a_second_time() -> None:
    cause = Cause(deployment="dep-1", run="run-1")
    charged = entries.use(PostingKind.CHARGE, ANA, amounts(4, 1), NOTHING, key="c", at=T0, cause=cause)
    with pytest.raises(Conflict) as caught:
        reversed_once(charged, net_use=amounts(4, 0.5))
    assert caught.value.code == "already_refunded"
    assert reversed_once(charged, net_use=amounts(4, 1)).kind is PostingKind.REVERSE


def test_use_is_counted_since_the_last_grant_in_that_book() -> None:
    cause = Cause(deployment="dep-1", run="run-1")

    def used(key: str, cr: float, hours: float) -> Posting:
        return entries.use(PostingKind.CHARGE, ANA, amounts(cr, hours), NOTHING, key=key, at=T0, cause=cause)

    ledger = [*funded(), used("a", 30, 3)]
    ledger.append(entries.refund(ANA, amounts(10, 1), key="r", at=T0, cause=cause, reason="node_failed"))
    assert used_since_funded(ledger, ANA, Book.CREDITS) == (20_000_000, "allowance:acme:ana")
    ledger += [entries.grant(ORG, "ana", amounts(50), key="g", at=T0), used("b", 7, 1)]
    assert used_since_funded(ledger, ANA, Book.CREDITS) == (7_000_000, "g")
    assert used_since_funded(ledger, ANA, Book.GPU_TIME) == (3 * 3_600_000, "allowance:acme:ana")
    ledger.append(entries.transfer(ANA, BEN, amounts(1), key="t", at=T0))
    assert used_since_funded(ledger, ANA, Book.CREDITS) == (7_000_000, "g")
    assert used_since_funded(ledger, BEN, Book.CREDITS) == (0, "")
    ledger.append(entries.grant(ORG, "ana", Amounts(1), key="least", at=T0))
    assert used_since_funded(ledger, ANA, Book.CREDITS) == (0, "least")
