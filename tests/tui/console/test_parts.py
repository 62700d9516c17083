"""The parts of the console by themselves: the table, the words of commands, what completes them, short amounts."""

from __future__ import annotations

import threading
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding

from core.commands.table import VERBS
from core.commands.words import parse_words
from core.domain.errors import Invalid
from core.domain.lifecycle import State
from core.domain.roles import Role
from core.views.people import AccountCard
from tests.tui.console.scene import MOST_PAUSES
from tui import actions
from tui.actions import Command, may, named
from tui.amounts import bar, credits_of, span
from tui.app import _FRAMES
from tui.completion import completions
from tui.embedded import Embedded
from tui.screens.frame import Frame
from tui.theme import LOOKS
from tui.widgets.columns import Cell, Column, fitted, is_wanted
from tui.widgets.table import LineTable

MANY = 100_000


class OneTable(App[None]):
    def compose(self) -> ComposeResult:
        yield LineTable([Column("name", 8, grow=True), Column("n", 8, right=True, drop=1)], marks=True)


def numbered(count: int) -> list[str]:
    return [f"row-{number}" for number in range(count)]


async def test_a_table_of_a_hundred_thousand_asks_only_for_what_is_in_view() -> None:
    asked: set[int] = set()

    def cells(index: int) -> list[Cell]:
        asked.add(index)
        return [Cell(f"row-{index}"), Cell(str(index))]

    app = OneTable()
    async with app.run_test(size=(40, 12)) as pilot:
        table = app.query_one(LineTable)
        table.show(numbered(MANY), cells)
        await pilot.pause()
        await pilot.press("end")
        await pilot.pause()
        assert table.key == f"row-{MANY - 1}"
        assert len(asked) < 50


async def test_rows_are_marked_one_by_one_in_a_row_or_all_at_once() -> None:
    app = OneTable()
    async with app.run_test(size=(40, 12)) as pilot:
        table = app.query_one(LineTable)
        table.show_rows([(key, (Cell(key), Cell("1"))) for key in "abcde"])
        await pilot.pause()
        await pilot.press("down", "shift+down", "shift+down")
        assert (table.picked, table.key) == (("b", "c"), "d")
        await pilot.press("shift+up", "shift+up")
        assert (table.picked, table.key) == (("b", "d"), "b")
        await pilot.press("asterisk")
        assert table.picked == tuple("abcde")
        await pilot.press("asterisk")
        assert table.picked == ("b",), "the one under the cursor"


async def test_more_than_can_be_done_one_by_one_are_not_marked_at_once() -> None:
    said: list[int] = []

    class Hearing(OneTable):
        @on(LineTable.TooMany)
        def _heard(self, event: LineTable.TooMany) -> None:
            said.append(event.count)

    app = Hearing()
    async with app.run_test(size=(40, 12)) as pilot:
        table = app.query_one(LineTable)
        table.show(numbered(MANY), lambda index: [Cell(f"row-{index}"), Cell("1")])
        await pilot.press("asterisk")
        await pilot.pause()
        assert (said, table.marked) == ([MANY], frozenset())


async def test_that_there_is_nothing_is_told_once_it_is_known() -> None:
    app = OneTable()
    async with app.run_test(size=(40, 12)) as pilot:
        table = app.query_one(LineTable)
        assert table.render_line(1).text.strip() == "…"
        table.show_rows([])
        await pilot.pause()
        assert table.render_line(1).text.strip() == "nothing here"
        table.show_rows([], nothing="only admins see it")
        assert table.render_line(1).text.strip() == "only admins see it"


async def test_the_cursor_stays_on_its_row_when_others_come_before_it() -> None:
    app = OneTable()
    async with app.run_test(size=(40, 12)) as pilot:
        table = app.query_one(LineTable)
        table.show_rows([(key, (Cell(key), Cell("1"))) for key in ("a", "b", "c")])
        await pilot.press("down")
        table.show_rows([(key, (Cell(key), Cell("1"))) for key in ("new", "a", "b", "c")])
        assert table.key == "b"
        table.show_rows([("a", (Cell("a"), Cell("1")))])
        assert table.key == "a"


async def test_marks_of_rows_that_are_gone_are_gone() -> None:
    app = OneTable()
    async with app.run_test(size=(40, 12)) as pilot:
        table = app.query_one(LineTable)
        table.show_rows([(key, (Cell(key), Cell("1"))) for key in ("a", "b", "c")])
        await pilot.press("space", "space")
        assert table.picked == ("a", "b")
        table.show_rows([(key, (Cell(key), Cell("1"))) for key in ("b", "c")])
        assert table.picked == ("b",)
        assert table.unmark()
        assert table.picked == (table.key,)


