"""Answers about work that are sentences: why something waits, and what it has written."""

from __future__ import annotations

from core.domain.text import safe_text
from core.views.foresight import BlockerLine, WhyCard
from core.views.work import LogText
from tui.cli.tables import wrapped
from tui.format import instant, shown


def why(answer: WhyCard, width: int) -> str:
    head = f"{safe_text(answer.name)} ({answer.id}) is {shown('state', answer.state)}"
    if answer.position is not None:
        head += f", number {answer.position} in the queue"
    if answer.starts:
        head += "; it starts in the next pass"
    lines = wrapped("", head, width)
    for blocker in answer.blockers:
        lines += _blocker(blocker, width)
    if answer.promised_at is not None:
        lines.append(f"promised to start by {instant(answer.promised_at)}")
    return "\n".join(lines) + "\n"


def _blocker(blocker: BlockerLine, width: int) -> list[str]:
    """What is in the way, by whom it is held, until when, and what would help."""
    text = safe_text(blocker.message)
    if blocker.need is not None and blocker.have is not None:
        text += f": needs {blocker.need}, {blocker.have} there"
    if blocker.holders:
        text += f"; held by {safe_text(', '.join(blocker.holders))}"
    if blocker.earliest_at is not None:
        text += f"; changes at {instant(blocker.earliest_at)}"
    lines = wrapped(f"- {blocker.code.replace('_', ' ')}: ", text, width)
    if blocker.suggestion:
        lines += wrapped("  ", safe_text(blocker.suggestion), width)
    return lines


def log(answer: LogText, _width: int) -> str:
    return safe_text(answer.text, lines=True)
