"""What a run has written, by absolute offset: a cursor stays right while files are rotated underneath."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.domain.engines import LogChunk
from core.drivers.keeper.output import old_logs
from core.drivers.keeper.records import Place

LONGEST_CHUNK = 1 << 20
_BLOCK = 1 << 16
_TRIES = 3


@dataclass(frozen=True, slots=True)
class _Piece:
    start: int
    content: bytes


def read_chunk(run: Place, *, tail: int | None, cursor: str | None, over: bool) -> LogChunk:
    start = int(cursor) if cursor is not None and cursor.isascii() and cursor.isdigit() else None
    oldest, piece, end = _kept_from(run, start)
    content = piece.content
    if start is not None:
        skipped = start != piece.start
    else:
        content = content if tail is None else _last_lines(content, tail)
        skipped = piece.start > oldest and len(content) == len(piece.content)  # more was asked for than a chunk holds
        content = _from_a_line(content) if skipped else content
        piece = _Piece(piece.start + len(piece.content) - len(content), content)
    if not over:
        content = _whole_characters(content)
    reached = piece.start + len(content)
    return LogChunk(content.decode(errors="replace"), str(reached), ended=over and reached >= end, skipped=skipped)


def _kept_from(run: Place, start: int | None) -> tuple[int, _Piece, int]:
    """The offset of the oldest that is kept, at most a chunk from an offset (None: the last chunk), that of the end."""
    current = Path(run.output)
    for _ in range(_TRIES):
        files = old_logs(run)
        base = files[-1][0] if files else 0
        try:
            size = current.stat().st_size
        except FileNotFoundError:
            size = 0
        spans = [(end - path.stat().st_size, path) for end, path in files if path.exists()] + [(base, current)]
        end = base + size
        oldest = spans[0][0]
        begin = max(oldest, end - LONGEST_CHUNK) if start is None else start if oldest <= start <= end else oldest
        content = b"".join(_span(path, begin - at, LONGEST_CHUNK) for at, path in spans if size or path != current)
        if old_logs(run) == files:  # else it was rotated while we read
            break
    return oldest, _Piece(begin, content[:LONGEST_CHUNK]), end


def _span(path: Path, offset: int, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(max(0, offset))
            return file.read(most)
    except FileNotFoundError:
        return b""


def _last_lines(content: bytes, count: int) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join(lines[max(0, len(lines) - count) :])


def _from_a_line(content: bytes) -> bytes:
    """Without the end of a line whose beginning is left out."""
    return content[content.find(b"\n") + 1 :] or content


def _whole_characters(content: bytes) -> bytes:
    """Without a character that is only half written yet."""
    for back in range(1, min(4, len(content)) + 1):
        byte = content[-back]
        if byte & 0xC0 == 0xC0:
            width = 2 if byte & 0xE0 == 0xC0 else 3 if byte & 0xF0 == 0xE0 else 4
            return content[:-back] if width > back else content
        if byte & 0x80 == 0:
            break
    return content
