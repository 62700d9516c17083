"""Numbers as upright bars with a word below each, as many lines high as there is room. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual.content import Content

from core.domain.columns import columns
from tui.theme import Tone
from tui.widgets.plain import joined, stacked, text

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_WIDEST, _GAP = 9, 1
_NONE = "·"


class Bar(NamedTuple):
    """`amount` is None where there cannot be one yet."""

    word: str
    amount: int | None


def bars(shown: Sequence[Bar], width: int, height: int) -> Content:
    """The newest, where there is no room for all; of those that are nothing a dot, so that a gap is seen as one."""
    lines = max(1, height - 1)
    kept = shown[-max(1, (width + _GAP) // (1 + _GAP)) :]
    each = max(1, min(_WIDEST, (width + _GAP) // max(1, len(kept)) - _GAP))
    largest = max((one.amount or 0 for one in kept), default=0)
    drawn = [_drawn(one.amount, largest, lines, each) for one in kept]
    levels = [joined(*(bar[level] for bar in drawn), between=" " * _GAP) for level in range(lines)]
    return stacked([*levels, text(_words(kept, each), Tone.DIM)])


def _drawn(amount: int | None, largest: int, lines: int, each: int) -> list[Content]:
    """One bar, from its top: whole lines, and what is left of it in eighths of one; what is anything at all is seen."""
    if amount is None or amount <= 0:
        return [text(" " * each)] * (lines - 1) + [text((" " if amount is None else _NONE).center(each), Tone.DIM)]
    eighths = max(1, round(amount * lines * 8 / largest))
    parts = [min(8, max(0, eighths - 8 * level)) for level in reversed(range(lines))]
    return [text(_EIGHTHS[part] * each, Tone.BUSY) for part in parts]


def _words(kept: Sequence[Bar], each: int) -> str:
    """Each below the beginning of its bar, where the one before leaves it room."""
    line = ""
    for place, one in enumerate(kept):
        start = place * (each + _GAP)
        if columns(line) <= start - (1 if line else 0):
            line = line.ljust(start) + one.word
    return line
