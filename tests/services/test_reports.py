"""What a report tells whom: admins of everybody, members of themselves; and what it says of a period that goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.clock import DAY
from core.domain.money_requests import PeriodRequest, UseRequest
from core.domain.periods import iso
from core.domain.validation import validated
from core.store.queries import reports as queries
from core.views.money import Sum
from core.views.reports import ReportCard, change, sentence
from tests.services.conftest import Team
from tests.services.test_credits_statements import play_three_hours

HOUR_MS = 3_600_000
WHOLE = "2026-01-01..2026-01-03"


def days_later(team: Team, days: int) -> Team:
    """Everything is posted, and who is in has logged in anew."""
    world = play_three_hours(team).world
    world.advance(days * DAY)
    world.bursar.daemon().once()
    return replace(team, admin=world.log_in("ana", org="vision"), member=world.log_in("mia", org="vision"))


@pytest.fixture
def played(small_team: Team) -> Team:
    return days_later(small_team, 1)


@pytest.fixture
def played_anywhere(team: Team) -> Team:
    return days_later(team, 2)


def of_parts(card: ReportCard) -> list[Sum]:
    """The total once more, from each of the ways in which it is told apart."""
    parts = (card.users, card.clusters, card.deployments, card.days)
    return [Sum(sum(one.credits_ucr for one in part), sum(one.gpu_ms for one in part)) for part in parts]


def test_I_L16_whoever_looks_the_parts_are_the_whole_and_the_whole_is_the_ledgers(played_anywhere: Team) -> None:
    bursar = played_anywhere.world.bursar
    for who in (played_anywhere.admin, played_anywhere.member):
        card = bursar.reports.show(who, WHOLE)
        asked = validated(UseRequest, **{"from": iso(card.since), "to": iso(card.until)}, by="cluster")
        assert card.total.gpu_ms == 2 * HOUR_MS
        assert bursar.statements.usage(who, asked).total == card.total
        assert of_parts(card) == [card.total] * 4


def test_a_member_sees_their_own_use_and_what_is_left_to_them(played_anywhere: Team) -> None:
    bursar, mia = played_anywhere.world.bursar, played_anywhere.member
    card, whole = bursar.reports.show(mia, WHOLE), bursar.reports.show(played_anywhere.admin, WHOLE)
    assert (card.owner, card.whose, whole.owner, whole.whose) == ("mia", "mia in vision", None, "vision")
    assert [line.what for line in card.users] == ["mia"]
    assert [line.owner for line in card.deployments] == ["mia"]
    assert [line.what for line in card.clusters] == ["rack"]
    assert (card.waits and card.waits.started, whole.waits and whole.waits.started) == (1, 2)
    assert (card.unposted_runs, whole.unposted_runs) == (0, 0)
    assert card.total.credits_ucr < whole.total.credits_ucr
    wallet = bursar.statements.of_wallet(mia, validated(PeriodRequest, to="2026-01-03")).closing
    assert card.left == wallet != whole.left
    assert "by mia" not in sentence(card) and "left" in sentence(card)


def test_who_has_used_nothing_sees_nothing_of_others(played_anywhere: Team) -> None:
    noa = played_anywhere.world.member(played_anywhere.admin, "noa")
    card = played_anywhere.world.bursar.reports.show(noa, WHOLE)
    assert (card.total, card.users, card.clusters, card.deployments, card.waits) == (Sum(), (), (), (), None)
    assert all(day.credits_ucr == 0 and day.users == () for day in card.days)


def test_what_has_been_used_of_a_period_so_far_is_not_held_against_a_whole_one(played: Team) -> None:
    show = played.world.bursar.reports.show
    month, day = show(played.admin, "2026-01"), show(played.admin, "2026-01-01")
    assert (month.so_far, day.so_far) == (True, False)
    assert change(month) == "so far" and "(so far)" in sentence(month)
    assert change(day) == "nothing the day before"
    assert day.lasts_until_day is not None
    assert month.lasts_until_day is not None, "its pace is that of the days that have been, not of the whole month"


def test_of_more_deployments_than_a_statement_takes_each_has_its_name(
    played_anywhere: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "_NAMED_AT_ONCE", 1)
    card = played_anywhere.world.bursar.reports.show(played_anywhere.admin, WHOLE)
    assert {(line.name, line.owner) for line in card.deployments} == {("train", "mia"), ("web", "ana")}
