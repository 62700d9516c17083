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

_SHARE = 96  # per cent of the terminal, as answer.tcss has it
_AROUND = 8  # columns beside the text: border, padding and the scrollbar
_SECRETS = ("code", "token")  # what is told only once is what one wants to have


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
            self._text = for_people(verb, self._answer, max(40, self.app.size.width * _SHARE // 100 - _AROUND))
        with VerticalScroll(classes="box") as box:
            box.border_subtitle = text(f"esc closes · y copies {self._copied[0]}".rstrip())
            yield Plain(text(f"$ {self._command.line}", Tone.DIM), classes="line")
            yield Plain(text(self._text.rstrip("\n"), lines=True), classes="text")
            if after := verb.said_after(self._answer):
                yield Plain(text(after, Tone.BUSY), classes="after")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    @property
    def _copied(self) -> tuple[str, str]:
        """What is copied: its word, and itself."""
        for name in _SECRETS:
            secret = getattr(self._answer, name, None)
            if secret:
                return f"the {name}", str(secret)
        return "", self._text

    def action_copy(self) -> None:
        word, words = self._copied
        self.app.copy_to_clipboard(words)
        self.query_one(VerticalScroll).border_subtitle = text(f"{word or 'all of it'} is copied · esc closes")
