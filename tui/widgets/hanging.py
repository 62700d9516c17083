"""Lines of which some have a head: what does not fit beside the head goes on below itself, never below the head."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from core.domain.columns import columns
from tui.widgets.plain import Plain, joined, stacked, text

Line = Content | tuple[Content, Content]
_NARROWEST = 12  # of a body: with less room than that it stands below its head after all


def wrapped(line: Line, width: int) -> list[Content]:
    """The line in as many as it needs; a line without a head hangs by the spaces that it begins with."""
    head, body = line if isinstance(line, tuple) else _split(line)
    indent = columns(head.plain)
    if width - indent < _NARROWEST:
        return [joined(head, body)]
    first, *others = body.wrap(width - indent) or [Content("")]
    return [joined(head, first), *(joined(text(" " * indent), other) for other in others)]


def _split(line: Content) -> tuple[Content, Content]:
    spaces = len(line.plain) - len(line.plain.lstrip(" "))
    return (line[:spaces], line[spaces:]) if 0 < spaces < len(line.plain) else (Content(""), line)


class Hanging(Plain):
    DEFAULT_CSS = """
    Hanging { height: auto; }
    """

    def __init__(self, lines: Sequence[Line] = (), **how: str | None) -> None:
        super().__init__("", **how)
        self._lines: Sequence[Line] = lines
        self._fitted_to = 0

    def hang(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self._fit(self.content_size.width)

    def on_resize(self) -> None:
        """Behind the layout that is going on: it would not hear of another height."""
        if self.content_size.width != self._fitted_to:
            self.call_after_refresh(lambda: self._fit(self.content_size.width))

    def _fit(self, width: int) -> None:
        self._fitted_to = width
        if width:
            self.say(stacked([part for line in self._lines for part in wrapped(line, width)]))
