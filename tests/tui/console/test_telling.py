"""What is told in the end is told: codes that are shown only once, what was done, and on which line a key falls."""

from __future__ import annotations

import pytest

from core.clock import MINUTE
from core.domain.lifecycle import State
from tests.tui.console.held import held
from tests.tui.console.scene import Scene, settled
from tests.tui.console.test_acting import sitting
from tui.messages import OrderSeen
from tui.screens.answer import AnswerScreen
from tui.theme import DEVICE_LOOKS, LOOKS, NODE_LOOKS


async def test_a_new_code_is_shown_since_the_old_one_is_worth_nothing_any_more(scene: Scene) -> None:
    invite = scene.world.invite(scene.ana)
    async with sitting(scene, "ana", "7", "tab") as desk:
        await desk.cursor_on(invite.id)
        shown = await desk.press("o")
        assert isinstance(desk.app.screen, AnswerScreen)
        code = shown.split("code")[1].split()[0]
        assert code != invite.code
        scene.world.join(scene.world.person("pia"), code)


async def test_of_an_answer_with_a_code_the_code_is_copied(scene: Scene) -> None:
    async with sitting(scene, "ana", "7", "i") as desk:
        shown = await desk.press("enter")
        assert "y copies the code" in shown
        assert "the code is copied" in await desk.press("y")
        assert desk.app.clipboard in shown.split()
        assert len(desk.app.clipboard) < 20


@pytest.mark.parametrize("width", [80, 100, 120])
async def test_an_answer_is_as_wide_as_its_box_has_room_for(scene: Scene, width: int) -> None:
    async with sitting(scene, "ana", size=(width, 34)) as desk:
        await desk.press("colon")
        await desk.type("report show")
        await desk.press("enter")
        assert isinstance(desk.app.screen, AnswerScreen)
        shown = desk.app.screen.query_one(".text")
        assert shown.size.height == desk.app.screen._text.rstrip("\n").count("\n") + 1, "no line is broken once more"


async def test_what_was_told_a_while_ago_is_not_told_on_coming_back(scene: Scene) -> None:
    async with sitting(scene, "ana", "3") as desk:
        await desk.press("colon")
        await desk.type("jobz")
        assert "there is no verb 'jobz'" in await desk.press("enter")
        await desk.press("escape", "2")
        assert "there is no verb" in desk.screen, "a moment later it is still news"
        scene.world.advance(MINUTE)
        assert "there is no verb" not in await desk.press("3")


async def test_a_key_that_acts_at_once_asks_again_where_the_line_under_it_has_gone(scene: Scene) -> None:
    async with sitting(scene, "ana", "2") as desk:
        await desk.cursor_on("evaluate")
        scene.world.bursar.deployments.cancel(scene.mia, "evaluate")
        await desk.press("ctrl+r")
        shown = await desk.press("s")
        assert "the line under the cursor has gone, it is now on notebook: s again to stop that" in shown
        assert desk.deployment("notebook").state is State.QUEUED
        await desk.press("s")
        assert desk.deployment("notebook").state is State.STOPPED


async def test_who_moves_or_acts_on_what_leaves_is_not_asked_again(scene: Scene) -> None:
    scene.world.submit(scene.mia, "later", gpu=4, hours=2)
    async with sitting(scene, "ana", "2") as desk:
        await desk.cursor_on("evaluate")
        scene.world.bursar.deployments.cancel(scene.mia, "evaluate")
        await desk.press("ctrl+r", "down", "up", "s", "s")
        states = [desk.deployment(name).state for name in ("later", "notebook")]
        assert states == [State.STOPPED, State.STOPPED], "the second press met the next one, as after any stop"


async def test_another_filter_is_no_surprise(scene: Scene) -> None:
    async with sitting(scene, "ana", "3") as desk:
        await desk.cursor_on("train-resnet")
        await desk.press("slash")
        await desk.type("sweep")
        await desk.press("enter", "s")
        assert desk.deployment("sweep").state is State.STOPPING


async def test_nor_are_the_rows_of_a_filter_that_was_typed_faster_than_they_came(scene: Scene) -> None:
    async with sitting(scene, "ana", "3") as desk:
        await desk.cursor_on("train-resnet")
        await desk.press("slash")
        with held(desk.app, OrderSeen) as rows:
            await desk.pilot.press("e")  # one fits that is not looked for, beside the one under the cursor
            await rows.come()
            await desk.pilot.press(*"valuate")
        await settled(desk.app, desk.pilot)
        await desk.press("enter", "s")
        assert desk.deployment("evaluate").state is State.STOPPED


async def test_a_command_is_completed_by_what_other_screens_have_seen_too(scene: Scene) -> None:
    async with sitting(scene, "ana", "7", "0") as desk:
        await desk.press("colon")
        waiting = desk.deployment("evaluate")
        assert f"{waiting.id}         evaluate of mia" in await desk.type("why eval")
        await desk.press("ctrl+u")
        offers = (await desk.type("org role m")).splitlines()[-4:-2]
        assert [offer.split() for offer in offers] == [["mia", "member", "tab"], ["noa", "member"]]
        await desk.press("ctrl+u")
        assert "vision" in await desk.type("org switch ")


@pytest.mark.parametrize(("word", "seen"), [("work", "train-resnet"), ("inbox", "approvals"), ("home", "capacity")])
async def test_a_screen_is_found_by_what_a_narrow_terminal_calls_it(scene: Scene, word: str, seen: str) -> None:
    async with sitting(scene, "ana", "7") as desk:
        await desk.press("colon")
        await desk.type(word)
        assert seen in await desk.press("enter")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_help_says_what_each_sign_means(scene: Scene, size: tuple[int, int]) -> None:
    async with sitting(scene, "ana", "5", size=size) as desk:
        shown = await desk.press("question_mark", "end")
        for look in (*LOOKS.values(), *NODE_LOOKS.values(), *DEVICE_LOOKS):
            assert look.text in shown
