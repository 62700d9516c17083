"""What happened, in the words that were kept of it."""

from __future__ import annotations

import json
from collections.abc import Callable

from core.domain.resources import format_duration
from core.store.queries.browsing import newest_events
from core.store.units import Unit
from core.views.browsing import EventLine
from core.views.work import HistoryLine

# What no state tells: to what it was changed.
_CHANGES: dict[str, dict[str, Callable[[int], str]]] = {
    "deployment.hours": {"limit_ms": format_duration},
    "deployment.priority": {"priority": str},
}


def event_line(at: int, kind: str, subject: str, data: str, name: str | None) -> EventLine:
    return EventLine(at, kind, subject, name, _words(kind, data))


def last_of(unit: Unit, handle: str, most: int) -> tuple[HistoryLine, ...]:
    """The last that happened to a deployment, oldest first."""
    rows = newest_events(unit.connection, unit.scope, limit=most, subject=handle)
    told = [(at, kind.partition(".")[2].replace("_", " "), _words(kind, data)) for at, kind, _, data, _ in rows]
    return tuple(HistoryLine(*line) for line in reversed(told))


def _words(kind: str, data: str) -> str:
    facts = json.loads(data)
    words = [str(facts[key]) for key in ("state", "reason") if facts.get(key)]
    words += [said(facts[key]) for key, said in _CHANGES.get(kind, {}).items() if key in facts]
    return ": ".join(words)
