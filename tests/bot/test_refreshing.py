"""Cards that stay: what they say of cost and place is never much older than it says, and never in the way of news."""

from __future__ import annotations

from typing import Any

from core.clock import HOUR, MINUTE
from core.services.deliveries import CARD_HOLDS_US
from tests.bot.rules import everything_said
from tests.bot.scene import MEMBER, Scene
from tests.bot.test_delivery import run_daemon


async def posted(scene: Scene) -> None:
    run_daemon(scene)
    await scene.courier.tick()
    await scene.delivered()


def updates(scene: Scene) -> list[dict[str, Any]]:
    return scene.slack.called("chat.update")


async def test_a_card_of_what_runs_says_what_it_has_cost_by_now(on_either_store: Scene) -> None:
    scene = on_either_store
    scene.world.submit(scene.member, "train", hours=2, labels={"sim.duration": "9h"})
    for _ in range(3):
        await posted(scene)
    before = len(updates(scene))
    scene.world.advance(10 * MINUTE)
    await scene.courier.tick()
    await scene.delivered()
    assert len(updates(scene)) == before, "what is younger than a quarter of an hour holds"
    scene.world.advance(50 * MINUTE)
    await scene.courier.tick()
    await scene.delivered()
    assert len(updates(scene)) == before + 1
    (card,) = [one for one in scene.slack.shown_in("D0MIA") if "train (dep-" in one["text"]]
    assert "*cost so far*\n5." in everything_said(card["blocks"])
    assert len(scene.slack.called("chat.postMessage")) == 2, "nobody is told of it"


async def test_what_has_ended_is_left_as_it_stands(scene: Scene) -> None:
    card = scene.world.submit(scene.member, "train")
    await posted(scene)
    await scene.press(MEMBER, "cancel", card.id)
    for _ in range(3):
        await posted(scene)
    before = len(updates(scene))
    scene.world.advance(HOUR)
    await posted(scene)
    assert len(updates(scene)) == before


async def test_of_many_cards_few_are_shown_anew_at_once_and_none_while_there_is_news(scene: Scene) -> None:
    for number in range(15):
        scene.world.submit(scene.member, f"train-{number}", gpu=0)
    await scene.delivered(20)
    before = len(updates(scene))
    scene.world.advance(CARD_HOLDS_US)
    scene.world.submit(scene.member, "newest", gpu=0)
    scene.follow()
    assert scene.world.bursar.deliveries().refresh() == 0
    await scene.delivered()
    assert scene.world.bursar.deliveries().refresh() == 10
    await scene.delivered(20)
    assert len(updates(scene)) == before + 10
    assert scene.world.bursar.deliveries().refresh() == 5, "those that were left, and none of the ten again"
