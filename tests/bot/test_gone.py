"""What is left in Slack of people, organizations and codes that are no more."""

from __future__ import annotations

from core.clock import DAY, HOUR
from core.domain.chat import DeliveryState
from core.domain.report_requests import LinkCode
from core.settings import Approvals
from tests.bot.rules import everything_said
from tests.bot.scene import ADMIN, CHANNEL, MEMBER, STRANGER, TEAM, Scene, said
from tests.bot.test_reports import posts, scheduled


async def test_who_is_taken_out_is_told_by_whom_and_who_leaves_is_not(scene: Scene) -> None:
    scene.registered(STRANGER, "zoe")
    await scene.delivered()
    scene.world.bursar.organizations.remove(scene.admin, "mia")
    await scene.command(STRANGER, "org leave")
    await scene.delivered()
    assert "ana took you out of vision" in scene.said_to(MEMBER)
    assert "took you out" not in scene.said_to(STRANGER)


async def test_an_approval_held_by_who_was_taken_out_loses_its_buttons_when_it_is_decided(scene: Scene) -> None:
    object.__setattr__(scene.world.bursar.deployments._settings, "approvals", Approvals(policy="always"))
    zoe = scene.world.member(scene.admin, "zoe", "admin")
    scene.link(STRANGER, zoe)
    card = scene.world.submit(scene.member, "train")
    await scene.delivered()
    assert "Approve" in scene.said_to(STRANGER)
    scene.world.bursar.organizations.remove(scene.admin, "zoe")
    await scene.delivered()
    assert "do not belong" in said(await scene.press(STRANGER, "approve", card.id))
    await scene.press(ADMIN, "approve", card.id)
    await scene.delivered()
    shown = [one for one in scene.slack.shown_in("D0ZOE") if "not yours to see" in one["text"]]
    assert len(shown) == 1 and "train" not in everything_said(shown[0]["blocks"])
    assert "Approve" not in scene.said_to(STRANGER)


async def test_a_report_that_is_due_when_its_organization_ends_is_not_posted_and_troubles_nobody(scene: Scene) -> None:
    scheduled(scene, "daily 09:00")
    scene.world.advance(DAY + 10 * HOUR)
    await scene.courier.tick()
    scene.world.bursar.organizations.delete(scene.admin)
    await scene.delivered()
    assert posts(scene) == []
    scene.world.advance(3 * DAY)
    await scene.courier.tick()
    await scene.delivered()
    assert posts(scene) == [] and "cannot be posted" not in scene.said_to(ADMIN)
    counts = scene.world.bursar.deliveries().counts()
    assert counts[DeliveryState.DEAD] == 1 and DeliveryState.DUE not in counts


async def test_of_two_codes_the_newest_counts_and_says_so(scene: Scene) -> None:
    first, second = [said(await scene.command(STRANGER, "link")) for _ in range(2)]
    assert "only the newest counts" in second and first != second
    codes = [text.split("slack link ")[1].split("`")[0] for text in (first, second)]
    zoe = scene.world.person("zoe")
    links = scene.world.bursar.slack_links
    assert links.confirm(zoe, LinkCode(code=codes[1])).message.endswith("now acts as zoe")
    assert scene.world.bursar.chat().visitor(TEAM, STRANGER).name == "zoe"
    assert CHANNEL not in second