async def test_columns_that_do_not_fit_go_by_their_order_and_come_back() -> None:
    app = OneTable()
    async with app.run_test(size=(14, 6)) as pilot:
        table = app.query_one(LineTable)
        table.show_rows([("a", (Cell("abc"), Cell("42")))])
        await pilot.pause()
        assert "42" not in table.render_line(1).text
        await pilot.resize_terminal(40, 6)
        for _ in range(MOST_PAUSES):  # its room is known before its columns are
            if "42" in table.render_line(1).text:
                break
            await pilot.pause()
        else:
            raise AssertionError("they do not come back")


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=12)


@given(name=words, reason=words)
def test_a_command_shows_the_words_that_it_asks_with(name: str, reason: str) -> None:
    verb = named(("reject",))
    assert verb is not None
    command = Command(verb, {"deployment": (name,), "reason": (reason,)})
    assert command.values["reason"] == reason
    assert command.line.startswith("bursar reject ")


def test_the_line_of_a_command_is_read_by_the_prompt_as_the_same() -> None:
    verb = named(("submit",))
    assert verb is not None
    texts = {
        "name": ("a",),
        "cluster": ("rack",),
        "command": ("sh", "-c", "echo 1 2"),
        "label": ("k=v",),
        "gpu": ("2",),
    }
    read, values = parse_words(Command(verb, texts).line.removeprefix("bursar "))
    assert read is verb
    assert dict(values) == dict(Command(verb, texts).values)


@pytest.mark.parametrize(
    "action", [a for a in vars(actions).values() if isinstance(a, actions.Action)], ids=lambda a: a.name
)
def test_every_action_stands_for_a_verb_and_its_subject_for_an_argument(action: actions.Action) -> None:
    names = {argument.name for argument in action.verb.arguments}
    assert action.subject is None or action.subject in names
    assert set(action.hidden) | set(action.preset) <= names


def test_every_state_has_a_sign_and_a_word_of_its_own() -> None:
    assert set(LOOKS) == set(State)
    assert len({look.sign for look in LOOKS.values()}) == len({look.word for look in LOOKS.values()}) == len(State)


def card(role: Role | None, *, operator: bool = False, org: str | None = "vision") -> AccountCard:
    return AccountCard("mia", operator, org, role, (), "full", 0)


@pytest.mark.parametrize(
    ("who", "path", "owner", "allowed"),
    [
        (card(Role.MEMBER), ("cancel",), "mia", True),
        (card(Role.MEMBER), ("cancel",), "noa", False),
        (card(Role.ADMIN), ("cancel",), "noa", True),
        (card(Role.MEMBER), ("approve",), None, False),
        (card(None, operator=True), ("approve",), None, True),
        (card(None, operator=True, org=None), ("approve",), None, False),
        (None, ("cancel",), "mia", False),
    ],
)
def test_an_action_is_offered_as_the_table_of_rights_says(
    who: AccountCard | None, path: tuple[str, ...], owner: str | None, allowed: bool
) -> None:
    verb = named(path)
    assert verb is not None
    assert may(who, verb, owner) is allowed


@pytest.mark.parametrize(
    ("line", "first"),
    [
        ("que", "queue "),
        ("cluster dr", "cluster drain "),
        ("cancel ", "cancel dep-1 "),
        ("cancel tra", "cancel dep-1 "),
        ("org switch ", "org switch vision "),
        ("org role ", "org role mia "),
        ("submit --cluster ", "submit --cluster rack "),
        ("submit --after ", "submit --after dep-1 "),
        ("transfer --from ", "transfer --from mia "),
        ("cluster drain rack ", "cluster drain rack node-1 "),
        ("invite revoke ", "invite revoke inv-1 "),
        ("token revoke ", None),
        ("grant mia ", "grant mia --treasury "),
        ("invite create --ro", "invite create --role "),
        ("invite create --role a", "invite create --role admin "),
        ("org role mia ", "org role mia member "),
        ("nothing like it", None),
    ],
)
def test_a_line_is_completed_by_what_may_come_next(line: str, first: str | None) -> None:
    names = {
        "deployment": {"dep-1": "train of mia"},
        "cluster": {"rack": ""},
        "node": {"node-1": "of rack"},
        "user": {"mia": "member"},
        "org": {"vision": ""},
        "invite": {"inv-1": "open"},
    }
    found = completions(line, VERBS, ("overview", "queue"), names)
    assert len({one.word for one in found}) == len(found)
    assert (found[0].line if found else None) == first


