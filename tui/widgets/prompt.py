"""The line at the bottom where one types: a command behind a colon, or a filter behind a slash."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from tui.completion import Completion
from tui.theme import Tone
from tui.widgets.field import LONGEST, Field
from tui.widgets.plain import Plain, joined, stacked, text

Complete = Callable[[str], list[Completion]]


class PromptInput(Field):
    """An input that leaves the keys of completion and history to the prompt around it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete", "Complete", show=False),
        Binding("up", "recall(-1)", "Earlier", show=False),
        Binding("down", "recall(1)", "Later", show=False),
    ]

    def action_complete(self) -> None:
        self.post_message(Prompt.Completing())

    def action_recall(self, by: int) -> None:
        self.post_message(Prompt.Recalling(by))


class Prompt(Vertical):
    DEFAULT_CSS = """
    Prompt {
        height: auto; background: $panel;
        & Horizontal { height: 1; }
        & .sign { width: 2; color: $primary; text-style: bold; padding: 0 0 0 1; }
        & .offers { height: auto; max-height: 6; padding: 0 2; color: $foreground; }
        & Input, & Input:focus { border: none; height: 1; padding: 0 1; background: $panel; width: 1fr; }
    }
    """

    @dataclass
    class Entered(Message):
        sign: str
        line: str

    @dataclass
    class Typed(Message):
        sign: str
        line: str

    class Completing(Message):
        pass

    @dataclass
    class Recalling(Message):
        by: int

    def __init__(self, complete: Complete) -> None:
        super().__init__()
        self._complete = complete
        self._sign = ":"
        self._offers: list[Completion] = []
        self._history: list[str] = []
        self._place = 0
        self._left: Widget | None = None  # where one was before, and is again afterwards
        self.display = False

    def compose(self) -> ComposeResult:
        yield Plain(classes="offers")
        with Horizontal():
            yield Plain(":", classes="sign")
            yield PromptInput(max_length=LONGEST)

    @property
    def is_open(self) -> bool:
        return bool(self.display)

    def open(self, sign: str, line: str = "", back_to: Widget | None = None) -> None:
        """At once: what is typed from now on belongs here, however fast it comes. Afterwards one is where one was."""
        self._sign, self._place = sign, len(self._history)
        self.query_one(".sign", Plain).say(sign)
        self.display = True
        field = self.query_one(PromptInput)
        if self.screen.focused is not field:
            self._left = back_to or self.screen.focused
        field.fill(line)
        field.cursor_position = len(field.value)
        self.screen.set_focus(field)
        self._offer(line)

    def close(self) -> None:
        if self.is_open:
            self.display = False
            self.screen.set_focus(self._left)

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape":
            event.stop()
            self.close()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.is_open:
            self._offer(event.value)
            self.post_message(self.Typed(self._sign, event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        line = event.value.strip()
        if self._sign == ":" and line and self._history[-1:] != [line]:
            self._history.append(line)
        self.close()
        self.post_message(self.Entered(self._sign, line))

    @on(Completing)
    def _completing(self) -> None:
        if self._offers:
            field = self.query_one(PromptInput)
            field.value = self._offers[0].line
            field.cursor_position = len(field.value)

    @on(Recalling)
    def _recalling(self, event: Recalling) -> None:
        if self._sign != ":" or not self._history:
            return
        self._place = max(0, min(len(self._history), self._place + event.by))
        field = self.query_one(PromptInput)
        field.value = self._history[self._place] if self._place < len(self._history) else ""
        field.cursor_position = len(field.value)

    def _offer(self, line: str) -> None:
        self._offers = self._complete(line) if self._sign == ":" else []
        lines: list[Content] = []
        for number, offer in enumerate(self._offers):
            shown = text(f"{offer.word:<18} ", Tone.PLAIN if number else Tone.BUSY)
            lines.append(joined(shown, text(offer.help + ("" if number else "   tab"), Tone.DIM)))
        self.query_one(".offers", Plain).say(stacked(lines))
        self.query_one(".offers").display = bool(lines)
