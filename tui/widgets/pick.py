"""One of a few words: opened as a list, clicked, or typed by its beginning as in a field."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.content import Content
from textual.widgets import Select

from tui.widgets.plain import text


class Pick(Select[str]):
    DEFAULT_CSS = """
    Pick {
        & SelectCurrent { background: $panel; }
        &.-textual-compact > SelectCurrent { padding: 0 1; }
        & > SelectOverlay { border: round $foreground-muted; }
    }
    """

    def __init__(self, words: Sequence[str], blank: str, given: str, *, name: str) -> None:
        self._wish = given  # what was typed or given, and may only be offered later
        start = given if given in words else Select.NULL
        super().__init__(_options(words), prompt=text(blank).plain, value=start, id=name, compact=True)

    def offer(self, words: Sequence[str]) -> None:
        """Other words to pick from; what was picked stays where it is still among them."""
        kept = self.picked or self._wish
        self.set_options(_options(words))
        self.wish(kept)

    @property
    def picked(self) -> str:
        return "" if self.value is Select.NULL else str(self.value)

    def wish(self, word: str) -> None:
        """The first that begins so; none where there is none."""
        self._wish = word
        found = [value for _, value in self._options if value is not Select.NULL and str(value).startswith(word)]
        self.value = found[0] if word and found else Select.NULL

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """What can be typed into a field can be typed here, and is no key of the screen."""
        del key
        return character is not None and character.isprintable() and character != " "

    def on_key(self, event: events.Key) -> None:
        if self.expanded:
            return
        if event.key in ("backspace", "delete"):
            self.wish("")
        elif event.character is not None and self.check_consume_key(event.key, event.character):
            self.wish(self._wish + event.character)
        else:
            return
        event.stop()
        event.prevent_default()

    def on_focus(self) -> None:
        self._wish = ""  # typing begins anew, and what is picked stays until then


def _options(words: Sequence[str]) -> list[tuple[Content, str]]:
    return [(text(word), word) for word in words]
