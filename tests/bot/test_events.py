"""What Slack tells the bot: mentions, the app opened, its tokens taken back."""

from __future__ import annotations

import pytest

from core.clock import DAY
from core.settings import Approvals
from tests.bot.rules import everything_said
from tests.bot.scene import ADMIN, CHANNEL, MEMBER, STRANGER, TEAM, Scene, said


async def test_app_uninstalled_ends_every_link_and_a_persons_own_token_does_not(scene: Scene) -> None:
    await scene.event("tokens_revoked", tokens={"oauth": ["U0ANA"]})
    assert "register" not in said(await scene.command(ADMIN, "whoami"))
    for _ in range(3):
        await scene.event("app_uninstalled")
    assert "register" in said(await scene.command(ADMIN, "whoami"))
    assert "register" in said(await scene.command(MEMBER, "whoami"))


async def test_a_mention_is_answered_in_its_thread_to_the_one_who_wrote(scene: Scene) -> None:
    where = {"channel": CHANNEL, "ts": "5.5", "thread_ts": "4.4"}
    await scene.event("app_mention", MEMBER, text="<@U0BOT> deploy busybox on rack hours 1", **where)
    (answer,) = scene.slack.called("chat.postEphemeral")
    assert (answer["user"], answer["channel"], answer["thread_ts"]) == (MEMBER, CHANNEL, "4.4")
    assert "busybox" in answer["text"]
    assert scene.slack.called("chat.postMessage") == []
    assert scene.world.bursar.chat().visitor(TEAM, MEMBER).name == "mia"


async def test_a_mention_outside_a_thread_is_answered_where_it_is_seen(scene: Scene) -> None:
    await scene.event("app_mention", MEMBER, text="<@U0BOT> wallet", channel=CHANNEL, ts="5.5")
    (answer,) = scene.slack.called("chat.postEphemeral")
    assert not answer.get("thread_ts"), "of a message without replies nobody would see it"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "say /bursar and a word"),
        ("help deploy", "with words it is submit, named after the image: /bursar deploy"),
        ("deploy", "A form asks for what you need"),
        ("report here weekly mon 09:00", "only an admin"),
        ("login mia hunter2", "Never type a password"),
        ("unlink", "nobody here any more"),
    ],
)
async def test_a_mention_understands_the_words_of_the_command(scene: Scene, text: str, told: str) -> None:
    await scene.event("app_mention", MEMBER, text=f"<@U0BOT> {text}", channel=CHANNEL, ts="5.5")
    (answer,) = scene.slack.called("chat.postEphemeral")
    assert told in answer["text"] and "hunter2" not in everything_said(answer["blocks"])


async def test_who_registers_by_a_mention_says_a_name_of_their_own(scene: Scene) -> None:
    for words in ("register", "register zoe"):
        await scene.event("app_mention", STRANGER, text=f"<@U0BOT> {words}", channel=CHANNEL, ts="5.5")
    asked, made = (answer["text"] for answer in scene.slack.called("chat.postEphemeral"))
    assert "how you are called" in asked and "register NAME" in asked
    assert "You are zoe" in made


async def test_a_guest_who_mentions_the_bot_in_a_shared_channel_is_not_taken_for_somebody_here(scene: Scene) -> None:
    where = {"channel": CHANNEL, "ts": "5.5", "user_team": "T0OTHER"}
    await scene.event("app_mention", STRANGER, text="<@U0BOT> register zoe", **where)
    assert scene.slack.calls == []
    assert scene.world.bursar.chat().visitor(TEAM, STRANGER).caller is None


async def test_who_opens_the_messages_is_greeted_once_by_what_can_be_said(scene: Scene) -> None:
    for _ in range(3):
        for user in (MEMBER, STRANGER):
            await scene.event("app_home_opened", user, tab="messages", channel="D0X")
        scene.world.advance(30 * DAY)
        await scene.courier.tick()
    member, stranger = scene.slack.shown_in("D0MIA"), scene.slack.shown_in("D0ZOE")
    assert len(member) == len(stranger) == 1
    assert "Hello mia" in member[0]["text"] and "nobody reads" in everything_said(member[0]["blocks"])
    assert "Make an account" in everything_said(stranger[0]["blocks"])
    button = member[0]["blocks"][1]["elements"][0]
    await scene.press(MEMBER, button["action_id"], button["value"])
    assert scene.slack.views[-1]["callback_id"] == "deploy"


async def test_the_home_tab_shows_what_waits_what_is_mine_and_my_balance(scene: Scene) -> None:
    object.__setattr__(scene.world.bursar.deployments._settings, "approvals", Approvals(policy="always"))
    scene.world.submit(scene.member, "train")
    for user in (ADMIN, MEMBER, STRANGER):
        await scene.event("app_home_opened", user, tab="home")
    admin, member, stranger = (everything_said(scene.slack.homes[user]) for user in (ADMIN, MEMBER, STRANGER))
    assert "Waits for you" in admin and "train" in admin
    assert "Waits for you" not in member and "train" in member and "credits to spend" in member
    assert "Make an account" in stranger and "train" not in stranger
