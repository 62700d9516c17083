"""The home tab: at once for who does something, and for everybody else as often as Slack takes it and no more."""

from __future__ import annotations

from bot.homes import EACH_US, PACE_US, Homes
from core.clock import SECOND
from tests.bot.rules import everything_said
from tests.bot.scene import ADMIN, MEMBER, Scene

ANA, MIA = ("T", "U1"), ("T", "U2")


def test_a_tab_that_nobody_has_opened_is_not_shown() -> None:
    homes = Homes()
    homes.outdated(ANA, 0)
    assert homes.next(10 * EACH_US) is None


def test_however_much_happens_a_tab_is_shown_but_every_few_seconds() -> None:
    homes = Homes()
    homes.shown(ANA, 0)
    shown = []
    for now in range(0, 10 * EACH_US, SECOND // 10):
        homes.outdated(ANA, now)
        shown += [now] if homes.next(now) else []
    assert len(shown) == 9 and shown[0] == EACH_US
    assert homes.next(11 * EACH_US) == ANA, "what happened last is shown too"
    assert homes.next(20 * EACH_US) is None, "and then there is nothing more to show"


def test_many_tabs_together_keep_the_pace_and_a_refusal_holds_them_all() -> None:
    homes = Homes()
    for person in (ANA, MIA):
        homes.shown(person, 0)
        homes.outdated(person, 0)
    assert (homes.next(EACH_US), homes.next(EACH_US), homes.next(EACH_US + PACE_US)) == (ANA, None, MIA)
    homes.refused(MIA, 9 * EACH_US)
    homes.outdated(ANA, 2 * EACH_US)
    assert homes.next(8 * EACH_US) is None
    assert {homes.next(9 * EACH_US), homes.next(9 * EACH_US + PACE_US)} == {ANA, MIA}


async def test_a_change_reaches_an_open_tab_also_when_slack_refused_it_at_first(scene: Scene) -> None:
    for user in (ADMIN, MEMBER):
        await scene.event("app_home_opened", user, tab="home")
    scene.slack.fault = lambda method, _given: (
        scene.slack.refusal("ratelimited", 429, {"Retry-After": "5"}) if method == "views.publish" else None
    )
    scene.world.submit(scene.member, "train")
    await scene.delivered(4)
    assert "train" not in everything_said(scene.slack.homes[MEMBER])
    scene.slack.fault = lambda *_: None
    before = len(scene.slack.called("views.publish"))
    await scene.delivered(8)
    assert "train" in everything_said(scene.slack.homes[MEMBER])
    assert len(scene.slack.called("views.publish")) == before + 1


async def test_a_tab_that_is_opened_while_slack_wants_a_pause_is_shown_behind_it(scene: Scene) -> None:
    scene.slack.fault = lambda *_: scene.slack.refusal("ratelimited", 429, {"Retry-After": "5"})
    await scene.event("app_home_opened", MEMBER, tab="home")
    scene.slack.fault = lambda *_: None
    await scene.delivered(1)
    assert scene.slack.homes == {}
    scene.world.advance(5 * SECOND)
    await scene.delivered(1)
    assert "mia" in everything_said(scene.slack.homes[MEMBER])
