"""Rows and cards that fit a terminal: aligned, cut where they must be, and plain enough for a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from core.domain.columns import columns, cut
from tui.format import NOTHING, is_amount, is_instant, label, shown

_GAP = 2
_NARROWEST = 6
_SECONDS = len(":00")
_SHORT = {"priority": "prio"}
_FIRM = frozenset({"id", "deployment", "verb"})  # what is typed again, or looked for, is shown whole


class Column(NamedTuple):
    """How a column stands: numbers at the right; `firm` is what means nothing when it is cut."""

    head: str
    right: bool = False
    firm: bool = False


def table(heads: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> str:
    """Columns side by side; where they do not fit the widest give way, the firm ones only after all others."""
    words = [head.head.upper() for head in heads]
    widths = _fitted(heads, [max(map(columns, cells)) for cells in zip(words, *rows, strict=True)], width)
    return "".join(f"{_line(cells, heads, widths)}\n" for cells in chain([words], rows))


def listed(names: Sequence[str], items: Sequence[object], width: int) -> str:
    """A row for each item with these fields of it; the organization only where more than one was asked for."""
    if all(getattr(item, "org", "") is None for item in items):
        names = [name for name in names if name != "org"]
    values = [[getattr(item, name) for name in names] for item in items]
    heads = [_head(name, [row[place] for row in values]) for place, name in enumerate(names)]
    rows = [[shown(name, v) for name, v in zip(names, row, strict=True)] for row in values]
    if _needed(heads, rows) > width:  # seconds and long heads go before words are cut
        heads = [head._replace(head=_SHORT.get(head.head, head.head)) for head in heads]
        rows = [[_minute(name, cell) for name, cell in zip(names, row, strict=True)] for row in rows]
    return table(heads, rows, width)


def _minute(name: str, cell: str) -> str:
    return cell[:-_SECONDS] if is_instant(name) and cell != NOTHING else cell


def _needed(heads: Sequence[Column], rows: Sequence[Sequence[str]]) -> int:
    words = [head.head for head in heads]
    return sum(max(map(columns, cells)) for cells in zip(words, *rows, strict=True)) + _GAP * (len(heads) - 1)


def _head(name: str, values: Sequence[object]) -> Column:
    amounts = any(is_amount(name, value) for value in values)
    return Column(label(name), right=amounts, firm=amounts or is_instant(name) or name in _FIRM)


def card(pairs: Sequence[tuple[str, str]], width: int) -> str:
    """A key and its value on a line; a long value goes on below itself, but a word is never broken."""
    room = max(columns(key) for key, _ in pairs)
    lines: list[str] = []
    for key, value in pairs:
        start = _padded(key, room) + " " * _GAP
        lines += wrapped(start, value, width)
    return "\n".join(lines) + "\n"


def wrapped(start: str, text: str, width: int) -> list[str]:
    """`start` and the text after it, whose further lines begin below its first; broken at spaces alone."""
    lines, line, indent = [], start, " " * columns(start)
    for word in text.split(" "):
        gap = "" if line in (start, indent) else " "
        if gap and columns(line) + 1 + columns(word) > width:
            lines.append(line)
            line, gap = indent, ""
        line += gap + word
    return [*lines, line]


def _fitted(heads: Sequence[Column], widths: list[int], width: int) -> list[int]:
    fitted = list(widths)
    excess = sum(fitted) + _GAP * (len(fitted) - 1) - width
    for may_shrink in ([not head.firm for head in heads], [True] * len(heads)):
        while excess > 0:
            candidates = [i for i, room in enumerate(fitted) if may_shrink[i] and room > _NARROWEST]
            if not candidates:
                break
            fitted[max(candidates, key=fitted.__getitem__)] -= 1
            excess -= 1
    return fitted


def _line(cells: Sequence[str], heads: Sequence[Column], widths: Sequence[int]) -> str:
    parts = [
        _padded(cut(cell, room), room, right=head.right) for cell, head, room in zip(cells, heads, widths, strict=True)
    ]
    return (" " * _GAP).join(parts).rstrip()


def _padded(text: str, room: int, *, right: bool = False) -> str:
    space = " " * (room - columns(text))
    return space + text if right else text + space
