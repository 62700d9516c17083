"""Who is at the console: logging in, losing a session, and a store that does not answer."""

from __future__ import annotations

import errno

import pytest
from textual import events
from textual.widgets import Input

from core.domain.errors import Unavailable
from core.domain.requests import NewPassword
from tests.builders import PASSWORD
from tests.tui.console.scene import Scene, settled, text_of
from tests.tui.console.test_acting import Desk, sitting
from tui.app import BursarConsole
from tui.cli.place import Opened, Place
from tui.gateway import Gateway
from tui.messages import Beaten
from tui.screens.login import LoginScreen
from tui.screens.submit import SubmitScreen
from tui.sitting import run_console
from tui.widgets.fields import Fields
from tui.widgets.masthead import Masthead
from tui.widgets.plain import text


async def log_in(desk: Desk, name: str, password: str) -> str:
    for field, words in zip(desk.app.screen.query(Input), (name, password), strict=True):
        field.value = words
    desk.app.screen.set_focus(desk.app.screen.query(Input).last())
    return await desk.press("enter")


async def test_nobody_is_asked_who_they_are_and_then_sees_their_own(scene: Scene) -> None:
    async with sitting(scene, None) as desk:
        assert isinstance(desk.app.screen, LoginScreen)
        shown = await log_in(desk, "mia", "a wrong password")
        assert "✗ unknown name or wrong password" in shown
        await log_in(desk, "mia", PASSWORD)
        assert "BURSAR  vision  mia (member)" in await settled(desk.app, desk.pilot)


async def test_what_is_typed_fast_after_the_name_is_the_password(scene: Scene) -> None:
    async with sitting(scene, None) as desk:
        for key in ("m", "i", "a", "enter", *PASSWORD, "enter"):
            desk.app.post_message(events.Key("space" if key == " " else key, None if key == "enter" else key))
        await desk.sees("mia (member)")


async def test_E66_a_session_that_is_over_asks_again_and_keeps_the_draft(scene: Scene) -> None:
    async with sitting(scene, "mia", "4") as desk:
        await desk.type("draft")
        scene.world.advance(1_000_000)
        scene.world.bursar.accounts.change_password(scene.mia, NewPassword(old=PASSWORD, new="another horse staple"))
        desk.app.beat()
        shown = await settled(desk.app, desk.pilot)
        assert "your session is over; what you were doing is still here" in shown
        assert desk.app.screen.query(Input).first().value == "mia"
        assert desk.app.screen.focused is desk.app.screen.query(Input).last()
        await log_in(desk, "mia", "another horse staple")
        await settled(desk.app, desk.pilot)
        assert isinstance(desk.app.screen, SubmitScreen)
        assert desk.app.screen.query_one(Fields).texts["name"] == ("draft",)


async def test_who_logs_out_leaves_nothing_on_the_screen(scene: Scene) -> None:
    async with sitting(scene, "mia", "3", "colon") as desk:
        await desk.type("logout")
        shown = await desk.press("enter")
        desk.app.beat()
        shown = await settled(desk.app, desk.pilot)
        assert isinstance(desk.app.screen, LoginScreen)
        assert "train-resnet" not in shown


@pytest.mark.parametrize("late", [False, True], ids=["before the logout is answered", "and after it"])
async def test_a_beat_that_was_on_its_way_does_not_bring_back_who_logs_out(scene: Scene, late: bool) -> None:
    async with sitting(scene, "mia", "3") as desk:
        on_its_way = desk.app.gateway.beat()
        desk.app.run_line("logout")
        if late:
            await settled(desk.app, desk.pilot)
        desk.app.post_message(on_its_way)
        await settled(desk.app, desk.pilot)
        desk.app.beat()
        shown = await settled(desk.app, desk.pilot)
        assert "log in to go on" in shown
        assert desk.app.screen.query(Input).first().value == ""


async def test_another_organization_begins_with_empty_screens(scene: Scene) -> None:
    scene.world.org(scene.operator, "sound")
    async with sitting(scene, "olga", "3") as desk:
        assert "nobody leads" in desk.screen
        await desk.press("colon")
        await desk.type("org switch vision")
        await desk.press("enter")
        desk.app.beat()
        assert "vision  olga" in await settled(desk.app, desk.pilot)


class Store:
    """Opens when it wants to."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.answers = scene, False

    def open(self) -> Opened:
        if not self.answers:
            raise Unavailable("store_unreachable", "the store cannot be opened", "check that its folder exists")
        return self.scene.world.bursar


async def test_E65_a_store_that_does_not_answer_is_told_and_tried_again(scene: Scene) -> None:
    store, place = Store(scene), scene.place("ana")
    lost = Place(place.home, place.token, store.open, place.read_private, place.write_private)
    app = BursarConsole(Gateway(lost, lambda _trace: None), scene.world.clock.now, beat_s=0)
    async with app.run_test(size=(100, 30)) as pilot:
        assert "✗ the store cannot be opened" in await settled(app, pilot)
        store.answers = True
        app.beat()
        await settled(app, pilot)
        assert "vision  ana" in await settled(app, pilot)


async def test_E65_what_is_old_says_so(scene: Scene) -> None:
    async with sitting(scene, "ana") as desk:
        scene.world.advance(20_000_000)
        desk.app.tick += 1
        await desk.pilot.pause()
        assert desk.app.screen.query_one(Masthead).standing[1] == "the store does not answer · seen 20s ago"


async def test_a_bug_in_a_service_is_written_down_and_the_console_lives(scene: Scene) -> None:
    notes: list[str] = []

    def note(trace: str) -> str:
        notes.append(trace)
        return "bugs.log"

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    app = BursarConsole(Gateway(scene.place("ana"), note), scene.world.clock.now, beat_s=0)
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(app, pilot)
        app.gateway.ask(app, broken, about="nothing")  # type: ignore[arg-type]
        shown = await settled(app, pilot)
        assert "a bug in Bursar (ZeroDivisionError)" in shown
        assert "ZeroDivisionError" in notes[0]
        assert app.is_running
        assert "vision" in text_of(app)


async def test_E65_a_store_that_goes_away_is_told_of_at_once_and_again_when_it_answers(scene: Scene) -> None:
    async with sitting(scene, "ana", "3") as desk:
        answers = desk.app.gateway.beat
        desk.app.gateway.beat = _unreachable  # type: ignore[method-assign]
        desk.app.beat()
        shown = await settled(desk.app, desk.pilot)
        assert "✗ the store does not answer · seen 0s ago" in shown
        assert "✗ the store cannot be asked  wait for it" in shown
        desk.app.echo(text("something else"))
        desk.app.beat()
        assert "something else" in await settled(desk.app, desk.pilot), "told once"
        desk.app.gateway.beat = answers  # type: ignore[method-assign]
        desk.app.beat()
        shown = await settled(desk.app, desk.pilot)
        assert "the store answers again" in shown
        assert "does not answer" not in shown


def _unreachable() -> Beaten:
    raise Unavailable("store_unreachable", "the store cannot be asked", "wait for it")


@pytest.mark.parametrize(("number", "code"), [(errno.EIO, 129), (errno.ENOSPC, None)])
def test_a_terminal_that_is_gone_while_something_is_said_to_it_is_no_bug(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, number: int, code: int | None
) -> None:
    def gone(_: object) -> None:
        raise OSError(number, "gone")

    monkeypatch.setattr(BursarConsole, "run", gone)
    place = scene.place("ana")
    if code is None:
        with pytest.raises(OSError, match="gone"):
            run_console(place, scene.world.clock.now, str)
    else:
        assert run_console(place, scene.world.clock.now, str) == code
