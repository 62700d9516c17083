"""Values of views in words, as Slack says them: instants in each reader's own time, everything safe for mrkdwn."""

from __future__ import annotations

import re

from bot.ids import COMMAND
from bot.markup import moment, safe_slack
from core.commands.table import VERBS
from core.domain.lifecycle import State
from core.views.money import Sum
from core.views.reports import said_credits, said_gpu_hours
from core.views.wording import NOTHING, Wording, both_books, label

__all__ = ["NOTHING", "OWN_WORDS", "both_books", "label", "rough_books", "shown", "slashed", "state_words"]

# What can be said here: the verbs, and the words that no table has.
OWN_WORDS = ("deploy", "help", "link", "register", "unlink")
_HERE = "|".join(sorted((*OWN_WORDS, *(verb.name for verb in VERBS if not verb.terminal_only)), key=len, reverse=True))
_SAID = re.compile(rf"(?<![/\w`])bursar (?=(?:{_HERE})\b)|`(?:bursar )?(?P<quoted>(?:{_HERE})\b[^`]*)`")

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


def rough_books(amount: Sum) -> str:
    """Both books as people read them at a glance, to a hundredth; a book with nothing in it is left out."""
    parts = [said_credits(amount.credits_ucr)] if amount.credits_ucr or not amount.gpu_ms else []
    if amount.gpu_ms:
        parts.append(said_gpu_hours(amount.gpu_ms))
    return ", ".join(parts)


def slashed(text: str) -> str:
    """A hint of the core, with the command as it is said here; what only a terminal knows stays as it is."""
    return _SAID.sub(lambda found: f"{COMMAND} {found['quoted'] or ''}", text)


_WORDING = Wording(lambda text: safe_slack(text, lines=True), moment, state_words)
shown = _WORDING.shown
