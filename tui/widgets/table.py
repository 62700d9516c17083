"""A table that draws only the lines in view, so that a hundred thousand rows open as fast as ten.

It holds keys and asks for cells; what is not there yet is drawn as dots and asked for by a message. The one door of
data into a table: every cell is made harmless here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from core.domain.columns import columns as width_of
from core.domain.columns import cut
from core.domain.text import safe_text
from tui.theme import Tone
from tui.widgets.columns import GAP, Cell, Column, Decided, fitted, is_wanted

_EDGE = 1
_CURSOR, _MARK = "▌", "◆"
MOST_MARKED = 500  # at once; what is done to more than that is a matter for a script


Cells = Callable[[int], Sequence[Cell] | None]


class LineTable(ScrollView, can_focus=True, inherit_bindings=False):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
        Binding("home,g", "edge(False)", "First", show=False),
        Binding("end,G", "edge(True)", "Last", show=False),
        Binding("enter", "choose", "Open", key_display="enter"),
        Binding("space", "mark(1)", "Mark", show=False),
        Binding("shift+down", "mark(1)", "Mark downwards", show=False, key_display="shift+↓"),
        Binding("shift+up", "mark(-1)", "Mark upwards", show=False, key_display="shift+↑"),
        Binding("asterisk", "mark_all", "Mark all, or none", show=False, key_display="*"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--head",
        "table--cursor",
        "table--quiet-cursor",
        *(f"tone--{tone}" for tone in Tone),
    }
    DEFAULT_CSS = """
    LineTable {
        height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; background: $background;
        & > .table--head { background: $surface; color: $foreground-muted; text-style: bold; }
        & > .table--cursor { background: $primary 22%; text-style: bold; }
        & > .table--quiet-cursor { background: $foreground 7%; }
        & > .tone--good { color: $success; }
        & > .tone--busy { color: $primary; }
        & > .tone--wait { color: $warning; }
        & > .tone--bad { color: $error; }
        & > .tone--dim { color: $foreground-muted; }
        & > .tone--mark { color: $accent; text-style: bold; }
        & > .tone--loud { text-style: bold; }
    }
    """

    @dataclass
    class Said(Message):
        """Something about this table. No message is another's kind, or handlers of one would hear both."""

        table: LineTable

        @property
        def control(self) -> LineTable:
            return self.table

    @dataclass
    class Chosen(Said):
        key: str

    @dataclass
    class Moved(Said):
        key: str

    @dataclass
    class Marked(Said):
        keys: frozenset[str]

    @dataclass
    class TooMany(Said):
        """More rows than can be marked at once."""

        count: int

    @dataclass
    class HeadPicked(Said):
        """The head of a column was clicked."""

        word: str

    @dataclass
    class Wanted(Said):
        """These rows, from `first` to before `end`, are in view and have no cells yet."""

        first: int
        end: int

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        name: str | None = None,
        nothing: str = "nothing here",
        marks: bool = False,
        opens: bool = True,
        follows: bool = False,
    ) -> None:
        """One that `follows` has the newest on top, and a cursor that stands there stays there."""
        super().__init__(id=name)
        self._columns = tuple(columns)
        self._nothing, self._said = nothing, "…"  # that nothing is there is told once it is known
        self._marks, self._opens, self._follows = marks, opens, follows
        self._gutter = 3 if marks else 2  # a mark stands apart from what it marks
        self._keys: Sequence[str] = ()
        self._cells: Cells = lambda _index: ()
        self._fitted: list[tuple[int, int]] = []
        self._index = 0
        self._wanted: tuple[int, int] | None = None
        self.decided: dict[str, bool] = {}
        self.slipped_off: str | None = None  # the row that the cursor was put on, where it has gone by itself
        self._to_lose: frozenset[str] = frozenset()
        self.marked: frozenset[str] = frozenset()

    # What it shows

    def show(self, keys: Sequence[str], cells: Cells, *, nothing: str | None = None) -> None:
        """Other rows; the cursor stays on its row where that is still there, and in view where it was."""
        before, was_in_view = self.key, self._is_in_view
        self._keys, self._cells, self._wanted = keys, cells, None
        self._said = nothing or self._nothing
        self._index = min(self._index, max(0, len(keys) - 1))
        if before is not None and before != self.key and before in keys:
            if not (self._follows and self._index == 0):
                self._index = keys.index(before)
        elif before is not None and before != self.key:
            self.slipped_off = None if before in self._to_lose else before
        if self.marked:
            self.marked = self.marked & frozenset(keys)
        self._fit()
        if was_in_view:
            self._keep_cursor_in_view()
        self.refresh()
        if self.key != before and self.key is not None:
            self.post_message(self.Moved(self, self.key))

    def show_rows(self, rows: Sequence[tuple[str, Sequence[Cell]]], *, nothing: str | None = None) -> None:
        """All rows at once, where they are few."""
        self.show([key for key, _ in rows], lambda index: rows[index][1], nothing=nothing)

    def retitle(self, columns: Sequence[Column]) -> None:
        self._columns = tuple(columns)
        self._fit()
        self.refresh()

    @property
    def all_columns(self) -> tuple[Column, ...]:
        return self._columns

    def decide(self, decided: Decided) -> None:
        """Which columns somebody wants or does not want, by their words."""
        self.decided = dict(decided)
        self._fit()
        self.refresh()

    def turn(self, word: str) -> bool:
        """Show what is not shown and the other way round; what grows is what the rows are known by, and stays."""
        column = next((column for column in self._columns if column.word == word), None)
        if column is None or column.grow:
            return False
        self.decide({**self.decided, word: not is_wanted(column, self.decided)})
        return True

    def is_shown(self, column: Column) -> bool:
        return any(self._columns[i] == column for i, _ in self._fitted)

    @property
    def key(self) -> str | None:
        """The row under the cursor."""
        return self._keys[self._index] if self._index < len(self._keys) else None

    @property
    def picked(self) -> tuple[str, ...]:
        """What an action is for: the marked rows, else the one under the cursor."""
        if self.marked:
            return tuple(key for key in self._keys if key in self.marked)
        return () if self.key is None else (self.key,)

    def will_lose(self, keys: Iterable[str]) -> None:
        """That these rows go is no surprise to anybody."""
        self._to_lose = frozenset(keys)

    @property
    def row_count(self) -> int:
        return len(self._keys)

    def unmark(self) -> bool:
        """Whether there was anything marked."""
        had = bool(self.marked)
        self._set_marks(frozenset())
        return had

    def put_cursor_on(self, key: str) -> None:
        if key in self._keys:
            self._go(self._keys.index(key))

    # Keys and mouse

    def action_move(self, by: int) -> None:
        self._go(self._index + by)

    def action_page(self, by: int) -> None:
        self._go(self._index + by * max(1, self.size.height - 2))

    def action_edge(self, last: bool) -> None:
        self._go(len(self._keys) - 1 if last else 0)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What this table cannot do is not among the keys."""
        del parameters
        return {"choose": self._opens, "mark": self._marks, "mark_all": self._marks}.get(action, True)

    def action_choose(self) -> None:
        if self.key is not None:
            self.post_message(self.Chosen(self, self.key))

    def action_mark(self, by: int) -> None:
        if self.key is not None:
            self._set_marks(self.marked ^ {self.key})
            self._go(self._index + by)

    def action_mark_all(self) -> None:
        """All that there are; from all of them it is back to none."""
        if len(self._keys) > MOST_MARKED:
            self.post_message(self.TooMany(self, len(self._keys)))
            return
        every = frozenset(self._keys)
        self._set_marks(frozenset() if self.marked == every else every)

    def on_click(self, event: events.Click) -> None:
        line = event.y - 1 + self.scroll_offset.y
        if event.y < 1:
            self._pick_head(event.x)
            return
        if line >= len(self._keys):
            return
        again = line == self._index
        self._go(line)
        if again or event.chain > 1:
            self.action_choose()

    def _pick_head(self, x: int) -> None:
        start = self._gutter
        for i, room in self._fitted:
            if start <= x < start + room + GAP:
                self.post_message(self.HeadPicked(self, self._columns[i].word))
                return
            start += room + GAP

    def _go(self, index: int) -> None:
        if not self._keys:
            return
        self.slipped_off = None
        before, self._index = self._index, max(0, min(len(self._keys) - 1, index))
        if before == self._index:
            return
        for line in (before, self._index):
            self.refresh_line(line + 1)
        self._keep_cursor_in_view()
        assert self.key is not None
        self.post_message(self.Moved(self, self.key))

    @property
    def _view(self) -> range:
        """The rows that are in view."""
        return range(self.scroll_offset.y, self.scroll_offset.y + max(1, self.size.height - 1))

    @property
    def _is_in_view(self) -> bool:
        return self._index in self._view

    def _keep_cursor_in_view(self) -> None:
        view = self._view
        if self._index < view.start:
            self.scroll_to(y=self._index, animate=False, force=True)
        elif self._index >= view.stop:
            self.scroll_to(y=self._index - len(view) + 1, animate=False, force=True)

    def _set_marks(self, marks: frozenset[str]) -> None:
        if marks != self.marked:
            self.marked = marks
            self.refresh()
            self.post_message(self.Marked(self, marks))

    # Drawing

    def on_resize(self) -> None:
        self._fit()
        self._keep_cursor_in_view()

    def on_focus(self) -> None:
        self.refresh_line(self._index + 1)

    def on_blur(self) -> None:
        self.refresh_line(self._index + 1)

    def _fit(self) -> None:
        """Which columns fit into the width, and how wide each is."""
        self.virtual_size = Size(self.size.width, len(self._keys) + 1)
        room = self.scrollable_content_region.width - self._gutter - _EDGE
        self._fitted = fitted(self._columns, self.decided, room)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            return self._line(
                [Cell(column.head) for column in self._columns], self._style("table--head"), " " * self._gutter, width
            )
        index = y - 1 + self.scroll_offset.y
        if index >= len(self._keys):
            said = f"{' ' * self._gutter}{self._said}" if index == 0 else ""
            return Strip([Segment(said, self._style("tone--dim"))]).adjust_cell_length(width, self.rich_style)
        return self._row(index, width)

    def _row(self, index: int, width: int) -> Strip:
        key, cells = self._keys[index], self._cells(index)
        if cells is None:
            self._want()
            cells = [Cell("·", Tone.DIM)] * len(self._columns)
        here = index == self._index
        base = self.rich_style
        if here:
            base += self._style("table--cursor" if self.has_focus else "table--quiet-cursor")
        gutter = f"{_CURSOR if here else ' '}{_MARK if key in self.marked else ' '}".ljust(self._gutter)
        return self._line(cells, base, gutter, width)

    def _want(self) -> None:
        """Ask once for what is in view."""
        top = self.scroll_offset.y
        view = (top, min(len(self._keys), top + self.size.height))
        if view != self._wanted:
            self._wanted = view
            self.post_message(self.Wanted(self, *view))

    def _line(self, cells: Sequence[Cell], base: Style, gutter: str, width: int) -> Strip:
        segments = [Segment(gutter, base + self._colour("tone--mark"))]
        for place, (i, room) in enumerate(self._fitted):
            if place:
                segments.append(Segment(" " * GAP, base))
            shown = cut(safe_text(cells[i].text), room)
            space = " " * max(0, room - width_of(shown))
            segments.append(
                Segment(space + shown if self._columns[i].right else shown + space, base + self._tone(cells[i].tone))
            )
        return Strip(segments).adjust_cell_length(width, base)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(name)

    def _tone(self, tone: Tone) -> Style:
        return Style() if tone is Tone.PLAIN else self._colour(f"tone--{tone}")

    def _colour(self, name: str) -> Style:
        """A tone's colour and weight alone: its background is that of the row."""
        style = self.get_component_rich_style(name, partial=True)
        return Style(color=style.color, bold=style.bold)

    def refresh_line(self, y: int) -> None:
        self.refresh(Region(0, y - self.scroll_offset.y, self.size.width, 1))
