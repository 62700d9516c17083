"""The screen of money: statements follow the cursor, all can be topped up, and what a week cost is a key away."""

from __future__ import annotations

import pytest

from tests.tui.console.scene import Scene, settled
from tests.tui.console.test_acting import sitting
from tui import questions
from tui.screens.answer import AnswerScreen
from tui.widgets.table import LineTable


async def test_an_admin_stands_on_the_own_wallet_and_statements_follow_the_cursor(scene: Scene) -> None:
    async with sitting(scene, "ana", "8") as desk:
        wallets = desk.app.screen.query_one("#wallets", LineTable)
        assert (desk.app.screen.focused, wallets.key) == (wallets, "ana")
        assert "statement of ana" in desk.screen
        assert "statement of mia" in await desk.press("down")
        assert "statement of noa" in await desk.press("down", "ctrl+r")
        await desk.press("escape")
        assert "statement of" not in desk.screen, "a key that leads back leads back at once"


async def test_a_member_has_the_own_statement_under_the_cursor(scene: Scene) -> None:
    async with sitting(scene, "mia", "8") as desk:
        assert desk.app.screen.focused is desk.app.screen.query_one("#entries", LineTable)
        assert "statement of mia" in desk.screen


async def test_from_the_treasury_a_grant_asks_for_whom(scene: Scene) -> None:
    async with sitting(scene, "ana", "8", "up") as desk:
        assert "statement of treasury" in desk.screen
        before = scene.world.bursar.credits.wallet(scene.noa).credits.available_ucr
        assert "user" in await desk.press("t")
        await desk.type("noa")
        await desk.press("tab")
        await desk.type("3")
        assert "$ bursar grant noa --credits 3" in await desk.press("enter")
        assert scene.world.bursar.credits.wallet(scene.noa).credits.available_ucr - before == 3_000_000


async def test_a_key_says_who_spent_what_in_a_period(scene: Scene) -> None:
    async with sitting(scene, "ana", "8") as desk:
        shown = await desk.press("U", "enter")
        assert isinstance(desk.app.screen, AnswerScreen)
        assert "$ bursar usage" in shown
        assert "mia" in shown.split("$ bursar usage")[1]


async def test_more_wallets_than_are_shown_are_told(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "_MOST_WALLETS", 2)
    async with sitting(scene, "ana", "8") as desk:
        assert "wallets  2 of 4" in await settled(desk.app, desk.pilot)
