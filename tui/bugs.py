"""Where a bug is written down, so that whoever mends it finds it, whichever part of the face it happened in."""

from __future__ import annotations

from pathlib import Path

from tui.format import iso


def write_down(home: Path, now: int, what: str, trace: str) -> Path | None:
    """The file it was written to; None where it could not be."""
    path = home / "logs" / "bugs.log"
    try:
        path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.touch(mode=0o600)
        with path.open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(f"{iso(now)} {what}\n{trace}")
    except OSError:
        return None
    return path
