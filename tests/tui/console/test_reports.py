"""The screen of reports: the ledger's sums for whoever looks, from one period to another, and a way into each line."""

from __future__ import annotations

import pytest

from core.domain.money_requests import UseRequest
from core.domain.periods import iso
from core.domain.validation import validated
from core.views.reports import ReportCard
from tests.tui.console.held import drawn, held
from tests.tui.console.scene import Scene, settled
from tests.tui.console.test_acting import Desk, sitting
from tui import questions
from tui.amounts import near_credits, near_gpu_hours
from tui.messages import ReportSeen
from tui.periods import asked_as, beside
from tui.screens.deployment import DeploymentScreen
from tui.screens.deployments import DeploymentsScreen
from tui.screens.reports import ReportsScreen
from tui.widgets.bars import Bar, bars
from tui.widgets.table import LineTable


def lines(desk: Desk) -> dict[str, tuple[str, str]]:
    """What the table says: each name with its GPU-hours and credits."""
    table = desk.app.screen.query_one(LineTable)
    rows = [table._cells(index) or () for index in range(table.row_count)]
    return {row[0].text: (row[1].text, row[2].text) for row in rows}


def used(scene: Scene, by: str, who: str = "ana") -> dict[str, tuple[str, str]]:
    """The ledger's own answer for the week of the scene."""
    caller = getattr(scene, who)
    card = scene.world.bursar.reports.show(caller, "this-week")
    asked = validated(UseRequest, **{"from": iso(card.since)}, by=by)
    found = scene.world.bursar.statements.usage(caller, asked).items
    return {
        one.what: (near_gpu_hours(one.gpu_ms) if one.gpu_ms else "", near_credits(one.credits_ucr)) for one in found
    }


async def test_who_used_what_is_what_the_ledger_says(scene: Scene) -> None:
    async with sitting(scene, "ana", "9") as desk:
        assert isinstance(desk.app.screen, ReportsScreen)
        assert "29 Dec–4 Jan 2026  so far" in desk.screen
        assert lines(desk) == used(scene, "user") != {}
        await desk.press("right_square_bracket")
        assert lines(desk) == used(scene, "cluster") != {}
        await desk.press("right_square_bracket")
        assert {gpu for gpu, _ in lines(desk).values()} == {gpu for gpu, _ in used(scene, "deployment").values()}
        await desk.press("right_square_bracket")
        assert list(lines(desk)) == ["Thu 1 Jan"]
        assert "by  person  cluster  deployment  day" in desk.screen
        await desk.press("left_square_bracket", "left_square_bracket", "left_square_bracket", "left_square_bracket")
        assert list(lines(desk)) == ["Thu 1 Jan"], "it goes round"


async def test_a_member_sees_their_own_use_and_nobody_elses(scene: Scene) -> None:
    async with sitting(scene, "mia", "9") as desk:
        assert "mia in vision" in desk.screen and "noa" not in desk.screen
        assert lines(desk) == used(scene, "user", "mia")
        await desk.press("right_square_bracket", "right_square_bracket")
        assert all(name.endswith("of mia") for name in lines(desk))


async def test_each_line_leads_to_what_it_is_made_of(scene: Scene) -> None:
    async with sitting(scene, "ana", "9") as desk:
        await desk.cursor_on("noa")
        shown = await desk.press("enter")
        assert isinstance(desk.app.screen, DeploymentsScreen) and "/owner==noa" in shown
        await desk.press("escape", "right_square_bracket", "enter")
        assert isinstance(desk.app.screen, DeploymentsScreen) and "/cluster==rack" in desk.screen
        await desk.press("escape", "right_square_bracket", "enter")
        assert isinstance(desk.app.screen, DeploymentScreen)
        await desk.press("escape", "right_square_bracket", "enter")
        assert "vision  1 Jan 2026" in desk.screen and "by day" not in desk.screen
        assert "29 Dec–4 Jan" in await desk.press("escape"), "back to the week"
        await desk.press("escape")
        assert not isinstance(desk.app.screen, ReportsScreen)


async def test_an_operator_is_led_to_the_work_of_this_organization_alone(scene: Scene) -> None:
    async with sitting(scene, "olga", "9") as desk:
        await desk.cursor_on("noa")
        assert "/org==vision owner==noa" in await desk.press("enter")


