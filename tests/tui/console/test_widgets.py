"""Small parts of the screens: the line of keys, lines that hang, words that are picked, and what happened in words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events, on
from textual.app import App, ComposeResult
from textual.content import Content

from core.domain.columns import columns
from core.domain.lifecycle import State, Trigger
from core.views.browsing import DeviceLine, Holder
from tests.tui.console.scene import Scene, settled
from tests.tui.console.test_acting import sitting
from tui.feed import event_word
from tui.screens.clusters import ClustersScreen
from tui.screens.deployment import DeploymentScreen
from tui.screens.deployments import DeploymentsScreen
from tui.screens.help import HelpScreen
from tui.screens.overview import OverviewScreen
from tui.screens.submit import SubmitScreen
from tui.widgets.devices import device_map
from tui.widgets.fields import Fields
from tui.widgets.hanging import wrapped
from tui.widgets.keys import Key, Keys, fitted
from tui.widgets.lines_of_log import LinesOfLog
from tui.widgets.nav import PLACES, Nav
from tui.widgets.pick import Pick
from tui.widgets.plain import text

KEY = st.builds(Key, st.just("x"), st.text("ab", min_size=1, max_size=3), st.text("cd", max_size=9), st.just(True))


@given(first=st.lists(KEY, max_size=12), always=st.lists(KEY, max_size=2), width=st.integers(20, 200))
def test_the_line_of_keys_fits_and_keeps_what_leads_to_the_rest(
    first: list[Key], always: list[Key], width: int
) -> None:
    room = max(width, sum(key.width + 2 for key in always) + 3)
    shown = fitted(first, always, room)
    assert shown[len(shown) - len(always) :] == always
    assert sum((1 if key is None else key.width) + 2 for key in shown) - 2 <= room
    left_out = len(first) + len(always) - len([key for key in shown if key is not None])
    assert (None in shown) == (left_out > 0)


async def test_a_key_in_the_line_can_be_clicked(scene: Scene) -> None:
    async with sitting(scene, "ana", "3") as desk:
        assert isinstance(desk.app.screen, DeploymentsScreen)
        line = desk.screen.splitlines()[-1]
        await desk.pilot.click(Keys, offset=(line.index("l Logs"), 0))
        await settled(desk.app, desk.pilot)
        assert isinstance(desk.app.screen, DeploymentScreen)


HEADS = st.text("ab ", max_size=6)
BODIES = st.lists(st.text("xyz", min_size=1, max_size=9), min_size=1, max_size=12).map(" ".join)


@given(head=HEADS, body=BODIES, width=st.integers(24, 60))
def test_what_does_not_fit_beside_its_head_goes_on_below_itself(head: str, body: str, width: int) -> None:
    lines = [line.plain for line in wrapped((text(head), text(body)), width)]
    assert all(columns(line) <= width for line in lines)
    assert lines[0].startswith(head)
    assert all(line.startswith(" " * len(head)) and line.strip() for line in lines[1:])
    assert " ".join(line[len(head) :].strip() for line in lines) == body


def test_a_line_without_a_head_hangs_by_its_spaces() -> None:
    lines = wrapped(Content("  needs three and has none at all"), 20)
    assert [line.plain.rstrip() for line in lines] == ["  needs three and", "  has none at all"]


class OnePick(App[None]):
    def compose(self) -> ComposeResult:
        yield Pick([], "any", "", name="pick")


@pytest.mark.parametrize(("typed", "picked"), [("r", "rack"), ("ra", "rack"), ("ri", "ridge"), ("x", ""), ("", "")])
async def test_a_word_is_picked_by_its_beginning_even_before_it_is_offered(typed: str, picked: str) -> None:
    for late in (False, True):
        app = OnePick()
        async with app.run_test(size=(40, 12)) as pilot:
            pick = app.query_one(Pick)
            pick.focus()
            await pilot.pause()
            if not late:
                pick.offer(["edge", "rack", "ridge"])
            await pilot.press(*typed)
            if late:
                pick.offer(["edge", "rack", "ridge"])
            assert pick.picked == picked
            await pilot.press("backspace")
            assert pick.picked == ""


async def test_what_was_picked_stays_while_it_is_offered_anew() -> None:
    app = OnePick()
    async with app.run_test(size=(40, 12)) as pilot:
        pick = app.query_one(Pick)
        pick.offer(["edge", "rack"])
        pick.wish("rack")
        pick.offer(["a", "rack"])
        assert pick.picked == "rack"
        pick.offer(["a"])
        assert pick.picked == ""
        await pilot.pause()


def test_whatever_moves_a_deployment_is_told_in_words_of_its_own() -> None:
    plain = [t for t in Trigger if event_word(f"deployment.{t.value}")[0] == t.value.replace("_", " ")]
    assert plain == []


async def test_the_mouse_turns_tabs_and_opens_what_can_be_picked(scene: Scene) -> None:
    async with sitting(scene, "ana", "3") as desk:
        await desk.cursor_on("prepare")
        await desk.press("enter")
        await desk.pilot.click("#--content-tab-logs")
        assert "[simulated] prepare ended" in await settled(desk.app, desk.pilot)
        await desk.press("4")
        await desk.pilot.click("#field-cluster SelectCurrent")
        await settled(desk.app, desk.pilot)
        await desk.press("down", "down", "down", "enter")  # the first is none of them
        assert desk.app.screen.query_one("#field-cluster", Pick).picked == "rack"


async def test_what_is_typed_into_a_form_is_no_key_of_the_screen_and_help_is_still_there(scene: Scene) -> None:
    async with sitting(scene, "ana", "4") as desk:
        assert "f1 Help" in desk.screen.splitlines()[-1]
        await desk.press("tab", "3", "question_mark")
        assert isinstance(desk.app.screen, SubmitScreen)
        await desk.press("f1")
        assert isinstance(desk.app.screen, HelpScreen)
        await desk.press("escape", "escape")
        assert isinstance(desk.app.screen, OverviewScreen)


async def test_the_help_says_where_a_key_works_and_leaves_out_how_widgets_scroll(scene: Scene) -> None:
    async with sitting(scene, "ana", "3", "question_mark") as desk:
        shown = desk.screen
        for words in ("deployments", "in lists", "everywhere", "1-9", "Turn order round", "Undo what was done last"):
            assert words in shown
        assert "Scroll" not in shown
        assert "Focus" not in shown


async def test_what_is_typed_fast_behind_a_tab_lands_in_the_next_field(scene: Scene) -> None:
    async with sitting(scene, "ana", "4") as desk:
        fast(desk.app, *"train", "tab", *"edge", "tab", *"busybox", "shift+tab", "shift+tab", *"-2")
        await settled(desk.app, desk.pilot)
        texts = desk.app.screen.query_one(Fields).texts
        assert (texts["name"], texts["cluster"], texts["image"]) == (("train-2",), ("edge",), ("busybox",))


async def test_signs_that_come_before_a_field_has_the_focus_are_no_keys_of_the_form(scene: Scene) -> None:
    async with sitting(scene, "ana", "4") as desk:
        desk.app.screen.set_focus(None)
        await desk.press("3", "q", "u", "minus", "colon")
        assert isinstance(desk.app.screen, SubmitScreen)


async def test_escape_leads_back_the_way_one_came(scene: Scene) -> None:
    async with sitting(scene, "ana", "5", "3", "n", "escape") as desk:
        assert isinstance(desk.app.screen, DeploymentsScreen)
        await desk.press("2", "5")  # there already was on the way: it leads back from there
        assert isinstance(desk.app.screen, ClustersScreen)
        await desk.press("escape")
        assert isinstance(desk.app.screen, OverviewScreen)
        await desk.press("escape")
        assert isinstance(desk.app.screen, OverviewScreen)


async def test_a_key_that_is_out_of_reach_says_why(scene: Scene) -> None:
    async with sitting(scene, "mia", "3") as desk:
        await desk.cursor_on("prepare")
        assert "Stop does not fit what is under the cursor" in await desk.press("s")
        await desk.cursor_on("notebook")
        assert "Stop: not yours to do" in await desk.press("s")
        assert "Drain: not yours to do" in await desk.press("5", "x")
    assert [scene.world.bursar.deployments.show(scene.ana, n).state.value for n in ("prepare", "notebook")] == [
        "completed",
        "queued",
    ]


def fast(app: App[int], *keys: str) -> None:
    """All at once, as a slow line hands them over."""
    for key in keys:
        app.post_message(events.Key(key, key if len(key) == 1 else None))


WIDTHS = st.integers(min_value=4, max_value=200)


@given(WIDTHS, st.lists(st.sampled_from(["", "mia", "a-very-long-name"]), min_size=1, max_size=20))
def test_a_map_of_devices_fits_and_stands_the_same_whoever_holds_them(width: int, owners: list[str]) -> None:
    def drawn(of: list[str]) -> list[str]:
        return [line.plain for line in device_map([_device(i, owner) for i, owner in enumerate(of)], width, 99).lines]

    held, free = drawn(owners), drawn([""] * len(owners))
    assert [len(line) for line in held] == [len(line) for line in free]
    assert max(map(len, held[1:])) <= max(width, 2)


def _device(index: int, owner: str) -> DeviceLine:
    holders = (Holder("dep-1", "train", owner, State.RUNNING, 1000),) if owner else ()
    return DeviceLine("rack", "node-1", "up", index, f"dev-{index}", "a100", 0 if owner else 1000, holders)


PIECES = st.lists(st.text("ab\nA", max_size=12), max_size=8)


@given(pieces=PIECES, word=st.sampled_from(["a", "ab", "B"]))
async def test_a_log_is_narrowed_however_it_comes_and_comes_back_whole(pieces: list[str], word: str) -> None:
    class OneLog(App[None]):
        def compose(self) -> ComposeResult:
            yield LinesOfLog(1_000)

    def shown(log: LinesOfLog) -> list[str]:
        return [log.lines[index] for index in range(log.line_count)]

    whole = "".join(pieces)
    ended = whole.split("\n")[:-1]
    app = OneLog()
    async with app.run_test(size=(40, 12)):
        log = app.query_one(LinesOfLog)
        log.narrow(word)
        for piece in pieces[:3]:
            log.take(piece)
        log.narrow("")
        log.narrow(word)
        for piece in pieces[3:]:
            log.take(piece)
        fits = [line for line in ended if word.lower() in line.lower()]
        assert [line for line in shown(log) if line] == fits
        assert log.found == (len(fits), len(ended))
        log.narrow("")
        assert "\n".join(shown(log)).rstrip("\n") == whole.rstrip("\n")


async def test_a_log_is_searched_and_escape_gives_all_of_it_back(scene: Scene) -> None:
    async with sitting(scene, "ana", "3") as desk:
        await desk.cursor_on("prepare")
        await desk.press("enter", "slash")  # from another tab
        shown = await desk.type("ENDED")
        assert "/ENDED  1 of " in shown
        assert "was created" not in shown
        await desk.press("enter")
        assert desk.app.screen.focused is desk.app.screen.query_one(LinesOfLog)
        assert "was created" in await desk.press("escape")
        assert isinstance(desk.app.screen, DeploymentScreen)


async def test_who_leaves_the_prompt_is_where_they_were(scene: Scene) -> None:
    async with sitting(scene, "ana", "7", "tab") as desk:
        before = desk.app.screen.focused
        await desk.press("colon", "escape")
        assert desk.app.screen.focused is before


async def test_what_happened_to_a_node_says_in_which_state_it_is_now(scene: Scene) -> None:
    scene.world.bursar.clusters.set_node_state(scene.operator, "rack", "node-2", "drained")
    async with sitting(scene, "ana") as desk:
        assert "rack has a node in another state: drained" in desk.screen


@given(
    WIDTHS, st.integers(1, 30), st.integers(1, 12), st.sampled_from(["node-", "a-very-long-name-of-a-node-", "机器-"])
)
def test_a_map_of_many_nodes_fits_and_every_device_is_found_where_it_stands(
    width: int, nodes: int, each: int, name: str
) -> None:
    devices = [
        replace(_device(index, "mia"), node=f"{name}{number}") for number in range(nodes) for index in range(each)
    ]
    drawn = device_map(devices, width, height=1)
    assert all(line.cell_length <= max(width, 18) for line in drawn.lines[1:])
    for spot in drawn.spots:
        assert drawn.at(spot.begins, spot.line) == spot.device
    shown = {spot.device.node for spot in drawn.spots}
    assert shown == {device.node for device in devices}
    assert [spot.line for spot in drawn.spots] == sorted(spot.line for spot in drawn.spots)


def test_nodes_stand_in_the_order_of_their_numbers() -> None:
    devices = [replace(_device(0, ""), node=f"node-{number}") for number in (10, 2, 1, 100)]
    assert [spot.device.node for spot in device_map(devices, 60, 99).spots] == [
        "node-1",
        "node-2",
        "node-10",
        "node-100",
    ]


class _Navs(App[None]):
    """The line of the main screens alone, and where it was clicked."""

    def __init__(self) -> None:
        super().__init__()
        self.picked: list[str] = []

    def compose(self) -> ComposeResult:
        yield Nav()

    @on(Nav.Picked)
    def _picked(self, event: Nav.Picked) -> None:
        self.picked.append(event.place)


@pytest.mark.parametrize(
    ("width", "first", "last"),
    [
        (80, "1 Home", "9 Use"),
        (90, "1 Home", "9 Use"),
        (100, "1 Overview", "9 Reports"),
        (120, "1 Overview", "9 Reports"),
    ],
)
async def test_all_main_screens_are_named_at_any_width_and_clicked_where_they_stand(
    width: int, first: str, last: str
) -> None:
    app = _Navs()
    async with app.run_test(size=(width, 3)) as pilot:
        nav = app.query_one(Nav)
        nav.here, nav.waiting = "approvals", 12
        await pilot.pause()
        line = nav.render().plain
        assert len(line) <= width and first in line and line.rstrip().endswith(last)
        for place in PLACES:
            await pilot.click(Nav, offset=(line.index(f"{place.key} "), 0))
        await pilot.click(Nav, offset=(len(line.rstrip()) - 1, 0))
    assert app.picked == [*(place.name for place in PLACES), PLACES[-1].name]
