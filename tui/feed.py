"""Something that happened, in a line: when, what, to whom. Shared by the screens that show what happens."""

from __future__ import annotations

from textual.content import Content

from core.views.browsing import EventLine
from tui.amounts import age
from tui.theme import Tone
from tui.widgets.plain import joined, text

_TONES = {
    "seen_running": Tone.GOOD,
    "seen_failed": Tone.BAD,
    "dependency_failed": Tone.BAD,
    "reject": Tone.BAD,
    "preempt": Tone.WAIT,
    "run_out": Tone.WAIT,
    "reach_limit": Tone.WAIT,
    "submit": Tone.BUSY,
    "place": Tone.BUSY,
}
_WORDS = {
    "seen_running": "runs",
    "seen_finished": "has completed",
    "seen_failed": "has failed",
    "seen_gone": "has gone",
    "place": "gets its place",
    "submit": "submitted",
    "cancel_proved": "has been cancelled",
    "stop_proved": "has stopped",
    "delete_proved": "has been deleted",
    "limit_proved": "reached its time limit",
    "preempt_proved": "made room",
    "complete_proved": "is complete",
    "hours": "got other hours",
}


def event_word(kind: str) -> tuple[str, Tone]:
    """`deployment.seen_running` is `runs`; what has no words of its own keeps those of the feed."""
    family, _, what = kind.partition(".")
    words = _WORDS.get(what, what.replace("_", " "))
    return words if family == "deployment" else f"{family} {words}", _TONES.get(what, Tone.PLAIN)


def event_line(event: EventLine, now: int) -> Content:
    words, tone = event_word(event.kind)
    who = event.name or event.subject
    return joined(text(f"{age(event.at, now):>4} ", Tone.DIM), text(f"{who} "), text(words, tone))
