"""Which columns a table shows: turned on and off one by one, and the table behind shows at once how it looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from tui.theme import Tone
from tui.widgets.columns import Cell, Column, is_wanted
from tui.widgets.plain import text
from tui.widgets.table import LineTable

Changed = Callable[[Mapping[str, bool]], None]


class ColumnsScreen(ModalScreen[None]):
    CSS_PATH = "columns.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,w", "app.pop_screen", "Close", show=False),
        Binding("space", "turn", "On or off", show=False),
    ]

    def __init__(self, table: LineTable, changed: Changed) -> None:
        super().__init__()
        self._table, self._changed = table, changed

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = text("columns")
            box.border_subtitle = text("space turns one on or off · esc closes")
            yield LineTable([Column("column", 12, grow=True), Column("", 14)])

    def on_mount(self) -> None:
        columns = self._table.all_columns
        self.query_one(".box").styles.height = len(columns) + 3
        self._show()
        self.query_one(LineTable).focus()

    @on(LineTable.Chosen)
    def action_turn(self) -> None:
        word = self.query_one(LineTable).key
        if word is not None and self._table.turn(word):
            self._changed(self._table.decided)
            self._show()

    def _show(self) -> None:
        self.query_one(LineTable).show_rows(
            [(column.word, (Cell(column.word), self._state(column))) for column in self._table.all_columns]
        )

    def _state(self, column: Column) -> Cell:
        if column.grow:
            return Cell("● always", Tone.DIM)
        if not is_wanted(column, self._table.decided):
            return Cell("○ off", Tone.DIM)
        fits = self._table.is_shown(column)
        return Cell("● on", Tone.GOOD) if fits else Cell("◑ no room here", Tone.WAIT)
