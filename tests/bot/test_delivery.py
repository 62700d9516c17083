"""What goes out: one card a deployment, kept up to date; each notice once; and the truth about what is unsure."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from bot.ids import Action
from core.clock import DAY, HOUR, MINUTE, SECOND
from core.domain.chat import DeliveryKind, DeliveryState
from core.services.deliveries import MOST_ATTEMPTS
from core.services.notices import want
from core.settings import Approvals
from tests.bot.rules import everything_said
from tests.bot.scene import ADMIN, MEMBER, STRANGER, Scene, said


def run_daemon(scene: Scene) -> None:
    daemon = scene.world.bursar.daemon()
    try:
        daemon.once()
    finally:
        daemon.close()


def cards_of(scene: Scene, user: str) -> list[dict[str, Any]]:
    return [one for one in scene.slack.shown_in("D0" + user[2:]) if not one.get("thread_ts")]


async def test_a_deployment_has_one_card_that_always_shows_how_it_stands(on_either_store: Scene) -> None:
    scene = on_either_store
    scene.world.submit(scene.member, "train", labels={"sim.duration": "90s"})
    await scene.delivered()
    (card,) = cards_of(scene, MEMBER)
    assert "queued" in everything_said(card["blocks"])
    run_daemon(scene)
    await scene.delivered()
    assert "running" in everything_said(card["blocks"])
    scene.world.advance(5 * MINUTE)
    run_daemon(scene)
    await scene.delivered()
    assert "completed" in everything_said(card["blocks"])
    assert len(cards_of(scene, MEMBER)) == 1
    told = [everything_said(one["blocks"]) for one in scene.slack.posts if one.get("thread_ts") == card["ts"]]
    assert len(told) == 2
    assert "runs on" in told[0] and "cost" in told[1]


async def test_nobody_gets_what_is_not_theirs_and_nothing_from_before_they_came(scene: Scene) -> None:
    scene.world.submit(scene.admin, "secret")
    await scene.delivered()
    assert "secret" in scene.said_to(ADMIN) and "secret" not in scene.said_to(MEMBER)


async def test_approvals_go_to_admins_and_lose_their_buttons_when_decided(on_either_store: Scene) -> None:
    scene = on_either_store
    object.__setattr__(scene.world.bursar.deployments._settings, "approvals", Approvals(policy="always"))
    card = scene.world.submit(scene.member, "train")
    await scene.delivered()
    (asked,) = cards_of(scene, ADMIN)
    buttons = asked["blocks"][-2]["elements"]
    assert [one["action_id"] for one in buttons] == [Action.APPROVE, Action.CHANGE, Action.REJECT]
    assert "is approved" in said(await scene.press(ADMIN, buttons[0]["action_id"], buttons[0]["value"]))
    await scene.delivered()
    assert "approved by ana" in everything_said(asked["blocks"])
    assert not [block for block in asked["blocks"] if block["type"] == "actions"]
    assert "approved by ana" in scene.said_to(MEMBER)
    scene.world.bursar.deployments.cancel(scene.member, card.id)
    await scene.delivered()
    assert "approved by ana" in everything_said(asked["blocks"]), "the decision stays what it was"


async def test_a_limit_that_comes_near_is_told_once_with_a_way_to_extend(on_either_store: Scene) -> None:
    scene = on_either_store
    card = scene.world.submit(scene.member, "train", hours=1)
    run_daemon(scene)
    await scene.delivered()
    scene.world.advance(HOUR - 10 * MINUTE)
    for _ in range(3):
        await scene.courier.tick()
        await scene.delivered()
    warned = [one for one in scene.slack.posts if "time limit" in one["text"]]
    assert len(warned) == 1
    button = warned[0]["blocks"][-1]["elements"][0]
    assert "2 h" in said(await scene.press(MEMBER, button["action_id"], button["value"]))
    assert scene.world.bursar.deployments.show(scene.member, card.id).hours_ms == 2 * HOUR // 1000


async def test_preempted_names_by_whom_and_the_end_tells_cost_and_refund(scene: Scene) -> None:
    scene.world.fund(scene.member, credits=500, gpu_hours=100)
    low = scene.world.submit(scene.member, "low", gpu=8, priority=10, hours=5)
    run_daemon(scene)
    scene.world.advance(HOUR)
    run_daemon(scene)
    high = scene.world.submit(scene.admin, "high", gpu=1, priority=60, hours=1)
    run_daemon(scene)
    await scene.delivered()
    assert f"preempted by {high.id}" in scene.said_to(MEMBER)
    scene.world.advance(5 * MINUTE)
    run_daemon(scene)
    scene.world.bursar.deployments.cancel(scene.member, low.id)
    run_daemon(scene)
    await scene.delivered(30)
    ended = [one["text"] for one in scene.slack.posts if "cancelled" in one["text"] and one.get("thread_ts")]
    assert len(ended) == 1
    assert "cost" in ended[0] and "given back" in ended[0]


async def test_E59_too_fast_is_waited_out_as_long_as_slack_says(scene: Scene) -> None:
    scene.world.submit(scene.member, "train")
    scene.slack.fault = lambda method, _given: (
        scene.slack.refusal("ratelimited", 429, {"Retry-After": "30"}) if method == "chat.postMessage" else None
    )
    await scene.courier.round()
    scene.slack.fault = lambda *_: None
    before = len(scene.slack.called("chat.postMessage"))
    scene.world.advance(29 * SECOND)
    await scene.courier.round()
    assert len(scene.slack.called("chat.postMessage")) == before
    scene.world.advance(2 * SECOND)
    await scene.courier.round()
    assert "train" in scene.said_to(MEMBER)


async def test_E59_who_is_too_fast_for_one_posts_nothing_to_anybody_until_slack_takes_it_again(scene: Scene) -> None:
    scene.world.submit(scene.member, "train")
    scene.slack.fault = lambda method, _given: scene.slack.refusal("ratelimited", 429, {"Retry-After": "30"})
    await scene.courier.round()
    scene.slack.fault = lambda *_: None
    scene.world.submit(scene.admin, "other")
    scene.world.advance(20 * SECOND)
    await scene.delivered(3)
    assert scene.slack.posts == []
    scene.world.advance(10 * SECOND)
    await scene.delivered(3)
    assert {one["channel"] for one in scene.slack.posts} == {ADMIN, MEMBER}


async def test_a_channel_gets_at_most_one_message_a_second(scene: Scene) -> None:
    for number in range(3):
        scene.world.submit(scene.member, f"train-{number}")
    for _ in range(5):
        await scene.courier.round()
    assert len(cards_of(scene, MEMBER)) == 1
    await scene.delivered()
    assert len(cards_of(scene, MEMBER)) == 3


UNKNOWN = {
    "no answer in time": lambda slack: TimeoutError(),
    "the connection broke": lambda slack: aiohttp.ServerDisconnectedError(),
    "an internal error": lambda slack: slack.refusal("internal_error", 500),
    "a fatal error": lambda slack: slack.refusal("fatal_error"),
}


@pytest.mark.parametrize("fault", UNKNOWN)
async def test_what_was_perhaps_posted_is_not_posted_again_unless_somebody_says_so(scene: Scene, fault: str) -> None:
    scene.world.submit(scene.member, "train")
    scene.slack.after_fault = lambda method, _given: (
        UNKNOWN[fault](scene.slack) if method == "chat.postMessage" else None
    )
    await scene.courier.round()
    scene.slack.after_fault = lambda *_: None
    await scene.delivered()
    assert len(cards_of(scene, MEMBER)) == 1, "it was posted, and never twice"
    assert scene.world.bursar.deliveries().counts()[DeliveryState.UNSURE] == 1
    await scene.event("app_home_opened", MEMBER, tab="home")
    home = scene.slack.homes[MEMBER]
    assert "perhaps not delivered" in everything_said(home)
    button = next(b["accessory"] for b in home["blocks"] if b.get("accessory"))
    assert "no such message" in said(await scene.press(ADMIN, button["action_id"], button["value"]))
    assert "posted again" in said(await scene.press(MEMBER, button["action_id"], button["value"]))
    await scene.delivered()
    assert len(cards_of(scene, MEMBER)) == 2
    assert "by now" in said(await scene.press(MEMBER, button["action_id"], button["value"]))


async def test_a_bot_that_dies_while_posting_leaves_it_unsure_and_another_does_not_post_it(scene: Scene) -> None:
    scene.world.submit(scene.member, "train")
    scene.follow()
    (parcel,) = scene.world.bursar.deliveries().claim("one that dies")
    scene.world.advance(10 * MINUTE)
    await scene.courier.tick()
    await scene.delivered()
    assert cards_of(scene, MEMBER) == []
    assert scene.world.bursar.deliveries().counts()[DeliveryState.UNSURE] == 1
    scene.world.bursar.deliveries().done(parcel)
    assert scene.world.bursar.deliveries().counts()[DeliveryState.UNSURE] == 1, "it is not that bot's any more"


@pytest.mark.parametrize("error", ["channel_not_found", "account_inactive", "token_revoked", "is_archived"])
async def test_E60_what_can_never_arrive_is_dead_with_its_reason(scene: Scene, error: str) -> None:
    scene.world.submit(scene.member, "train")
    scene.slack.fault = lambda method, _given: scene.slack.refusal(error) if method == "chat.postMessage" else None
    await scene.delivered()
    assert len(scene.slack.called("chat.postMessage")) == 1
    assert scene.world.bursar.deliveries().counts()[DeliveryState.DEAD] == 1


async def test_E60_a_card_that_somebody_deleted_is_not_brought_back(scene: Scene) -> None:
    scene.world.submit(scene.member, "train")
    await scene.delivered()
    scene.slack.messages.clear()
    run_daemon(scene)
    await scene.delivered()
    assert "queued" not in scene.said_to(MEMBER) and not cards_of(scene, MEMBER)


AWAY = {
    "service_unavailable": 503,
    "ratelimited": 429,
    "invalid_auth": 200,  # the token was exchanged, and the bot does not have the new one yet
    "missing_scope": 200,
}


@pytest.mark.parametrize("error", AWAY)
async def test_E59_an_outage_of_hours_loses_nothing(scene: Scene, error: str) -> None:
    scene.world.submit(scene.member, "train")
    scene.slack.fault = lambda method, _given: (
        scene.slack.refusal(error, AWAY[error]) if method == "chat.postMessage" else None
    )
    for _ in range(6 * 12):
        await scene.courier.round()
        scene.world.advance(10 * MINUTE)
    assert cards_of(scene, MEMBER) == []
    scene.slack.fault = lambda *_: None
    await scene.delivered()
    assert len(cards_of(scene, MEMBER)) == 1


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
async def test_a_poison_message_is_given_up_after_a_day(scene: Scene, method: str) -> None:
    scene.world.submit(scene.member, "train")
    if method == "chat.update":
        await scene.delivered(2)
        scene.world.advance(7 * DAY)
        run_daemon(scene)
    scene.slack.fault = lambda called, _given: (
        scene.slack.refusal("service_unavailable", 503) if called == method else None
    )
    for _ in range(6 * 30):
        await scene.courier.round()
        scene.world.advance(10 * MINUTE)
    assert scene.world.bursar.deliveries().counts()[DeliveryState.DEAD] == 1
    assert 6 * 22 < len(scene.slack.called(method)) <= MOST_ATTEMPTS


async def test_hundreds_of_messages_for_one_keep_nobody_elses_back(on_either_store: Scene) -> None:
    scene = on_either_store
    card = scene.world.submit(scene.member, "first")
    await scene.delivered(2)
    with scene.world.units.serve() as unit:
        (person,) = unit.slack.recipients(unit.deployments.by_handles([card.id])[0].org_id, {scene.member.account_id})
        for number in range(300):
            data: dict[str, object] = {"notice": "given", "by": "ana", "credits_ucr": number + 1, "gpu_ms": 0}
            org_id = unit.deployments.by_handles([card.id])[0].org_id
            want(unit, person, org_id, DeliveryKind.NOTICE, f"given:{number}", data)
    scene.world.submit(scene.admin, "second")
    scene.world.advance(2 * SECOND)
    await scene.courier.round()
    assert "second" in scene.said_to(ADMIN)
    assert len(scene.slack.shown_in("D0MIA")) == 2, "one message a second for each"


@pytest.mark.parametrize(
    ("code", "status", "headers"),
    [("internal_error", 500, {}), ("service_unavailable", 503, {}), ("ratelimited", 429, {"Retry-After": "600"})],
)
@pytest.mark.parametrize("for_hours", [3, 24])
async def test_I_M2_whatever_slack_answers_each_message_has_come_or_is_given_up_within_a_day(
    scene: Scene, code: str, status: int, headers: dict[str, str], for_hours: int
) -> None:
    scene.world.submit(scene.member, "train")
    until = scene.world.clock.now() + for_hours * HOUR
    scene.slack.fault = lambda method, _given: (
        scene.slack.refusal(code, status, headers)
        if method == "chat.postMessage" and scene.world.clock.now() < until
        else None
    )
    for _ in range(24):
        await scene.courier.round()
        scene.world.advance(HOUR)
    counts = scene.world.bursar.deliveries().counts()
    assert sum(counts.values()) >= 1
    ends = {DeliveryState.SENT, DeliveryState.DEAD, DeliveryState.UNSURE}  # the last waits for nobody but a person
    assert {state for state, number in counts.items() if number} <= ends


async def test_two_bots_on_one_store_post_everything_once(scene: Scene) -> None:
    for number in range(4):
        scene.world.submit(scene.member, f"train-{number}")
        scene.world.submit(scene.admin, f"other-{number}")
    second = scene.another_courier("second")
    for _ in range(10):
        await asyncio.gather(scene.courier.round(), second.round())
        scene.world.advance(2 * SECOND)
    names = [one["text"].split()[0] for one in scene.slack.posts if "queued" in one["text"]]
    assert sorted(names) == sorted(
        [f"train-{number}" for number in range(4)] + [f"other-{number}" for number in range(4)]
    )


async def test_of_very_many_at_once_only_some_get_a_card(scene: Scene) -> None:
    for number in range(30):
        scene.world.submit(scene.member, f"train-{number}", gpu=0)
    await scene.delivered(60)
    (more,) = [one for one in cards_of(scene, MEMBER) if "you ask for much at once" in one["text"]]
    assert "/bursar list mine" in more["text"]
    assert len(cards_of(scene, MEMBER)) == 20 + 1


async def test_of_very_many_that_wait_for_an_approval_an_admin_is_told_of_some_and_where_the_rest_is(
    scene: Scene,
) -> None:
    object.__setattr__(scene.world.bursar.deployments._settings, "approvals", Approvals(policy="always"))
    for number in range(30):
        scene.world.submit(scene.member, f"train-{number}", gpu=0)
    await scene.delivered(60)
    cards = cards_of(scene, ADMIN)
    assert len([one for one in cards if "Approve or reject" in one["text"]]) == 20
    (more,) = [one for one in cards if "waits for a decision" in one["text"]]
    assert "/bursar approvals" in more["text"]


async def test_a_link_is_told_to_the_one_who_was_linked_with_a_way_back(scene: Scene) -> None:
    scene.link(STRANGER, scene.world.member(scene.admin, "ben"))
    await scene.delivered()
    (told,) = [one for one in scene.slack.posts if "you act as ben" in one["text"]]
    button = told["blocks"][-1]["elements"][0]
    await scene.press(STRANGER, button["action_id"], button["value"])
    assert "register" in said(await scene.command(STRANGER, "whoami"))
