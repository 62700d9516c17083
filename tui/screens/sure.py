"""Asks whether somebody is sure, and takes only the typed name for a yes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.actions import Action, Command
from tui.theme import Tone
from tui.widgets.field import Field
from tui.widgets.plain import Plain, joined, text

_SHOWN = 5


class SureScreen(ModalScreen[Sequence[Command] | None]):
    """Answers the commands once the word was typed; None where one thought better of it."""

    CSS_PATH = "sure.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave it", show=False)]

    def __init__(self, title: str, what: str, commands: Sequence[Command], word: str) -> None:
        super().__init__()
        self._heading, self._what, self._commands, self.word = title, what, commands, word

    @classmethod
    def of(cls, action: Action, commands: Sequence[Command], names: Sequence[str]) -> SureScreen:
        """For one thing its name is typed, for several how many they are, and a plain yes where nothing has a name."""
        if not any(names):
            return cls(f"{action.label}?", action.verb.help, commands, "yes")
        alone = len(names) == 1
        title = f"{action.label} {names[0] if alone else f'{len(names)} things'}?"
        return cls(title, action.verb.help, commands, names[0] if alone else f"{action.label.lower()} {len(names)}")

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Plain(text(self._heading, Tone.BAD), classes="question")
            yield Plain(self._what)
            for command in self._commands[:_SHOWN]:
                yield Plain(text(f"$ {command.line}", Tone.DIM))
            if len(self._commands) > _SHOWN:
                yield Plain(text(f"  and {len(self._commands) - _SHOWN} more", Tone.DIM))
            yield Plain(joined("type ", text(self.word, Tone.MARK), " to go on; esc leaves it"), classes="ask")
            yield Field(max_length=200, compact=True)

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        if event.value.strip() == self.word:
            self.dismiss(self._commands)
        else:
            self.query_one(".ask", Plain).say(
                joined(text("that was another word; ", Tone.BAD), "type ", text(self.word, Tone.MARK), " or esc")
            )

    def action_leave(self) -> None:
        self.dismiss(None)
