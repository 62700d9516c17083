"""What became of several commands at once: those that were not done first, each with its reason."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from tui.theme import Tone
from tui.together import Outcome, Together
from tui.widgets.hanging import Hanging, Line
from tui.widgets.plain import Plain, joined, text


class OutcomesScreen(ModalScreen[None]):
    CSS_PATH = "answer.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "app.pop_screen", "Close", show=False)]

    def __init__(self, together: Together) -> None:
        super().__init__()
        self._together = together

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="box wide") as box:
            box.border_subtitle = text("esc closes")
            yield Plain(text(self._together.summary, Tone.LOUD), classes="line")
            outcomes = sorted(self._together.outcomes, key=lambda outcome: outcome.error is None)
            yield Hanging([_line(outcome) for outcome in outcomes])

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()


def _line(outcome: Outcome) -> Line:
    name = text(f"{outcome.command.known_as or outcome.command.line}  ", Tone.LOUD)
    if outcome.error is None:
        return joined(text("✓ ", Tone.GOOD), name), text("done", Tone.DIM)
    hint = text(f"; {outcome.error.hint}" if outcome.error.hint else "", Tone.DIM)
    return joined(text("✗ ", Tone.BAD), name), joined(text(outcome.error.message), hint)