async def test_periods_lead_to_each_other_as_far_as_there_are_any(scene: Scene) -> None:
    async with sitting(scene, "ana", "9") as desk:
        assert "has not begun" in await desk.press("right")
        shown = await desk.press("left")
        assert "22–28 Dec 2025" in shown and "nothing was used" in shown
        assert "29 Dec–4 Jan 2026" in await desk.press("right")
        assert "1–31 Jan 2026" in await desk.press("M")
        assert "1–31 Dec 2025" in await desk.press("left")
        assert "vision  1 Jan 2026" in await desk.press("D")
        shown = await desk.press("y")
        assert "copied bursar report show --period 2026-01-01" in shown
        assert desk.app.clipboard == "bursar report show --period 2026-01-01"


async def test_a_period_can_be_typed_and_a_wrong_one_changes_nothing(scene: Scene) -> None:
    async with sitting(scene, "ana", "9", "slash") as desk:
        await desk.type("2025-11")
        assert "1–30 Nov 2025" in await desk.press("enter")
        await desk.press("slash")
        await desk.type("yesterday")
        shown = await desk.press("enter")
        assert "✗ period: 'yesterday' is none" in shown
        assert "1–30 Nov 2025" in shown
        assert "1–31 Oct 2025" in await desk.press("left"), "and the way goes on from what is shown"


async def test_an_answer_for_another_period_than_is_asked_for_by_now_is_dropped(scene: Scene) -> None:
    async with sitting(scene, "ana", "9") as desk:
        with held(desk.app, ReportSeen) as late:
            await desk.pilot.press("M")
            await late.come()
            await desk.pilot.press("D")
            await drawn(desk.app, desk.pilot, lambda: "today …" in desk.screen, "it is not said what is asked for")
            late.let_go()
            assert "vision  1 Jan 2026" in await settled(desk.app, desk.pilot)


async def test_sums_are_made_anew_once_they_are_old_or_somebody_asks(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    made = questions.report
    monkeypatch.setattr(questions, "report", lambda period: asked.append(period) or made(period))
    async with sitting(scene, "ana", "9") as desk:
        await desk.press("3", "9")
        assert asked == ["this-week"], "a moment later it is the same answer"
        await desk.press("ctrl+r")
        assert len(asked) == 2
        scene.pass_time(20_000_000)
        await desk.press("3", "9")
        assert len(asked) == 3
        await desk.press("left", "3")
        scene.pass_time(20_000_000)
        await desk.press("9")
        assert len(asked) == 4, "what is over changes no more"
        await desk.press("W")
        assert isinstance(desk.app.screen, ReportsScreen)
        desk.app.screen._took = 3_000_000
        scene.pass_time(40_000_000)
        await desk.press("3", "9")
        assert len(asked) == 5, "what took long to add up is left in peace for longer"
        scene.pass_time(40_000_000)
        await desk.press("3", "9")
        assert len(asked) == 6


async def test_nothing_used_is_said_and_leads_on(scene: Scene) -> None:
    async with sitting(scene, "ana", "9", "left") as desk:
        assert "nothing was used: W leads to this week" in desk.screen
        await desk.press("enter")
        assert isinstance(desk.app.screen, ReportsScreen)


def card(scene: Scene, period: str) -> ReportCard:
    return scene.world.bursar.reports.show(scene.ana, period)


@pytest.mark.parametrize(
    ("period", "before", "behind"),
    [
        ("2025-12", "2025-11", "2026-01"),
        ("2026-01", "2025-12", "2026-02"),
        ("2025-12-31", "2025-12-30", "2026-01-01"),
        ("2025-12-22..2025-12-29", "2025-12-15..2025-12-22", "2025-12-29..2026-01-05"),
        ("2025-12-22..2025-12-25", "2025-12-19..2025-12-22", "2025-12-25..2025-12-28"),
    ],
)
def test_months_lead_to_months_and_days_to_as_many_days(scene: Scene, period: str, before: str, behind: str) -> None:
    shown = card(scene, period)
    assert (beside(shown, -1), asked_as(shown), beside(shown, 1)) == (before, period, behind)


def test_bars_stand_side_by_side_and_a_gap_is_seen_as_one() -> None:
    week = [Bar("a", 8), Bar("b", 4), Bar("c", 0), Bar("d", None), Bar("e", 1)]
    assert bars(week, 9, 3).plain.splitlines() == ["█        ", "█ █ ·   ▂", "a b c d e"]
    assert bars(week, 3, 2).plain.splitlines() == ["  █", "d e"], "the newest, where there is no room for all"
    assert bars([], 10, 4).plain.strip() == ""
