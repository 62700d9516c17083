"""What a command answered, as the command line would have told it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from tui.actions import Command
from tui.cli.answers import for_people
from tui.theme import Tone
from tui.widgets.plain import Plain, text

_MARGIN = 8


class AnswerScreen(ModalScreen[None]):
    CSS_PATH = "answer.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "app.pop_screen", "Close", show=False),
        Binding("y", "copy", "Copy", show=False),
    ]

    def __init__(self, command: Command, answer: object) -> None:
        super().__init__()
        self._command, self._answer = command, answer
        self._text = ""

    def compose(self) -> ComposeResult:
        verb = self._command.verb
        if isinstance(self._answer, str):
            self._text = self._answer
        else:
            self._text = for_people(verb, self._answer, max(40, self.app.size.width - _MARGIN))
        with VerticalScroll(classes="box") as box:
            box.border_subtitle = text("esc closes · y copies")
            yield Plain(text(f"$ {self._command.line}", Tone.DIM), classes="line")
            yield Plain(text(self._text.rstrip("\n"), lines=True), classes="text")
            if after := verb.said_after(self._answer):
                yield Plain(text(after, Tone.BUSY), classes="after")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._text)
