"""Values of views as a terminal says them: in the reader's own time, and harmless whoever wrote them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo

from core.domain.text import safe_text
from core.views.wording import NOTHING, Wording, has_wording, is_amount, is_instant, label

_MICRO = 1_000_000

__all__ = ["NOTHING", "by_number", "has_wording", "instant", "is_amount", "is_instant", "iso", "label", "shown"]


def shown(field: str, value: object, *, zone: tzinfo | None = None) -> str:
    """A field's value in one line; `zone` is the reader's, this machine's where it is not given."""
    return Wording(safe_text, lambda at: instant(at, zone)).shown(field, value)


def instant(microseconds: int, zone: tzinfo | None = None) -> str:
    """In the reader's time: `2026-11-20 05:42:02`."""
    return datetime.fromtimestamp(microseconds // _MICRO, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def iso(microseconds: int) -> str:
    """For programs: `2026-11-20T05:42:02Z`."""
    return datetime.fromtimestamp(microseconds // _MICRO, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def by_number(name: str) -> list[tuple[int, str]]:
    """What names are put in order by: `node-2` stands before `node-10`."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]
