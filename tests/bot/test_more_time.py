"""More time that a member may not take alone: a press asks for it, one press gives it, and it is given once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core.clock import HOUR, MINUTE
from core.domain.lifecycle import State
from core.settings import Approvals
from tests.bot.rules import everything_said
from tests.bot.scene import ADMIN, MEMBER, STRANGER, Scene, said
from tests.bot.test_delivery import run_daemon


@pytest.fixture
def asks(on_either_store: Scene) -> Iterator[Scene]:
    """A job of mia's that was approved and runs, where everything is approved first; zoe is a second admin."""
    scene = on_either_store
    for service in (scene.world.bursar.deployments, scene.world.bursar.decisions):
        object.__setattr__(service._settings, "approvals", Approvals(policy="always"))
    scene.world.submit(scene.member, "train", hours=2, labels={"sim.duration": "9h"})
    scene.link(STRANGER, scene.world.member(scene.admin, "zoe", "admin"))
    yield scene


async def approved(scene: Scene) -> str:
    handle = scene.world.bursar.deployments.list(scene.member, mine=True).items[0].id
    await scene.press(ADMIN, "approve", handle)
    await happens(scene)
    return handle


async def happens(scene: Scene) -> None:
    run_daemon(scene)
    await scene.courier.tick()
    await scene.delivered(8)


def asked_of(scene: Scene, user: str) -> list[dict[str, Any]]:
    """The messages about more time as they stand now."""
    return [one for one in scene.slack.shown_in("D0" + user[2:]) if " more for train" in one["text"]]


def give_of(scene: Scene, user: str) -> str:
    (shown,) = asked_of(scene, user)
    elements = [one for block in shown["blocks"] for one in block.get("elements", ())]
    return str(next(one["value"] for one in elements if one.get("action_id") == "give_hours"))


def limit_ms(scene: Scene, handle: str) -> int | None:
    return scene.world.bursar.deployments.show(scene.admin, handle).hours_ms


async def test_a_press_asks_the_admins_and_one_of_them_gives_it_once(asks: Scene) -> None:
    handle = await approved(asks)
    body = asks.press_body(MEMBER, "extend", f"{handle} 1")
    answers = [await asks.interact(body) for _ in range(3)]
    assert [len(one) for one in answers] == [1, 0, 0]
    assert "ana and zoe are asked for 1 h more for train" in said(answers[0])
    await asks.press(MEMBER, "extend", f"{handle} 1")
    await happens(asks)
    for admin in (ADMIN, STRANGER):
        (shown,) = asked_of(asks, admin)
        assert shown["text"].startswith(
            "mia asks for 1 h more for train: 3 h in all, for 5.06 credits, 1 GPU-hour more"
        )
        assert "every submission is approved first" in everything_said(shown["blocks"])
    assert limit_ms(asks, handle) == 2 * HOUR // 1000, "nothing changes until somebody gives it"
    value, late = give_of(asks, ADMIN), give_of(asks, STRANGER)
    assert "3 h in all; mia is told" in said(await asks.press(ADMIN, "give_hours", value))
    assert "somebody has decided already" in said(await asks.press(STRANGER, "give_hours", late))
    assert limit_ms(asks, handle) == 3 * HOUR // 1000
    await happens(asks)
    for admin in (ADMIN, STRANGER):
        (shown,) = asked_of(asks, admin)
        assert "ana gave it more time" in shown["text"] and "give_hours" not in str(shown["blocks"])
    assert "train may run 3 h in all, says ana" in asks.said_to(MEMBER)


async def test_who_asks_for_another_time_asks_in_the_same_place(asks: Scene) -> None:
    """However often somebody presses, an admin has one message of it, which says the newest."""
    handle = await approved(asks)
    for hours in ("1", "30m", "2"):
        await asks.press(MEMBER, "extend", f"{handle} {hours}")
        await happens(asks)
    (shown,) = asked_of(asks, ADMIN)
    assert shown["text"].startswith("mia asks for 2 h more for train: 4 h in all")
    assert len([one for one in asks.slack.posts if one["channel"] == ADMIN and "more for train" in one["text"]]) == 1
    await asks.press(ADMIN, "give_hours", give_of(asks, ADMIN))
    assert limit_ms(asks, handle) == 4 * HOUR // 1000
    await happens(asks)
    await asks.press(MEMBER, "extend", f"{handle} 1")
    await happens(asks)
    assert len(asked_of(asks, ADMIN)) == 2, "of what was given it is another question"


