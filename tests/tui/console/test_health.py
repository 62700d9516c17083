"""The screen of health: who leads, which engines answer, and the doctor's findings with what would mend each."""

from __future__ import annotations

import pytest

from core.clock import MINUTE
from core.views.background import DaemonHealth, EngineTrouble
from core.views.operations import Diagnosis, Finding, Verdict
from tests.tui.console.held import drawn, held
from tests.tui.console.scene import Scene, settled
from tests.tui.console.test_acting import sitting
from tui import messages
from tui.messages import DiagnosisSeen
from tui.screens.answer import AnswerScreen
from tui.screens.deployments import DeploymentsScreen
from tui.screens.health import HealthScreen
from tui.screens.overview import OverviewScreen
from tui.widgets.table import LineTable


async def test_what_the_doctor_finds_stands_worst_first_with_its_remedy(scene: Scene) -> None:
    async with sitting(scene, "olga", "h") as desk:
        assert isinstance(desk.app.screen, HealthScreen)
        found = scene.world.bursar.operations.doctor(scene.operator)
        checks = desk.app.screen.query_one("#checks", LineTable)
        assert checks.row_count == len(found.findings)
        verdicts = [(checks._cells(index) or ())[0].text.split()[1] for index in range(checks.row_count)]
        assert verdicts == sorted(verdicts, key=["FAIL", "WARN", "OK"].index)
        assert "✗ nobody" in desk.screen and "checks want a look" in desk.screen
        await desk.cursor_on("the background side")
        assert "to mend it: bursar daemon" in desk.screen
        await desk.press("y")
        assert desk.app.clipboard == "bursar daemon"
        assert "nothing has to be mended" in await desk.press("end", "y")
        await desk.press("escape")
        assert isinstance(desk.app.screen, OverviewScreen)


async def test_checks_are_made_once_and_again_when_they_are_asked_for(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sitting(scene, "olga", "h") as desk:
        asked: list[object] = []
        made = scene.world.bursar.operations.doctor
        monkeypatch.setattr(
            scene.world.bursar.operations, "doctor", lambda caller: asked.append(caller) or made(caller)
        )
        scene.pass_time(3 * MINUTE)
        shown = await desk.press("3", "minus")
        assert asked == [] and "3m ago" in shown, "how old they are is said"
        assert "0s ago" in await desk.press("r") and len(asked) == 1
        await desk.press("ctrl+r")
        assert len(asked) == 2


async def test_while_it_is_checked_that_is_said(scene: Scene) -> None:
    async with sitting(scene, "olga", "h") as desk:
        with held(desk.app, DiagnosisSeen) as late:
            await desk.pilot.press("r")
            await late.come()
            await drawn(desk.app, desk.pilot, lambda: "checking …" in desk.screen, "it is not said")
            late.let_go()
        assert "checking …" not in await settled(desk.app, desk.pilot)


async def test_a_member_sees_whether_anybody_leads_and_no_checks(scene: Scene) -> None:
    async with sitting(scene, "mia", "h") as desk:
        assert "✗ nobody" in desk.screen and "the checks are for operators" in desk.screen
        assert "rack" in desk.screen and "nobody asks it" in desk.screen
        for action in ("reconcile", "cleanup"):
            assert desk.offers(action) is False
        await desk.press("r", "y")
        assert "the checks are for operators" in desk.screen


async def test_engines_lead_to_what_is_there_and_troubles_are_told(scene: Scene) -> None:
    async with sitting(scene, "olga", "h", "shift+tab") as desk:
        await desk.cursor_on("rack")
        desk.app.screen.query_one("#engines", LineTable).focus()
        troubles = (
            EngineTrouble("edge", 0, "refused", "no way in"),
            EngineTrouble("rack/node-2", 0, "away", "is down"),
        )
        health = DaemonHealth("host-1", 7, True, desk.app.now(), 90_000, 3, troubles)
        clusters = tuple(
            scene.world.bursar.clusters.show(scene.operator, one.id)
            for one in scene.world.bursar.clusters.list(scene.operator).items
        )
        desk.app.screen.post_message(messages.HealthSeen(health, clusters))
        shown = await settled(desk.app, desk.pilot)
        for words in ("● host-1", "epoch 7", "▲ by 90s", "▲ 3:", "no way in", "✗ trouble", "rack/node-2"):
            assert words in shown
        await desk.press("enter")
        assert isinstance(desk.app.screen, DeploymentsScreen) and "/cluster==" in desk.screen


async def test_who_works_nowhere_is_told_so_by_each_of_them(scene: Scene) -> None:
    scene.world.person("zed")
    async with sitting(scene, "zed", "h") as desk:
        assert "you work in no organization yet" in desk.screen
        assert "no organization is active" in await desk.press("9")
        await desk.press("colon")
        await desk.type("audit")
        assert "for admins" in await desk.press("enter")


async def test_engines_and_store_can_be_held_side_by_side(scene: Scene) -> None:
    async with sitting(scene, "olga", "h") as desk:
        await desk.press("e")
        assert isinstance(desk.app.screen, AnswerScreen) and "$ bursar reconcile" in desk.screen
        await desk.press("escape", "x")
        assert isinstance(desk.app.screen, AnswerScreen) and "$ bursar cleanup" in desk.screen


async def test_all_well_is_said(scene: Scene) -> None:
    async with sitting(scene, "olga", "h") as desk:
        checks = tuple(Finding(f"I-{number}", f"check {number}", Verdict.OK, "holds") for number in range(2))
        fine = Diagnosis(Verdict.OK, checks)
        desk.app.screen.post_message(DiagnosisSeen(fine))
        assert "✓ OK  all 2 checks pass" in await settled(desk.app, desk.pilot)
