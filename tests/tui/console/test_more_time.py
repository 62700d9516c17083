"""More time that one may not take: the same key asks for it, and an admin finds who asks and gives it by one key."""

from __future__ import annotations

import pytest

from core.clock import MINUTE
from core.domain.changes import ApproveRequest, ExtendRequest
from core.domain.validation import validated
from core.settings import Approvals
from tests.tui.console.scene import Scene, settled
from tests.tui.console.test_acting import sitting
from tui.screens.deployment import DeploymentScreen
from tui.widgets.table import LineTable

HOUR_MS = 3_600_000


@pytest.fixture
def strict(scene: Scene) -> Scene:
    """Whatever is asked for from now on is approved first; what runs runs."""
    object.__setattr__(scene.world.bursar.decisions._settings, "approvals", Approvals(policy="always"))
    return scene


def hours(scene: Scene) -> int | None:
    return scene.world.bursar.deployments.show(scene.ana, "train-resnet").hours_ms


async def ask(scene: Scene, wanted: str = "2") -> str:
    async with sitting(scene, "mia", "3") as desk:
        await desk.cursor_on("train-resnet")
        await desk.press("e")
        assert "--ask" in desk.screen and "if still" not in desk.screen
        await desk.type(wanted)
        return await desk.press("enter")


async def test_the_key_that_may_not_take_time_asks_for_it_and_an_admin_gives_it(strict: Scene) -> None:
    shown = await ask(strict)
    assert "asked for 2 h more for train-resnet" in shown
    assert hours(strict) == 6 * HOUR_MS
    strict.pass_time(3 * MINUTE)
    async with sitting(strict, "ana") as desk:
        assert "6 Approvals (2)" in desk.screen, "one submission, and one ask"
        shown = await desk.press("6")
        assert "more time  1 waiting" in shown and "+2 h" in shown
        assert desk.app.screen.query_one("#submissions", LineTable).has_focus
        assert (desk.offers("approve"), desk.offers("give")) == (True, None)
        assert "does not fit" in await desk.press("e")
        shown = await desk.press("tab")
        assert "who asks for more" in shown and "every submission is approved first" in shown
        assert (desk.offers("approve"), desk.offers("reject"), desk.offers("give")) == (None, None, True)
        shown = await desk.press("e")
        assert hours(strict) == 8 * HOUR_MS
        assert "--hours 2h --if-still 6h" in shown
        assert "more time" not in desk.screen and "6 Approvals (1)" in desk.screen
        assert desk.app.screen.query_one("#submissions", LineTable).has_focus


async def test_what_another_admin_has_given_meanwhile_is_not_given_twice(strict: Scene) -> None:
    await ask(strict)
    async with sitting(strict, "ana", "6", "tab") as desk:
        more = validated(ExtendRequest, id="train-resnet", hours="1")
        strict.world.bursar.decisions.extend(strict.operator, more)
        await desk.press("e")
        assert hours(strict) == 7 * HOUR_MS
        assert "✗ the time limit of" in desk.screen and "is 7 h by now, no longer 6 h" in desk.screen


async def test_where_nothing_else_waits_the_asks_are_in_hand(strict: Scene) -> None:
    await ask(strict)
    for one in strict.world.bursar.decisions.approvals(strict.ana).items:
        strict.world.bursar.decisions.approve(strict.operator, validated(ApproveRequest, id=one.id))
    async with sitting(strict, "ana", "6") as desk:
        assert "who asks for more" in desk.screen
        await desk.press("enter")
        assert isinstance(desk.app.screen, DeploymentScreen)
        assert "train-resnet" in desk.screen


async def test_who_may_take_it_takes_it_without_a_word_of_asking(strict: Scene) -> None:
    async with sitting(strict, "ana", "3") as desk:
        await desk.cursor_on("train-resnet")
        await desk.press("e")
        assert "--ask" not in desk.screen
        await desk.type("1")
        await desk.press("enter")
        assert hours(strict) == 7 * HOUR_MS


async def test_a_member_finds_neither_asks_nor_a_key_for_them(strict: Scene) -> None:
    await ask(strict)
    async with sitting(strict, "noa", "6") as desk:
        assert "only admins" in desk.screen and "more time" not in await settled(desk.app, desk.pilot)
        assert desk.offers("give") is False
