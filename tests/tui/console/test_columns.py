"""Columns and orders to somebody's liking, kept over restarts; and files that hold nothing of the kind."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.console.scene import Scene, settled
from tests.tui.console.test_acting import sitting
from tui.preferences import FILE_NAME, Preferences
from tui.screens.columns import ColumnsScreen
from tui.theme import LIGHT
from tui.widgets.table import LineTable


def kept(scene: Scene) -> Preferences:
    return Preferences.of(scene.place("ana"))


async def test_columns_are_turned_on_and_off_and_stay_so_the_next_time(scene: Scene) -> None:
    async with sitting(scene, "ana", "3", "w") as desk:
        assert isinstance(desk.app.screen, ColumnsScreen)
        table = desk.app.screen.query_one(LineTable)
        for word in ("owner", "kind"):
            table.put_cursor_on(word)
            await desk.press("space")
        shown = await desk.press("escape")
        head = shown.splitlines()[3].split()
        assert "owner" not in head
        assert "kind" in head
        assert "service" in shown
    async with sitting(scene, "ana", "3") as desk:
        head = desk.screen.splitlines()[3].split()
        assert ("owner" in head, "kind" in head) == (False, True)


async def test_what_rows_are_known_by_stays_and_what_has_no_room_says_so(scene: Scene) -> None:
    async with sitting(scene, "ana", "3", "w", size=(80, 24)) as desk:
        table = desk.app.screen.query_one(LineTable)
        table.put_cursor_on("name")
        assert "● always" in await desk.press("space")
        assert "◑ no room here" in desk.screen
        table.put_cursor_on("reason")
        await desk.press("space")
        assert "reason" in (await desk.press("escape")).splitlines()[3], "what is asked for goes last"


async def test_an_order_is_kept_and_the_head_of_a_column_can_be_clicked(scene: Scene) -> None:
    async with sitting(scene, "ana", "3") as desk:
        column = desk.screen.splitlines()[3].index("owner")
        await desk.pilot.click(LineTable, offset=(column - 2, 0))
        assert "owner↓" in await settled(desk.app, desk.pilot)
        await desk.pilot.click(LineTable, offset=(column - 2, 0))
        assert "owner↑" in await settled(desk.app, desk.pilot)
    async with sitting(scene, "ana", "3") as desk:
        assert "owner↑" in desk.screen


async def test_a_theme_is_kept(scene: Scene) -> None:
    async with sitting(scene, "ana", "colon") as desk:
        await desk.type("theme")
        await desk.press("enter")
    assert kept(scene).theme == LIGHT.name
    assert scene.console("ana").theme == LIGHT.name


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(
    known=st.dictionaries(st.sampled_from(["theme", "order", "columns"]), VALUES | st.fixed_dictionaries({"t": VALUES}))
)
def test_a_file_of_anything_is_as_good_as_none(known: dict[str, object]) -> None:
    read = Preferences(json.dumps(known).encode())
    assert read.theme is None or isinstance(read.theme, str)
    assert all(isinstance(shown, bool) for shown in read.columns("t").values())
    order = read.order("t")
    assert order is None or (isinstance(order[0], str) and isinstance(order[1], bool))
    read.set_order("t", "name", backwards=True)
    assert read.order("t") == ("name", True)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'"x"'])
def test_a_broken_file_is_as_good_as_none(scene: Scene, content: bytes) -> None:
    place = scene.place("ana")
    place.write_private(place.home / FILE_NAME, content)
    assert (kept(scene).theme, kept(scene).order("t"), kept(scene).columns("t")) == (None, None, {})


def test_a_home_that_cannot_be_written_disturbs_nobody(scene: Scene) -> None:
    place = scene.place("ana")
    (place.home / FILE_NAME).mkdir()
    preferences = Preferences.of(place)
    preferences.set_theme(LIGHT.name)
    assert preferences.theme == LIGHT.name
