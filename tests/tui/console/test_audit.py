"""The screen of the audit: who did what, narrowed and followed; for admins, and for operators of all organizations."""

from __future__ import annotations

import pytest

from core.services import browsing
from core.views.operations import AuditLine
from tests.tui.console.held import drawn, held
from tests.tui.console.scene import Scene, settled
from tests.tui.console.test_acting import Desk, sitting
from tui import questions
from tui.audit_facts import audit_lines, change_of
from tui.messages import JournalLinesSeen, JournalSeen
from tui.screens.answer import AnswerScreen
from tui.screens.audit import AuditScreen
from tui.screens.deployment import DeploymentScreen
from tui.screens.overview import OverviewScreen
from tui.widgets.table import LineTable


def numbers(desk: Desk) -> list[int]:
    return [int(key) for key in desk.app.screen.query_one(LineTable)._keys]


def told(desk: Desk) -> list[AuditLine]:
    """What the command line says of the same."""
    return list(desk.scene.world.bursar.operations.audit(desk.scene.ana, 200).items)


async def test_all_that_was_done_is_there_newest_first_and_spelled_out(scene: Scene) -> None:
    async with sitting(scene, "ana", "a") as desk:
        assert isinstance(desk.app.screen, AuditScreen)
        assert numbers(desk) == [line.seq for line in told(desk)]
        newest = told(desk)[0]
        assert newest.verb in desk.screen and f"number   {newest.seq}" in desk.screen
        assert "pretrain" in desk.screen, "a deployment has its name"
        await desk.press("escape")
        assert isinstance(desk.app.screen, OverviewScreen)


@pytest.mark.parametrize(
    ("filter_", "fits"),
    [
        ("actor=mia", lambda line: "mia" in line.actor),
        ("verb==deployment.submit", lambda line: line.verb == "deployment.submit"),
        ("!deployment", lambda line: "deployment" not in line.verb and "deployment" not in (line.after or "")),
        ("actor==noa verb=submit", lambda line: line.actor == "noa" and "submit" in line.verb),
        ("broken", lambda line: line.target and "deployment" in line.verb),
    ],
)
async def test_a_filter_narrows_it(scene: Scene, filter_: str, fits) -> None:  # type: ignore[no-untyped-def]
    async with sitting(scene, "ana", "a", "slash") as desk:
        for sign in filter_:
            await desk.pilot.press({"!": "exclamation_mark", "=": "equals_sign", ".": "full_stop"}.get(sign, sign))
        shown = await desk.press("enter")
        assert f"/{filter_}" in shown
        found = numbers(desk)
        assert 0 < len(found) < len(told(desk))
        assert all(fits(line) for line in told(desk) if line.seq in found)
        if filter_ != "broken":
            assert found == [line.seq for line in told(desk) if fits(line)]
        await desk.press("escape")
        assert len(numbers(desk)) == len(told(desk))


async def test_a_field_that_there_is_not_is_told_where_one_types(scene: Scene) -> None:
    async with sitting(scene, "ana", "a", "slash") as desk:
        await desk.type("owner=mia")
        assert "filter: there is no field 'owner'" in await desk.press("enter")


async def test_from_a_line_to_all_of_its_target_all_of_its_actor_and_to_the_deployment(scene: Scene) -> None:
    async with sitting(scene, "ana", "a") as desk:
        line = next(line for line in told(desk) if line.verb == "deployment.submit")
        desk.app.screen.query_one(LineTable).put_cursor_on(str(line.seq))
        await settled(desk.app, desk.pilot)
        await desk.press("t")
        assert numbers(desk) == [one.seq for one in told(desk) if one.target == line.target]
        assert desk.app.screen.query_one(LineTable).key == str(line.seq), "the cursor stays on its line"
        await desk.press("o")
        assert numbers(desk) == [one.seq for one in told(desk) if one.actor == line.actor]
        await desk.press("enter")
        assert isinstance(desk.app.screen, DeploymentScreen)


