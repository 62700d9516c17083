"""Text in the console. Whatever comes from people passes here: made harmless, and never read as markup."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from core.domain.text import safe_text
from tui.theme import STYLES, Look, Tone


def text(words: str, tone: Tone = Tone.PLAIN, *, lines: bool = False) -> Content:
    """Any text at all, in a tone; `lines` keeps its line ends."""
    return Content.styled(safe_text(words, lines=lines).expandtabs(4), STYLES[tone])


def look(of: Look) -> Content:
    return text(of.text, of.tone)


def joined(*parts: Content | str, between: str = "") -> Content:
    """Parts in a row; plain strings are the console's own words."""
    return Content(between).join([part if isinstance(part, Content) else text(part) for part in parts])


def stacked(lines: list[Content]) -> Content:
    return Content("\n").join(lines)


class Plain(Static):
    """A Static that takes no markup, whoever fills it."""

    def __init__(self, content: Content | str = "", **how: str | None) -> None:
        super().__init__(self._harmless(content), markup=False, **how)  # type: ignore[arg-type]

    def say(self, content: Content | str) -> None:
        self.update(self._harmless(content))

    @staticmethod
    def _harmless(content: Content | str) -> Content:
        return content if isinstance(content, Content) else text(content, lines=True)
