"""One's own account: organizations, tokens of scripts, and who in Slack may act as one."""

from __future__ import annotations

import pytest

from core.domain.errors import Forbidden
from core.domain.requests import NewToken
from core.domain.roles import TokenScope
from tests.tui.console.scene import Scene, settled
from tests.tui.console.test_acting import sitting
from tui.screens.account import AccountScreen
from tui.screens.answer import AnswerScreen
from tui.widgets.masthead import Masthead
from tui.widgets.table import LineTable


def tokens(scene: Scene) -> dict[str, str]:
    return {token.name: token.state for token in scene.world.bursar.accounts.list_tokens(scene.mia).items}


async def test_a_token_is_made_shown_once_and_revoked_by_its_name(scene: Scene) -> None:
    async with sitting(scene, "mia", "0", "t") as desk:
        await desk.type("nightly")
        shown = await desk.press("enter")
        assert isinstance(desk.app.screen, AnswerScreen)
        assert "the token is shown only now" in shown
        assert tokens(scene) == {"nightly": "open"}
        shown = await desk.press("escape")
        assert "nightly" in shown
        assert "bst_" not in shown
        await desk.press("v")
        await desk.type("nightly")
        assert "⊘ revoked" in await desk.press("enter")
        assert tokens(scene) == {"nightly": "revoked"}


async def test_another_organization_is_entered_from_the_list(scene: Scene) -> None:
    scene.world.org(scene.operator, "sound")
    async with sitting(scene, "olga", "0") as desk:
        assert "sound" in desk.screen
        await desk.press("shift+tab")
        await desk.cursor_on("vision")
        desk.app.screen.query_one("#orgs").focus()
        await desk.press("enter")
        desk.app.beat()
        await settled(desk.app, desk.pilot)
        assert desk.app.who is not None
        assert desk.app.who.org == "vision"


async def test_the_first_line_leads_there_and_escape_back(scene: Scene) -> None:
    async with sitting(scene, "mia", "3") as desk:
        await desk.pilot.click(Masthead)
        shown = await settled(desk.app, desk.pilot)
        assert isinstance(desk.app.screen, AccountScreen)
        assert "name        mia" in shown
        assert "deployments  10" in await desk.press("escape")


async def test_what_a_token_may_not_is_not_offered(scene: Scene) -> None:
    token = scene.world.bursar.accounts.create_token(scene.mia, NewToken(name="eyes", scope=TokenScope.READ)).token
    app = scene.console_of(token)
    async with app.run_test(size=(120, 34)) as pilot:
        await settled(app, pilot)
        await pilot.press("0")
        assert "cut to read by the token" in await settled(app, pilot)
        screen = app.screen
        assert isinstance(screen, AccountScreen)
        assert screen.check_action("act", ("token_create",)) is False


async def test_somebody_without_an_organization_joins_one(scene: Scene) -> None:
    scene.world.person("nora")
    async with sitting(scene, "nora", "0") as desk:
        assert "none yet: J joins one by its code" in desk.screen
        code = scene.world.invite(scene.ana).code
        await desk.press("J")
        await desk.type(code or "")
        await desk.press("enter")
        desk.app.beat()
        await settled(desk.app, desk.pilot)
        assert "vision  nora (member)" in desk.screen


async def test_a_session_that_was_left_behind_is_ended_and_ones_own_is_known(scene: Scene) -> None:
    elsewhere = scene.console("mia")
    async with sitting(scene, "mia", "0") as desk:
        table = desk.app.screen.query_one("#sessions", LineTable)
        mine, other, *_ = scene.world.bursar.accounts.list_sessions(desk.app.gateway.caller()).items
        assert (mine.here, other.here) == (True, False)
        assert desk.screen.count("● here") == 2, "the session, and the organization"
        table.put_cursor_on(other.id)
        await desk.press("e")
        assert other.id not in [session.id for session in scene.world.bursar.accounts.list_sessions(scene.mia).items]
        assert desk.screen.count(other.id) == 1, "in the line of what was done"
    with pytest.raises(Forbidden):
        elsewhere.gateway.bursar().browsing.pulse(elsewhere.gateway.caller())
