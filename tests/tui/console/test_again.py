"""The same again with one change, and what is in the way said by its name."""

from __future__ import annotations

import pytest

from core.domain.lifecycle import State
from tests.tui.console.scene import Scene
from tests.tui.console.test_acting import sitting
from tui.again import fields_like, submission_like
from tui.screens.submit import SubmitScreen
from tui.widgets.fields import Fields
from tui.widgets.hanging import Hanging


@pytest.mark.parametrize("way", [("3",), ("3", "enter")], ids=["from the list", "from the deployment"])
async def test_the_same_job_is_asked_for_again_with_one_change(scene: Scene, way: tuple[str, ...]) -> None:
    asked = {"gpu": "0.5", "cpu": "1.5", "ram": "512MiB", "hours": "1.5", "priority": 40}
    first = scene.world.submit(
        scene.mia, "once", command=["sh", "-c", "echo 'a b'"], labels=["lr=0.1"], env={"SECRET": "x"}, **asked
    )
    async with sitting(scene, "mia", "3") as desk:
        await desk.cursor_on("once")
        shown = await desk.press(*way[1:], "N")
        assert isinstance(desk.app.screen, SubmitScreen)
        assert "variables are not shown, so give them again: SECRET" in shown
        await desk.type("-more")
        await desk.press("ctrl+s")
        again = desk.deployment("once-more")
    same = ("cluster", "command", "labels", "cpu_milli", "ram_mib", "gpu_milli", "disk_mib", "hours_ms", "priority")
    assert [getattr(again, field) for field in same] == [getattr(first, field) for field in same]
    assert again.env == {}


def test_what_is_copied_and_what_is_filled_in_are_the_same_words(scene: Scene) -> None:
    card = scene.world.submit(scene.mia, "odd", cpu="0.25", ram="700MiB", gpu=1, gpu_model="a100", command=["a b", ""])
    words = fields_like(card)
    line = submission_like(card).line
    assert words["ram"] == "700MiB"
    assert "--ram 700MiB" in line
    assert words["command"] == "'a b' ''"
    assert "--gpu-model a100" in line
    assert set(words) <= {argument.name for argument in submission_like(card).verb.arguments}


async def test_a_form_that_is_filled_in_forgets_what_stood_in_it(scene: Scene) -> None:
    async with sitting(scene, "mia", "4") as desk:
        await desk.type("half")
        desk.app.screen.query_one(Fields).put("image", "old:1")
        desk.app.go("deployments")
        await desk.sees("prepare")
        await desk.cursor_on("prepare")
        await desk.press("N")
        texts = desk.app.screen.query_one(Fields).texts
        assert texts["name"] == ("prepare",)
        assert texts.get("image") != ("old:1",)


async def test_who_is_in_the_way_is_told_by_name_and_owner(scene: Scene) -> None:
    async with sitting(scene, "ana", "2") as desk:
        await desk.cursor_on("evaluate")
        reasons = str(desk.app.screen.query_one(".reasons", Hanging).content)
        holders = [one for b in scene.world.bursar.foresight.why(scene.ana, "evaluate").blockers for one in b.holders]
        assert holders
        for card in map(desk.deployment, holders):
            assert f"{card.name} of {card.owner} ({card.id})" in " ".join(reasons.split())


async def test_a_key_that_would_be_refused_for_what_has_ended_is_out_of_reach(scene: Scene) -> None:
    async with sitting(scene, "ana", "3") as desk:
        await desk.cursor_on("broken")
        assert (desk.offers("extend"), desk.offers("priority")) == (None, None)
        assert desk.deployment("broken").state is State.FAILED
        await desk.press("enter")
        assert (desk.offers("extend"), desk.offers("priority")) == (False, False)
        await desk.press("escape")
        await desk.cursor_on("api")
        assert desk.offers("extend") is True, "a list judges by the state alone"
        await desk.press("enter")
        assert desk.offers("extend") is False, "a service has no limit"


async def test_below_the_log_of_what_failed_stands_why(scene: Scene) -> None:
    async with sitting(scene, "ana", "3") as desk:
        await desk.cursor_on("broken")
        await desk.press("l")
        reason = desk.deployment("broken").reason
        assert reason
        assert f"ended: {reason}" in await desk.press("ctrl+r")