async def test_a_line_asks_as_a_press_does(asks: Scene) -> None:
    await approved(asks)
    assert "are asked for 30 m more" in said(await asks.command(MEMBER, "extend train hours 30m"))
    await happens(asks)
    assert len(asked_of(asks, ADMIN)) == 1


async def test_an_admin_takes_it_and_a_member_may_not_give_it(asks: Scene) -> None:
    handle = await approved(asks)
    assert "may run 3 h" in said(await asks.press(ADMIN, "extend", f"{handle} 1"))
    assert "need an admin's yes" in said(await asks.press(MEMBER, "give_hours", f"{handle} 3600s 10800s"))
    assert limit_ms(asks, handle) == 3 * HOUR // 1000
    await happens(asks)
    assert "train may run 3 h in all, says ana" in asks.said_to(MEMBER)


async def test_what_cannot_be_paid_is_refused_before_anybody_is_asked(asks: Scene) -> None:
    handle = await approved(asks)
    assert "GPU-hours" in said(await asks.press(MEMBER, "extend", f"{handle} 90"))
    await happens(asks)
    assert asked_of(asks, ADMIN) == []


async def test_what_was_asked_for_something_that_has_ended_has_no_button_any_more(asks: Scene) -> None:
    handle = await approved(asks)
    await asks.press(MEMBER, "extend", f"{handle} 1")
    await happens(asks)
    value = give_of(asks, ADMIN)
    asks.world.advance(2 * HOUR + MINUTE)
    for _ in range(3):
        await happens(asks)
    assert asks.world.bursar.deployments.show(asks.admin, handle).state is State.FAILED
    (shown,) = asked_of(asks, ADMIN)
    assert "does not matter any more" in shown["text"] and "give_hours" not in str(shown["blocks"])
    assert "start or submit it anew" in said(await asks.press(ADMIN, "give_hours", value))


async def test_where_no_admin_is_in_slack_it_says_where_they_find_it(asks: Scene) -> None:
    handle = await approved(asks)
    for admin in (ADMIN, STRANGER):
        await asks.command(admin, "unlink")
    shown = said(await asks.press(MEMBER, "extend", f"{handle} 1"))
    assert "asked for 1 h more for train" in shown and "none of whom is in Slack" in shown
    (ask,) = asks.world.bursar.decisions.asks(asks.world.log_in("ana", org="vision")).items
    assert ask.id == handle, "and there they find it"


async def test_who_gets_other_hours_than_were_asked_for_is_told_so(asks: Scene) -> None:
    handle = asks.world.bursar.deployments.list(asks.member, mine=True).items[0].id
    await asks.command(ADMIN, f"approve {handle} hours 1")
    await happens(asks)
    assert "train may run 1 h in all, says ana" in asks.said_to(MEMBER)


async def test_the_home_tab_of_an_admin_shows_what_is_asked_until_it_is_given(asks: Scene) -> None:
    handle = await approved(asks)
    await asks.press(MEMBER, "extend", f"{handle} 1")
    await happens(asks)
    await asks.event("app_home_opened", ADMIN, tab="home")
    await asks.event("app_home_opened", MEMBER, tab="home")
    shown = everything_said(asks.slack.homes[ADMIN]["blocks"])
    assert "1 waits for you" in shown and "*mia* asks for 1 h more for *train*: 3 h in all" in shown
    assert "asks for 1 h" not in everything_said(asks.slack.homes[MEMBER]["blocks"])
    buttons = [block["accessory"] for block in asks.slack.homes[ADMIN]["blocks"] if "accessory" in block]
    (value,) = [one["value"] for one in buttons if one["action_id"] == "give_hours"]
    await asks.press(ADMIN, "give_hours", value)
    assert limit_ms(asks, handle) == 3 * HOUR // 1000
    shown = everything_said(asks.slack.homes[ADMIN]["blocks"])
    assert "nothing waits for you" in shown and "asks for 1 h" not in shown
