"""Help from the keys that work at this moment, so that it cannot be out of date."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen

from tui.theme import Tone
from tui.widgets.plain import Plain, joined, stacked, text

_NAMES = {"colon": ":", "slash": "/", "question_mark": "?", "minus": "-", "escape": "esc", "pagedown": "pgdn"}


class HelpScreen(ModalScreen[None]):
    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark", "app.pop_screen", "Close", show=False)]

    def __init__(self, title: str, keys: Sequence[tuple[str, str, bool]], lines: Sequence[Content]) -> None:
        super().__init__()
        self._title, self._keys, self._lines = title, keys, lines

    @classmethod
    def of(cls, screen: Screen[None]) -> HelpScreen:
        """What works on that screen, the footer's keys first; and the commands that were done last."""
        keys: dict[str, tuple[list[str], bool]] = {}
        for active in sorted(screen.active_bindings.values(), key=lambda active: not active.binding.show):
            binding = active.binding
            if binding.description and not binding.system:
                shown = binding.key_display or _NAMES.get(binding.key, binding.key)
                names, enabled = keys.get(binding.description, ([], True))
                keys[binding.description] = ([*names, shown], enabled and active.enabled)
        rows = [(" ".join(names), what, enabled) for what, (names, enabled) in keys.items()]
        commands = getattr(screen.app, "log_of_commands", [])
        return cls(type(screen).__name__.removesuffix("Screen").lower(), rows, commands[-8:])

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="box"):
            yield Plain(text(f"keys on {self._title}", Tone.LOUD), classes="title")
            yield Plain(stacked([_key_line(*key) for key in self._keys]))
            if self._lines:
                yield Plain(text("commands done", Tone.LOUD), classes="title")
                yield Plain(stacked(list(self._lines)))

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()


def _key_line(key: str, what: str, enabled: bool) -> Content:
    first, then = (Tone.BUSY, Tone.PLAIN) if enabled else (Tone.DIM, Tone.DIM)
    return joined(text(f"{key:<16}", first), text(what, then))