@given(st.integers(-(10**12), 10**12))
def test_both_sides_of_an_entry_are_shown_alike(ucr: int) -> None:
    assert credits_of(ucr).removeprefix("-") == credits_of(-ucr).removeprefix("-")


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.integers(1, 60))
def test_a_bar_is_as_wide_as_it_was_asked_and_never_empty_with_something_in_it(
    part: int, whole: int, width: int
) -> None:
    full, empty = bar(part, whole, width)
    assert len(full) + len(empty) == width
    assert bool(full) == (part > 0)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0s"), (90, "90s"), (119, "119s"), (120, "2m"), (7199, "119m"), (7200, "2h"), (90_000, "1d")],
)
def test_a_span_is_said_in_its_largest_unit(seconds: int, said: str) -> None:
    assert span(seconds * 1_000_000) == said


class Daemon:
    """One that leads until it is told to stop; it fails at once, or at its end."""

    def __init__(self, failure: Exception | None = None, *, at_its_end: bool = False) -> None:
        self.leads, self.closed, self._failure, self._at_its_end = False, False, failure, at_its_end
        self.serves = threading.Event()

    def run(self, stop: threading.Event) -> None:
        self.serves.set()
        if self._failure and not self._at_its_end:
            raise self._failure
        self.leads = True
        stop.wait()
        self.leads = False
        if self._failure:
            raise self._failure

    def troubles(self) -> tuple[str, ...]:
        return ("rack: the engine does not answer",)

    def close(self) -> None:
        self.closed = True


def test_the_background_side_serves_until_the_console_ends_and_lets_go() -> None:
    daemon = Daemon()
    embedded = Embedded(lambda: daemon, lambda _: None)
    embedded.start()
    assert daemon.serves.wait(60)
    embedded.stop()
    assert (daemon.closed, embedded.leads) == (True, False)


def test_what_breaks_as_the_console_ends_is_no_bug() -> None:
    """It took longer to end than anybody waits, and the store was closed under it."""
    daemon, notes = Daemon(ZeroDivisionError(), at_its_end=True), list[str]()
    embedded = Embedded(lambda: daemon, lambda trace: notes.append(trace))
    embedded.start()
    assert daemon.serves.wait(60)
    embedded.stop()
    embedded._thread.join(60)
    assert (daemon.closed, notes) == (True, [])


@pytest.mark.parametrize(("failure", "noted"), [(Invalid("x", "it is wrong"), 0), (ZeroDivisionError(), 1)])
def test_a_background_side_that_fails_is_told_and_does_not_end_the_console(failure: Exception, noted: int) -> None:
    notes: list[str] = []
    embedded = Embedded(lambda: Daemon(failure), lambda trace: notes.append(trace))
    embedded.start()
    daemon_failed = threading.Event()
    while embedded.trouble is None:
        daemon_failed.wait(0.01)
    embedded.stop()
    assert len(notes) == noted


@pytest.mark.parametrize("module", [*sorted(_FRAMES), "deployment"])
def test_no_key_of_a_screen_is_one_of_lists_or_of_all_screens(module: str) -> None:
    name = _FRAMES.get(module, "DeploymentScreen")
    screen = getattr(import_module(f"tui.screens.{module}"), name)
    own = [key for binding in screen.BINDINGS for key in Binding.make_bindings([binding])]
    keys = [binding.key for binding in own]
    assert sorted(keys) == sorted(set(keys)), "one key, one meaning"
    taken = {b.key for b in Binding.make_bindings(LineTable.BINDINGS)} - {"enter"}
    taken |= {b.key for b in Binding.make_bindings(Frame.BINDINGS)} - {"escape"}
    assert taken & set(keys) == set()


COLUMN = st.builds(
    Column, st.text("abc", min_size=1, max_size=3), st.integers(1, 20), st.booleans(), st.booleans(), st.integers(0, 5)
)


@given(
    st.lists(COLUMN, max_size=8),
    st.dictionaries(st.text("abc", min_size=1, max_size=3), st.booleans()),
    st.integers(0, 99),
)
def test_columns_fit_unless_none_of_them_may_go(columns: list[Column], decided: dict[str, bool], room: int) -> None:
    shown = fitted(columns, decided, room)
    places = [place for place, _ in shown]
    assert places == sorted(set(places))
    assert all(is_wanted(columns[place], decided) for place in places)
    wide = sum(width + 2 for _, width in shown) - 2
    assert wide <= room or not any(columns[place].drop for place in places)
    assert all(width >= columns[place].width for place, width in shown)
