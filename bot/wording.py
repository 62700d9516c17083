"""Values of views in words, as Slack says them: instants in each reader's own time, everything safe for mrkdwn."""

from __future__ import annotations

from bot.markup import moment, safe_slack
from core.domain.lifecycle import State
from core.views.wording import NOTHING, Wording, both_books, label

__all__ = ["NOTHING", "both_books", "label", "shown", "state_words"]

# A word of its own for each state, and a sign that tells them apart without a colour.
_GLYPHS: dict[State, str] = {
    State.AWAITING_APPROVAL: "◔",
    State.QUEUED: "◷",
    State.STARTING: "◌",
    State.RUNNING: "▶",
    State.SUSPENDED: "⏸",
    State.STOPPING: "◍",
    State.STOPPED: "■",
    State.COMPLETED: "✓",
    State.FAILED: "✗",
    State.CANCELLED: "⊘",
    State.REJECTED: "⊘",
    State.EXPIRED: "⊘",
    State.DELETED: "⊘",
}


def state_words(state: State) -> str:
    return f"{_GLYPHS[state]} {state.value.replace('_', ' ')}"


_WORDING = Wording(lambda text: safe_slack(text, lines=True), moment, state_words)
shown = _WORDING.shown