async def test_what_happens_while_one_looks_comes_on_top_and_only_that_is_asked_for(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    made = questions.journal

    def counted(filter_: str, after: int, *, everywhere: bool):  # type: ignore[no-untyped-def]
        asked.append(after)
        return made(filter_, after, everywhere=everywhere)

    monkeypatch.setattr(questions, "journal", counted)
    async with sitting(scene, "ana", "a", "down") as desk:
        key, newest = desk.app.screen.query_one(LineTable).key, told(desk)[0].seq
        scene.world.bursar.deployments.stop(scene.mia, "sweep")
        await desk.press("ctrl+r")
        assert asked == [0, newest]
        assert numbers(desk) == [line.seq for line in told(desk)]
        assert desk.app.screen.query_one(LineTable).key == key
        assert "mia" in desk.screen and " stop " in desk.screen
        await desk.press("ctrl+r")
        assert numbers(desk) == [line.seq for line in told(desk)], "nothing comes twice"


async def test_the_cursor_follows_the_newest_until_somebody_moves_it_and_is_then_never_out_of_sight(
    scene: Scene,
) -> None:
    async with sitting(scene, "ana", "a") as desk:
        scene.world.bursar.deployments.stop(scene.mia, "sweep")
        await desk.press("ctrl+r")
        assert f"number   {told(desk)[0].seq}" in desk.screen
        await desk.press("down")
        key = desk.app.screen.query_one(LineTable).key
        for number in range(desk.app.size.height):
            scene.world.submit(scene.mia, f"more-{number}", hours=1)
        await desk.press("ctrl+r")
        assert f"number   {key}" in desk.screen
        assert any(line.lstrip("│ ").startswith("▌") for line in desk.screen.splitlines()), "its line is in view"


async def test_numbers_for_another_filter_than_is_asked_for_by_now_are_dropped(scene: Scene) -> None:
    async with sitting(scene, "ana", "a") as desk:
        with held(desk.app, JournalSeen) as late:
            await desk.pilot.press("o")
            await late.come()
            await desk.pilot.press("escape")
            late.let_go()
            await settled(desk.app, desk.pilot)
            assert numbers(desk) == [line.seq for line in told(desk)]


async def test_lines_that_are_not_read_yet_are_dots_and_come_by_pages(scene: Scene) -> None:
    async with sitting(scene, "ana") as desk:
        with held(desk.app, JournalLinesSeen) as late:
            await desk.pilot.press("a")
            await late.come()
            await drawn(desk.app, desk.pilot, lambda: "  ·  " in desk.screen, "no dots")
            late.let_go()
        assert "deployment." in await settled(desk.app, desk.pilot)


async def test_more_than_the_newest_are_told_to_be_more(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsing, "MOST_OF_JOURNAL", 5)
    monkeypatch.setattr("tui.screens.audit._MOST", 5)
    async with sitting(scene, "ana", "a") as desk:
        assert "audit  the newest 5" in desk.screen and len(numbers(desk)) == 5


async def test_a_member_is_told_whose_it_is(scene: Scene) -> None:
    async with sitting(scene, "mia") as desk:
        await desk.press("a")
        assert isinstance(desk.app.screen, OverviewScreen), "the key is none of theirs"
        await desk.press("colon")
        await desk.type("audit")
        assert "for admins" in await desk.press("enter")


async def test_the_chain_and_all_organizations_are_for_operators(scene: Scene) -> None:
    scene.world.org(scene.operator, "sound")
    scene.world.bursar.organizations.switch(scene.operator, "vision")
    async with sitting(scene, "ana", "a") as desk:
        assert desk.offers("verify") is False
        assert "for operators" in await desk.press("v")
        assert "of all organizations" not in await desk.press("A")
    async with sitting(scene, "olga", "a") as desk:
        assert numbers(desk) == [line.seq for line in told(desk)], "of the organization in which one works"
        shown = await desk.press("A")
        assert "of all organizations" in shown and "sound" in shown
        assert len(numbers(desk)) > len(told(desk))
        await desk.press("v")
        assert isinstance(desk.app.screen, AnswerScreen)
        assert "$ bursar audit --verify" in desk.screen and "holds" in desk.screen


def line(before: str | None, after: str | None) -> AuditLine:
    return AuditLine(1, 0, "ana", "cli", None, "x.y", "z", before, after)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (None, None, ""),
        (None, '{"a":1}', "a 1"),
        ('{"a":"x"}', None, "a x"),
        ('{"a":1,"b":2}', '{"a":3,"b":2}', "a 1 → 3"),
        ('{"a":1}', '{"b":["k",{"l":true}]}', 'a 1, b ["k", {"l": true}]'),
        ("[1]", "null", " [1] → null"),
    ],
)
def test_a_change_in_few_words(before: str | None, after: str | None, said: str) -> None:
    assert change_of(line(before, after)) == said
    assert audit_lines(line(before, after))
