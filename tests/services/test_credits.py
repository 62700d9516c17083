"""Wallets, grants, transfers, reversals, by the services on a real store: who may, once, never what is not there."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from core.domain.errors import BursarError, Conflict, Exhausted, Forbidden, Invalid, NotFound
from core.domain.money_requests import GrantRequest, ReverseRequest, TransferRequest
from core.domain.roles import Caller
from core.domain.validation import validated
from core.views.money import PostingCard, WalletCard
from tests.services.conftest import Team

CREDIT, HOUR_MS = 1_000_000, 3_600_000


def grant(team: Team, who: Caller, **asked: Any) -> PostingCard:
    return team.world.bursar.credits.grant(who, validated(GrantRequest, **asked))


def transfer(team: Team, who: Caller, **asked: Any) -> PostingCard:
    return team.world.bursar.credits.transfer(who, validated(TransferRequest, **asked))


def reverse(team: Team, who: Caller, number: int, **asked: Any) -> PostingCard:
    asked = {"reason": "a mistake", **asked}
    return team.world.bursar.credits.reverse(who, validated(ReverseRequest, number=number, **asked))


def wallet(team: Team, who: Caller, user: str | None = None) -> WalletCard:
    return team.world.bursar.credits.wallet(who, user)


def balances(team: Team, who: Caller, user: str | None = None) -> tuple[int, int]:
    """In whole credits and whole GPU-hours."""
    card = wallet(team, who, user)
    return card.credits.balance_ucr // CREDIT, card.gpu_hours.balance_gpu_ms // HOUR_MS


def treasury(team: Team) -> tuple[int, int]:
    card = team.world.bursar.credits.treasury(team.admin)
    return card.credits.balance_ucr // CREDIT, card.gpu_hours.balance_gpu_ms // HOUR_MS


def operator_here(team: Team) -> Caller:
    return replace(team.operator, org="vision")


def test_who_creates_or_joins_starts_with_the_allowance_and_the_treasury_pays_it(team: Team) -> None:
    assert balances(team, team.member) == (100, 10)
    assert balances(team, team.admin) == (100, 10)
    # Two allowances are out; that of the founder, who has left, came back.
    assert treasury(team) == (10_000 - 200, 1_000 - 20)


def test_an_invite_names_its_own_allowance_and_leaves_the_rest_to_the_organization(small_team: Team) -> None:
    world, admin = small_team.world, small_team.admin
    rich = world.join(world.person("rita"), world.invite(admin, credits="500").code)
    assert balances(small_team, rich) == (500, 10)


def test_a_short_treasury_keeps_nobody_out_and_the_record_says_what_is_lacking(small_team: Team) -> None:
    world, admin = small_team.world, small_team.admin
    left, _ = treasury(small_team)
    grant(small_team, admin, user="mia", credits=str(left - 30))
    late = world.member(admin, "lea")
    assert balances(small_team, late) == (30, 10)
    assert treasury(small_team)[0] == 0
    joined = next(line for line in world.bursar.operations.audit(admin).items if line.verb == "member.join")
    assert json.loads(joined.after or "")["treasury_short_of"] == {"credits_ucr": 70 * CREDIT, "gpu_ms": 0}


def test_who_leaves_gives_their_balance_back_and_who_returns_gets_no_second_allowance(small_team: Team) -> None:
    world, admin = small_team.world, small_team.admin
    before = treasury(small_team)
    world.bursar.organizations.leave(small_team.member)
    assert treasury(small_team) == (before[0] + 100, before[1] + 10)
    back = world.join(replace(small_team.member, org=None), world.invite(admin, credits="70").code)
    assert balances(small_team, back) == (0, 0)
    assert balances(small_team, admin, "mia") == (0, 0)


def test_B61_nobody_leaves_and_no_organization_ends_over_deployments_that_are_not_over(small_team: Team) -> None:
    world, admin, mia = small_team.world, small_team.admin, small_team.member
    world.cluster(admin)
    running = world.submit(mia, "train")
    for end in (
        lambda: world.bursar.organizations.leave(mia),
        lambda: world.bursar.organizations.remove(admin, "mia"),
        lambda: world.bursar.organizations.delete(admin),
    ):
        with pytest.raises(Conflict) as refused:
            end()
        assert refused.value.code == "deployments_living"
        assert running.id in refused.value.message
    world.bursar.deployments.cancel(mia, running.id)
    world.bursar.organizations.leave(mia)
    world.bursar.organizations.delete(admin)


def test_a_grant_moves_from_the_treasury_and_a_mint_fills_it(team: Team) -> None:
    before = treasury(team)
    card = grant(team, team.admin, user="mia", credits="12.5", gpu_hours="2", reason="thesis")
    assert (card.kind, card.reason, card.actor) == ("grant", "thesis", "ana")
    assert {(line.account, line.credits_ucr, line.gpu_ms) for line in card.items} == {
        ("treasury", -12_500_000, -2 * HOUR_MS),
        ("wallet mia", 12_500_000, 2 * HOUR_MS),
    }
    assert balances(team, team.member) == (112, 12)
    grant(team, operator_here(team), treasury=True, credits="1000")
    assert treasury(team) == (before[0] - 13 + 1000, before[1] - 2)


def test_a_grant_beyond_the_treasury_says_what_is_there_and_what_is_missing(small_team: Team) -> None:
    with pytest.raises(Exhausted) as refused:
        grant(small_team, small_team.admin, user="mia", credits="20000")
    error = refused.value
    assert error.code == "balance_exhausted"
    assert error.message == "needs 20000.0 credits, 9800.0 left"
    assert (error.fields["need"], error.fields["have"], error.fields["missing"]) == (
        20_000 * CREDIT,
        9_800 * CREDIT,
        10_200 * CREDIT,
    )
    assert error.hint == "an operator can grant the treasury 10200.0 credits, or ask for less"
    grant(small_team, small_team.admin, user="mia", credits="9800")
    assert treasury(small_team)[0] == 0, "all that is there may be given"


def test_a_transfer_goes_from_ones_own_wallet_and_an_admin_moves_any(team: Team) -> None:
    transfer(team, team.member, user="ana", credits="40")
    assert balances(team, team.admin) == (140, 10)
    before = treasury(team)
    transfer(team, team.member, treasury=True, gpu_hours="3")
    assert treasury(team) == (before[0], before[1] + 3)
    transfer(team, team.admin, **{"from": "mia", "user": "ana", "credits": "60"})
    assert balances(team, team.member) == (0, 7)
    with pytest.raises(Exhausted):
        transfer(team, team.member, user="ana", credits="0.000001")


ORDINARY = [
    ("a member grants", lambda t: grant(t, t.member, user="mia", credits="1"), Forbidden),
    ("an admin mints", lambda t: grant(t, t.admin, treasury=True, credits="1"), Forbidden),
    (
        "a member moves another's money",
        lambda t: transfer(t, t.member, **{"from": "ana", "user": "mia", "credits": "1"}),
        Forbidden,
    ),
    ("a member looks into another's wallet", lambda t: wallet(t, t.member, "ana"), Forbidden),
    ("a member looks for somebody unknown", lambda t: wallet(t, t.member, "nobody-here"), Forbidden),
    ("a member looks into the treasury", lambda t: t.world.bursar.credits.treasury(t.member), Forbidden),
    ("a member reverses", lambda t: reverse(t, t.member, 1), Forbidden),
    ("an admin reverses what an operator minted", lambda t: reverse(t, t.admin, 1), Forbidden),
    ("an admin asks for somebody unknown", lambda t: wallet(t, t.admin, "nobody-here"), NotFound),
    ("a grant to who is no member", lambda t: grant(t, t.admin, user="olga", credits="1"), NotFound),
    ("a transfer to oneself", lambda t: transfer(t, t.member, user="mia", credits="1"), Invalid),
    ("a number that does not exist", lambda t: reverse(t, t.admin, 999_999), NotFound),
]


@pytest.mark.parametrize(("ask", "kind"), [pytest.param(ask, kind, id=name) for name, ask, kind in ORDINARY])
def test_what_is_refused_leaves_the_ledger_as_it_was(small_team: Team, ask: Any, kind: type[BursarError]) -> None:
    before = small_team.world.bursar.statements.verify(small_team.admin)
    with pytest.raises(kind):
        ask(small_team)
    assert small_team.world.bursar.statements.verify(small_team.admin) == before


def test_another_organizations_money_is_not_there(team: Team) -> None:
    world = team.world
    other = world.org(team.operator, "audio")
    mine = grant(team, team.admin, user="mia", credits="1")
    stranger = world.member(other, "otto")
    for ask in (
        lambda: world.bursar.credits.wallet(other, "mia"),
        lambda: world.bursar.statements.posting(other, mine.number),
        lambda: world.bursar.credits.reverse(other, ReverseRequest(number=mine.number, reason="mine")),
        lambda: world.bursar.credits.grant(other, GrantRequest(user="mia", credits="1")),
    ):
        with pytest.raises(NotFound):
            ask()
    assert balances(team, stranger) == (100, 10)


def test_a_member_opens_what_touched_their_wallet_and_nothing_else(small_team: Team) -> None:
    open_ = small_team.world.bursar.statements.posting
    mine = grant(small_team, small_team.admin, user="mia", credits="1")
    others = grant(small_team, small_team.admin, user="ana", credits="1")
    assert open_(small_team.member, mine.number).key == mine.key
    with pytest.raises(NotFound):
        open_(small_team.member, others.number)


def test_a_key_makes_it_happen_once_and_never_stands_for_something_else(team: Team) -> None:
    first = grant(team, team.admin, user="mia", credits="5", key="may-1")
    team.world.advance(60_000_000)
    assert grant(team, team.admin, user="mia", credits="5", key="may-1") == first
    assert balances(team, team.member) == (105, 10)
    for other in (
        lambda: grant(team, team.admin, user="mia", credits="6", key="may-1"),
        lambda: grant(team, team.admin, user="ana", credits="5", key="may-1"),
        lambda: transfer(team, team.admin, user="mia", credits="5", key="may-1"),
        lambda: reverse(team, team.admin, first.number, key="may-1"),
    ):
        with pytest.raises(Conflict) as refused:
            other()
        assert refused.value.code == "key_reused"
    assert grant(team, team.admin, user="mia", credits="5", key="may-2").number != first.number


def test_the_same_key_is_another_persons_own(small_team: Team) -> None:
    mine = transfer(small_team, small_team.member, user="ana", credits="5", key="k")
    theirs = transfer(small_team, small_team.admin, user="mia", credits="5", key="k")
    assert mine.number != theirs.number


def test_I_L11_a_posting_is_reversed_once_for_exactly_its_amount(team: Team) -> None:
    given = grant(team, team.admin, user="mia", credits="50", gpu_hours="1")
    before = treasury(team)
    mirror = reverse(team, team.admin, given.number, key="r1")
    assert mirror.reverses == given.key
    assert sorted(line.credits_ucr for line in mirror.items) == sorted(-line.credits_ucr for line in given.items)
    assert treasury(team) == (before[0] + 50, before[1] + 1)
    assert reverse(team, team.admin, given.number, key="r1") == mirror, "asked again with the same key"
    for number, code in ((given.number, "already_reversed"), (mirror.number, "reversal_reversed")):
        with pytest.raises(Conflict) as refused:
            reverse(team, team.admin, number)
        assert refused.value.code == code


def test_what_was_given_away_already_cannot_be_taken_back(small_team: Team) -> None:
    given = grant(small_team, small_team.admin, user="mia", credits="50")
    transfer(small_team, small_team.member, user="ana", credits="120")
    with pytest.raises(Exhausted) as refused:
        reverse(small_team, small_team.admin, given.number)
    assert refused.value.message == "needs 50.0 credits, 30.0 left"


def test_what_is_held_cannot_be_given_away(small_team: Team) -> None:
    world, mia = small_team.world, small_team.member
    world.cluster(small_team.admin)
    world.submit(mia, "train", hours=4)
    card = wallet(small_team, mia)
    assert card.gpu_hours.held_gpu_ms == 4 * HOUR_MS
    assert card.gpu_hours.available_gpu_ms == 6 * HOUR_MS
    with pytest.raises(Exhausted):
        transfer(small_team, mia, user="ana", gpu_hours="6.01")
    transfer(small_team, mia, user="ana", gpu_hours="6")
    assert world.bursar.statements.verify(small_team.admin).holds
