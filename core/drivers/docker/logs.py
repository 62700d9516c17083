"""What a container has written, by the second: a cursor stays right while the engine rotates its files.

An engine cannot be asked for what stands behind an offset, only since an instant. So the second in which the cursor
stands is read again, and as many of its entries as were read before are passed over. (Not by exact instants: the
entries of the two outputs may stand in another order than their instants.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.domain.engines import LogChunk
from core.drivers.docker.reading import instant_ns

LONGEST_CHUNK = 1 << 20
_SECOND_NS = 1_000_000_000
_CURSOR = re.compile(r"([0-9]{1,12})\.([0-9]{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last second of which something was read, and how many entries of it, or later ones, were read."""

    second: int = 0
    count: int = 0

    @classmethod
    def parse(cls, text: str | None) -> Cursor | None:
        found = _CURSOR.fullmatch(text or "")
        return None if found is None else cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.second}.{self.count}"

    def after(self, second: int) -> Cursor:
        if second > self.second:
            return Cursor(second, 1)
        return Cursor(self.second, self.count + 1) if second == self.second else self


def entries(frames: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Each entry with its second, which the engine writes before it."""
    last = 0
    for frame in frames:
        head, _, text = frame.partition(b" ")
        at_ns = instant_ns(head.decode(errors="replace"))
        last = last if at_ns is None else at_ns // _SECOND_NS
        yield last, frame if at_ns is None else text


def chunk_of(found: Iterable[tuple[int, bytes]], start: Cursor | None, *, over: bool) -> LogChunk:
    """What comes after the cursor, up to a bound; `over` says that nothing more will be written.

    `found` begins with the second of the cursor. Fewer entries there than were read: the engine has dropped some.
    """
    behind = list(found)
    passed = 0 if start is None else start.count
    skipped = passed > len(behind)
    reached = start or Cursor()
    texts: list[bytes] = []
    size, ended = 0, over
    if skipped:
        passed, reached = 0, Cursor()
    for second, text in behind[passed:]:
        if size >= LONGEST_CHUNK:
            ended = False
            break
        reached = reached.after(second)
        texts.append(text)
        size += len(text)
    return LogChunk(b"".join(texts).decode(errors="replace"), str(reached), ended=ended, skipped=skipped)
