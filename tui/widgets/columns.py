"""The columns of a table: which of them are shown in so much room, and how wide each is. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tui.theme import Tone

GAP = 2


class Column(NamedTuple):
    """`grow` takes what is left of the width; `drop` says who goes first when there is too little: the largest.

    `extra` is not shown before somebody asks for it.
    """

    head: str
    width: int
    right: bool = False
    grow: bool = False
    drop: int = 0
    extra: bool = False

    @property
    def word(self) -> str:
        """The head without the arrow of an order."""
        return self.head.rstrip("↑↓")


class Cell(NamedTuple):
    text: str
    tone: Tone = Tone.PLAIN


Decided = Mapping[str, bool]  # by their words, the columns that somebody wants or does not want


def is_wanted(column: Column, decided: Decided) -> bool:
    """What grows is what the rows are known by, and stays."""
    return column.grow or decided.get(column.word, not column.extra)


def fitted(columns: Sequence[Column], decided: Decided, room: int) -> list[tuple[int, int]]:
    """The places of those that are shown, and how wide each is."""
    kept = [i for i, column in enumerate(columns) if is_wanted(column, decided)]

    def needed() -> int:
        return sum(columns[i].width + GAP for i in kept) - GAP

    def drop(i: int) -> int:
        """What somebody asked for goes last of all that can go."""
        return min(1, columns[i].drop) if decided.get(columns[i].word) else columns[i].drop * 2

    while needed() > room and any(map(drop, kept)):
        kept.remove(max(kept, key=drop))
    left = max(0, room - needed())
    growing = [i for i in kept if columns[i].grow]
    return [(i, columns[i].width + (left // len(growing) if i in growing else 0)) for i in kept]
