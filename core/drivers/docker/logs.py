"""What a container has written, by the second: a cursor stays right while the engine rotates its files.

An engine cannot be asked for what stands behind an offset, only since an instant. So the second in which the cursor
stands is read again, and as many of its entries as were read before are passed over. (Not by exact instants: the
entries of the two outputs may stand in another order than their instants.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from core.domain.engines import LOG_BEGINNING, LogChunk
from core.drivers.docker.reading import instant_ns

LONGEST_CHUNK = 1 << 20
_SECOND_NS = 1_000_000_000
_HEADER = 8
_CURSOR = re.compile(r"([0-9]{1,19})\.([0-9]{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The first entry of the last second of which something was read, and how many of that second were read."""

    first_ns: int = 0
    count: int = 0

    @classmethod
    def parse(cls, text: str | None) -> Cursor | None:
        if text == LOG_BEGINNING:
            return cls()
        found = _CURSOR.fullmatch(text or "")
        return None if found is None else cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.first_ns}.{self.count}"

    @property
    def second(self) -> int:
        return self.first_ns // _SECOND_NS

    def after(self, at_ns: int) -> Cursor:
        second = at_ns // _SECOND_NS
        if second > self.second or not self.count:
            return Cursor(at_ns, 1)
        return Cursor(self.first_ns, self.count + 1) if second == self.second else self


@dataclass(frozen=True, slots=True)
class Entry:
    at_ns: int
    output: int  # 1 is what was written to standard output, 2 to standard error
    text: bytes


def entries(blocks: Iterable[bytes]) -> Iterator[Entry]:
    """From the engine's stream: each entry behind a header that names its output and its length."""
    held, last = b"", 0
    for block in blocks:
        held += block
        start = 0
        while len(held) - start >= _HEADER:
            length = int.from_bytes(held[start + 4 : start + _HEADER], "big")
            end = start + _HEADER + length
            if len(held) < end:
                break
            head, _, text = held[start + _HEADER : end].partition(b" ")
            at_ns = instant_ns(head.decode(errors="replace"))
            yield Entry(last if at_ns is None else at_ns, held[start], head + text if at_ns is None else text)
            last = last if at_ns is None else at_ns
            start = end
        held = held[start:]


def chunk_of(found: Iterable[Entry], start: Cursor | None, *, over: bool) -> LogChunk:
    """What comes after the cursor, up to a bound; `over` says that nothing more will be written.

    `found` begins with the second of the cursor. If it begins with another entry, the engine has dropped that one.
    """
    behind = list(found)
    reached, passed, skipped = start or Cursor(), 0 if start is None else start.count, False
    if start is not None and start.count and (not behind or behind[0].at_ns != start.first_ns):
        reached, passed, skipped = Cursor() if behind else start, 0, bool(behind)
    fresh = behind[passed:]
    first, last = _bounds(fresh, newest=start is None)
    for entry in fresh[:last]:
        reached = reached.after(entry.at_ns)
    skipped = skipped or first > 0
    taken, ended = fresh[first:last], over and last == len(fresh)
    text = b"".join(_whole_lines(taken)).decode(errors="replace")
    return LogChunk(text, str(reached), ended=ended, skipped=skipped)


def _bounds(fresh: Sequence[Entry], *, newest: bool) -> tuple[int, int]:
    """From where to where a chunk goes: the last that fits for who asks for the first time, else the next."""
    size = 0
    for number, entry in enumerate(reversed(fresh) if newest else fresh):
        size += len(entry.text)
        if size > LONGEST_CHUNK and number:
            return (len(fresh) - number, len(fresh)) if newest else (0, number)
    return 0, len(fresh)


def _whole_lines(taken: Iterable[Entry]) -> Iterator[bytes]:
    """A line that the engine kept in pieces is put together again, although the other output stands in between."""
    begun: dict[int, bytes] = {}
    for entry in taken:
        text = begun.pop(entry.output, b"") + entry.text
        if text.endswith(b"\n"):
            yield text
        else:
            begun[entry.output] = text
    yield from begun.values()
