"""What is foreseen: the same for who asks first and who asks next, and how far it was looked is said."""

from __future__ import annotations

import pytest

from core.clock import HOUR, SECOND
from core.services import foresight as foresight_module
from core.services import trying
from core.services.foresight import Foresight
from core.views.foresight import PreviewCard
from tests.builders import World, job
from tests.services.conftest import Team


def asked(of: Foresight, team: Team, waiting: str) -> list[object]:
    trial = job("trial", gpu=8, hours=1)
    who = team.member
    return [of.preview(who, trial), of.why(who, waiting), of.queue(who), of.forecast(who), of.preview(who, trial)]


def crowded(team: Team) -> tuple[World, str]:
    """Two GPUs, nothing started yet: of three jobs that want both, in order."""
    world = team.world
    world.cluster(team.admin, gpu=8)
    world.fund(team.member, credits=1000, gpu_hours=1000)
    handles = [world.submit(team.member, f"w{number}", gpu=8, hours=2).id for number in range(3)]
    return world, handles[-1]


def test_whoever_asks_first_leaves_everything_as_the_next_would_have_found_it(small_team: Team) -> None:
    world, last = crowded(small_team)
    kept = world.bursar.foresight
    fresh = [
        answer
        for place in range(5)
        for answer in asked(Foresight(world.units, world.settings, kept._registry), small_team, last)[place : place + 1]
    ]
    assert asked(kept, small_team, last) == fresh == asked(kept, small_team, last)
    assert kept._sights.built == 1, "nothing has happened in between"


def test_after_anything_has_happened_or_a_moment_has_passed_the_board_is_built_anew(small_team: Team) -> None:
    world, last = crowded(small_team)
    of = world.bursar.foresight
    assert of.why(small_team.member, last).position == 3
    world.bursar.deployments.cancel(small_team.member, of.queue(small_team.member).items[0].id or "")
    assert of.why(small_team.member, last).position == 2
    assert of._sights.built == 2
    world.advance(5 * SECOND)
    of.why(small_team.member, last)
    assert of._sights.built == 3


def test_a_question_that_breaks_leaves_no_board_behind(small_team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    world, last = crowded(small_team)
    of = world.bursar.foresight
    of.why(small_team.member, last)
    with monkeypatch.context() as broken, pytest.raises(ZeroDivisionError):
        broken.setattr(foresight_module, "explain", lambda *_: 1 // 0)
        of.why(small_team.member, last)
    assert of.why(small_team.member, last).position == 3
    assert of._sights.built == 2


def test_where_it_was_not_looked_further_a_bound_is_said_and_no_instant(
    small_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, _ = crowded(small_team)
    of, who, now = world.bursar.foresight, small_team.member, world.clock.now()
    told = of.queue(who).items
    assert [line.estimate_at for line in told] == [now, now + HOUR, now + 2 * HOUR]
    assert [line.not_before_at for line in told] == [None] * 3
    monkeypatch.setattr(trying, "MOST_WORK", 0)
    monkeypatch.setattr(foresight_module, "MOST_WORK", 0)
    told = of.queue(who).items
    assert [line.estimate_at for line in told] == [now, None, None]
    assert [line.not_before_at for line in told] == [None, now + HOUR, now + HOUR]
    assert of.forecast(who).horizon_at == now + 2 * HOUR, "the bars are of those who take all their time"
    card = of.preview(who, job("trial", gpu=8, hours=1))
    assert isinstance(card, PreviewCard)
    assert (card.estimate_at, card.not_before_at) == (None, now + HOUR)


def test_of_many_delayed_the_first_are_named_and_the_others_counted(
    small_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trying, "_MOST_DELAYED", 1)
    world, _ = crowded(small_team)
    card = world.bursar.foresight.preview(small_team.member, job("trial", gpu=8, hours=1, priority=60))
    assert isinstance(card, PreviewCard) and card.starts_now
    assert [(line.from_at, line.to_at) for line in card.delayed] == [(world.clock.now(), world.clock.now() + HOUR)]
    assert card.delayed_more == 2


def test_what_follows_another_is_foreseen_behind_it_and_on_a_paused_cluster_nothing_is(small_team: Team) -> None:
    world, who = small_team.world, small_team.member
    world.cluster(small_team.admin, gpu=8)
    world.fund(who, credits=1000, gpu_hours=1000)
    first = world.submit(who, "first", gpu=1, hours=2)
    of, now = world.bursar.foresight, world.clock.now()

    def tried(**asked: object) -> PreviewCard:
        card = of.preview(who, job("trial", gpu=1, hours=1, **asked))
        assert isinstance(card, PreviewCard)
        return card

    assert tried().starts_now
    follows = tried(after=[first.id])
    assert not follows.starts_now and follows.node is None
    assert follows.estimate_at is not None and follows.estimate_at >= now + HOUR
    (why,) = [line for line in follows.blockers if line.code == "dependency"]
    assert why.holders == (first.id,)
    world.bursar.clusters.pause(small_team.admin, "rack")
    paused = tried()
    assert (paused.starts_now, paused.estimate_at) == (False, None)
    assert [line.message for line in paused.blockers if line.code == "gate"] == ["paused"]
    assert [line.blocker for line in of.queue(who).items] == ["paused"]
