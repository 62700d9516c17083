"""The people of an organization at the console, and who in Slack acts as the one who sits there."""

from __future__ import annotations

from tests.tui.console.scene import Scene
from tests.tui.console.test_acting import sitting
from tui.screens.form import FormScreen
from tui.screens.sure import SureScreen

TEAM, USER = "T0ACME", "U0MIA"


def code(scene: Scene) -> str:
    return scene.world.bursar.chat().offer_link(TEAM, USER, "mia-in-slack", "Acme").code


def links(scene: Scene) -> list[str]:
    return [link.name for link in scene.world.bursar.slack_links.list(scene.mia).items]


async def test_a_link_with_slack_is_made_once_the_name_in_slack_was_read(scene: Scene) -> None:
    offered = code(scene)
    async with sitting(scene, "mia", "7") as desk:
        assert "nobody in Slack acts as you" in desk.screen
        await desk.press("l")
        await desk.type(offered)
        shown = await desk.press("enter")
        assert isinstance(desk.app.screen, SureScreen)
        assert f"@mia-in-slack in Acme (Slack {TEAM}/{USER})" in shown
        assert links(scene) == []
        await desk.type("yes")
        await desk.press("enter")
        assert links(scene) == ["mia-in-slack"]
        assert "● @mia-in-slack acts as you" in desk.screen


async def test_who_thinks_better_of_a_link_is_back_in_the_form_and_nothing_is_linked(scene: Scene) -> None:
    offered = code(scene)
    async with sitting(scene, "mia", "7", "l") as desk:
        await desk.type(offered)
        await desk.press("enter", "escape")
        assert isinstance(desk.app.screen, FormScreen)
        assert links(scene) == []
        await desk.press("enter")
        assert isinstance(desk.app.screen, SureScreen)


async def test_a_wrong_code_is_told_in_the_form(scene: Scene) -> None:
    async with sitting(scene, "mia", "7", "l") as desk:
        await desk.type("wrong-code")
        shown = await desk.press("enter")
        assert isinstance(desk.app.screen, FormScreen)
        assert "✗" in shown


async def test_links_are_ended_by_a_typed_yes(scene: Scene) -> None:
    offered = code(scene)
    async with sitting(scene, "mia", "7", "l") as desk:
        await desk.type(offered)
        await desk.press("enter")
        await desk.type("yes")
        await desk.press("enter", "U")
        assert "type yes to go on" in desk.screen
        assert links(scene) == ["mia-in-slack"]
        await desk.type("yes")
        await desk.press("enter")
        assert links(scene) == []
