"""Answers that come late: for somebody who has left, for a screen that has gone, for a cursor that has moved on."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from core.domain.requests import NewPassword
from tests.builders import PASSWORD
from tests.tui.console.held import drawn, held
from tests.tui.console.scene import Scene, settled, text_of
from tests.tui.console.test_acting import Desk, sitting
from tui import questions
from tui.actions import Command, named
from tui.messages import Beaten, Did, LogSeen, OverviewSeen, Questioned
from tui.screens.approvals import ApprovalsScreen
from tui.screens.clusters import ClustersScreen
from tui.screens.deployment import DeploymentScreen
from tui.screens.deployments import DeploymentsScreen
from tui.screens.form import FormScreen
from tui.screens.login import LoginScreen
from tui.screens.money import MoneyScreen
from tui.screens.overview import OverviewScreen
from tui.screens.people import PeopleScreen
from tui.screens.queue import QueueScreen


def fill_in(desk: Desk, name: str) -> None:
    """A name and a password, up to the last key."""
    for field, words in zip(desk.app.screen.query(Input), (name, PASSWORD), strict=True):
        field.value = words
    desk.app.screen.set_focus(desk.app.screen.query(Input).last())


async def log_out(desk: Desk) -> None:
    desk.app.run_line("logout")
    # Where the keys go is settled last: who moves on before would have the focus taken back.
    await drawn(desk.app, desk.pilot, lambda: isinstance(desk.app.focused, Input), "nobody is asked")
    assert isinstance(desk.app.screen, LoginScreen) and len(desk.app.screen.query(Input)) == 2


def of(desk: Desk, name: str) -> str:
    return desk.deployment(name).id


# Somebody who has left


async def test_what_somebody_did_is_neither_read_nor_taken_back_by_who_comes_next(scene: Scene) -> None:
    async with sitting(scene, "mia", "3") as desk:
        await desk.cursor_on("sweep")
        assert "(u undoes)" in await desk.press("s")
        await log_out(desk)
        fill_in(desk, "ana")
        await desk.press("enter")
        await drawn(desk.app, desk.pilot, lambda: "ana (admin)" in text_of(desk.app), "she does not get in")
        await settled(desk.app, desk.pilot)
        assert "stop" not in str(desk.app.log_of_commands)
        assert "nothing to undo" in await desk.press("u")


async def test_how_a_command_turned_out_is_not_told_to_who_comes_next(scene: Scene) -> None:
    async with sitting(scene, "mia") as desk:
        with held(desk.app, Did) as did:
            desk.app.run_line("stop sweep")
            await did.come()
            desk.app.run_line("logout")  # which nothing holds back but what is done before it
            did.let_go()
            shown = await settled(desk.app, desk.pilot)
        assert isinstance(desk.app.screen, LoginScreen)
        assert "sweep" not in shown and "sweep" not in str(desk.app.log_of_commands)


async def test_a_command_is_done_by_who_asked_for_it_however_late_it_begins(scene: Scene) -> None:
    async with sitting(scene, "mia") as desk:
        gateway = desk.app.gateway
        with held(desk.app, Did, before_it_begins=True) as doing:
            desk.app.run_line("stop sweep")
            await doing.come()
            gateway._sit(gateway.bursar().accounts.authenticate(desk.scene.place("noa").token, "console"))
            doing.let_go()
            await settled(desk.app, desk.pilot)
        audit = scene.world.bursar.operations.audit(scene.ana, 20).items
        assert [line.actor for line in audit if line.verb == "deployment.stop"] == ["mia"]


async def test_a_question_of_who_has_left_is_not_asked_of_who_comes_next(scene: Scene) -> None:
    async with sitting(scene, "ana", "3") as desk:
        with held(desk.app, Questioned) as question:
            desk.app.run_line("cluster delete edge")
            await question.come()
            await log_out(desk)
            question.let_go()
            await settled(desk.app, desk.pilot)
        assert isinstance(desk.app.screen, LoginScreen)


async def test_who_logs_in_after_another_ones_session_never_sees_what_they_saw(scene: Scene) -> None:
    async with sitting(scene, "mia", "3") as desk:
        scene.world.advance(1_000_000)
        scene.world.bursar.accounts.change_password(scene.mia, NewPassword(old=PASSWORD, new="another horse staple"))
        desk.app.beat()
        assert "your session is over" in await settled(desk.app, desk.pilot)
        fill_in(desk, "noa")
        with held(desk.app, Beaten):
            await desk.pilot.press("enter")
            shown = await drawn(
                desk.app, desk.pilot, lambda: not isinstance(desk.app.screen, LoginScreen), "nobody comes in"
            )
            assert isinstance(desk.app.screen, OverviewScreen)
            assert "mia" not in shown and "train-resnet" not in shown
        desk.app.beat()
        assert "noa (member)" in await settled(desk.app, desk.pilot)


async def test_screens_that_are_forgotten_are_gone_with_what_was_on_its_way_to_them(scene: Scene) -> None:
    scene.world.org(scene.operator, "sound")
    async with sitting(scene, "olga", "3", "5", "1") as desk:
        desk.app.run_line("org switch vision")
        await settled(desk.app, desk.pilot)
        desk.app.beat()
        await settled(desk.app, desk.pilot)
        await desk.press("3", "1")
        with held(desk.app, OverviewSeen) as late:
            desk.app.screen.look()  # type: ignore[attr-defined]
            await late.come()
            before = set(desk.app._frames.values())
            desk.app.run_line("org switch sound")
            await drawn(desk.app, desk.pilot, lambda: desk.app.gateway._doing == 0, "it is not done")
            desk.app.beat()
            await drawn(desk.app, desk.pilot, lambda: not before & set(desk.app._frames.values()), "they stay")
            late.let_go()
        await settled(desk.app, desk.pilot)
        assert set(desk.app._installed_screens.values()) == set(desk.app._frames.values())
        await drawn(desk.app, desk.pilot, lambda: not any(frame.is_running for frame in before), "they are still there")


# A screen that has gone, or has another over it


async def test_who_has_not_said_who_they_are_finds_nothing(scene: Scene) -> None:
    async with sitting(scene, None) as desk:
        await desk.press("ctrl+p")
        assert isinstance(desk.app.screen, LoginScreen)


async def test_a_form_goes_once_it_is_done_also_from_below_the_palette(scene: Scene) -> None:
    async with sitting(scene, "ana", "7", "i") as desk:
        with held(desk.app, Did) as did:
            await desk.pilot.press("enter")
            await did.come()
            await desk.pilot.press("ctrl+p")
            await drawn(desk.app, desk.pilot, lambda: not isinstance(desk.app.screen, FormScreen), "no palette")
            did.let_go()
            await settled(desk.app, desk.pilot)
        assert "the code is shown only now" in await desk.sees("the code is shown only now")
        await desk.press("escape")
        await desk.press("escape")
        assert isinstance(desk.app.screen, PeopleScreen)


async def test_a_posting_opens_only_where_it_is_waited_for(scene: Scene) -> None:
    async with sitting(scene, "ana", "8") as desk:
        money = desk.app.screen
        assert isinstance(money, MoneyScreen)
        gateway = desk.app.gateway
        seen = questions.posting(1)(gateway.bursar(), gateway.caller())
        await desk.press("3")
        money.post_message(seen)
        await settled(desk.app, desk.pilot)
        assert isinstance(desk.app.screen, DeploymentsScreen)


async def test_who_has_gone_on_from_the_form_is_not_called_back_to_what_it_submitted(scene: Scene) -> None:
    async with sitting(scene, "mia", "4") as desk:
        with held(desk.app, Did) as did:
            await desk.type("next")
            for _ in range(2):
                await desk.press("tab")
            submit = named(("submit",))
            assert submit is not None
            texts = {"name": ("next",), "cluster": ("rack",), "image": ("busybox",)}
            desk.app.gateway.ask_to_do(desk.app.screen, Command(submit, texts))
            await did.come()
            desk.app.go("deployments")
            did.let_go()
            shown = await settled(desk.app, desk.pilot)
        assert isinstance(desk.app.screen, DeploymentsScreen)
        assert "$ bursar submit next" in shown


# A cursor that has moved on


async def test_reasons_and_facts_of_another_line_are_not_shown(scene: Scene) -> None:
    async with sitting(scene, "ana", "2") as desk:
        assert isinstance(desk.app.screen, QueueScreen)
        await desk.cursor_on("evaluate")
        gateway = desk.app.gateway
        other = questions.why(of(desk, "pretrain"))(gateway.bursar(), gateway.caller())
        before = desk.screen
        desk.app.screen.post_message(other)
        assert await settled(desk.app, desk.pilot) == before

        await desk.press("6")
        assert isinstance(desk.app.screen, ApprovalsScreen)
        before = desk.screen
        assert "whole-node" in before
        elsewhere = questions.deployment(of(desk, "train-resnet"))(gateway.bursar(), gateway.caller())
        desk.app.screen.post_message(elsewhere)
        assert await settled(desk.app, desk.pilot) == before

        await desk.press("5")
        assert isinstance(desk.app.screen, ClustersScreen)
        await desk.cursor_on("rack")
        before = desk.screen
        edge = scene.world.bursar.clusters.show(scene.ana, "edge").id
        desk.app.screen.post_message(questions.devices(edge)(gateway.bursar(), gateway.caller()))
        assert await settled(desk.app, desk.pilot) == before


async def test_a_log_that_had_ended_before_anything_else_was_known_is_followed_on(scene: Scene) -> None:
    async with sitting(scene, "ana") as desk:
        scene.world.bursar.deployments.stop(scene.mia, "sweep")
        scene.work()
        desk.app.open_deployment(of(desk, "sweep"), "logs")
        await settled(desk.app, desk.pilot)
        screen = desk.app.screen
        assert isinstance(screen, DeploymentScreen)
        card, screen._card = screen._card, None
        gateway = desk.app.gateway
        ended = questions.log(of(desk, "sweep"), None, 10)(gateway.bursar(), gateway.caller())
        assert isinstance(ended, LogSeen) and ended.log.ended
        screen.post_message(ended)
        await settled(desk.app, desk.pilot)
        screen._card = card
        with held(desk.app, LogSeen) as more:
            screen._read_log()
            await more.come()


@pytest.mark.parametrize("given_up", [False, True], ids=["not begun", "given up"])
async def test_a_preview_that_comes_late_says_nothing_of_an_empty_form(scene: Scene, given_up: bool) -> None:
    async with sitting(scene, "mia", "4") as desk:
        gateway = desk.app.gateway
        submit = named(("submit",))
        assert submit is not None
        texts = {"name": ("next",), "cluster": ("rack",), "image": ("busybox",), "dry_run": ("yes",)}
        seen = questions.preview(Command(submit, texts))(gateway.bursar(), gateway.caller())
        if given_up:
            await desk.type("n")
            await desk.press("backspace")
        before = desk.screen
        desk.app.screen.post_message(seen)
        assert await settled(desk.app, desk.pilot) == before
