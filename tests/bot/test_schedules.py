"""Schedules of reports: asked for with a preview, confirmed where the report will come, paused and ended."""

from __future__ import annotations

import pytest

from bot.ids import Action
from core.clock import DAY
from tests.bot.rules import everything_said
from tests.bot.scene import ADMIN, CHANNEL, MEMBER, TEAM, Scene, said
from tests.bot.test_reports import WEEKLY, posts, scheduled


async def test_report_here_shows_a_preview_to_one_and_posts_only_after_a_press(scene: Scene) -> None:
    (preview,) = await scene.command(ADMIN, f"report here {WEEKLY} Europe/Berlin")
    told = everything_said(preview["blocks"])
    assert "only you see this; it would come weekly mon 09:00 Europe/Berlin, the first <!date^1767600000^" in told
    assert posts(scene) == [] and scene.world.bursar.reports.list(scene.admin).items == ()
    button = preview["blocks"][-1]["elements"][0]
    assert "only an admin" in said(await scene.press(MEMBER, button["action_id"], button["value"]))
    body = scene.press_body(ADMIN, button["action_id"], button["value"])
    assert [await scene.interact(body) for _ in range(3)] == [[], [], []]
    (told,) = scene.slack.called("chat.postEphemeral")
    assert (told["channel"], told["user"]) == (CHANNEL, ADMIN) and "rep-" in told["text"]
    (line,) = scene.world.bursar.reports.list(scene.admin).items
    assert (line.channel, line.when, len(line.next_dues)) == (CHANNEL, "weekly mon 09:00 Europe/Berlin", 3)
    assert line.next_dues[0] == "2026-01-05T08:00:00Z"
    assert "does this already" in said(await scene.press(ADMIN, Action.SCHEDULE, button["value"]))


@pytest.mark.parametrize(("error", "warned"), [("not_in_channel", True), ("ratelimited", False)])
async def test_who_schedules_a_report_where_the_bot_is_not_knows_at_once(
    scene: Scene, error: str, warned: bool
) -> None:
    scene.slack.fault = lambda method, _given: scene.slack.refusal(error) if method == "chat.postEphemeral" else None
    told = said(await scene.press(ADMIN, Action.SCHEDULE, f"{TEAM}/{CHANNEL} {WEEKLY}"))
    assert "rep-" in told and ("/invite @bursar" in told) is warned
    assert len(scene.world.bursar.reports.list(scene.admin).items) == 1, "it is scheduled all the same"


async def test_mute_delete_and_who_may(scene: Scene) -> None:
    handle = scheduled(scene, "daily 09:00")
    for text in (f"report mute {handle}", f"report delete {handle}", f"report run {handle}", "report list"):
        assert "only an admin" in said(await scene.command(MEMBER, text))
    assert "muted" in said(await scene.command(ADMIN, f"report mute {handle}"))
    scene.world.advance(2 * DAY)
    await scene.courier.tick()
    assert "on" in said(await scene.command(ADMIN, f"report mute {handle}"))
    await scene.delivered()
    assert posts(scene) == []
    assert "deleted" in said(await scene.command(ADMIN, f"report delete {handle}"))
    scene.world.advance(2 * DAY)
    await scene.courier.tick()
    await scene.delivered()
    assert posts(scene) == []
