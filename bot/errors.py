"""Errors as answers in Slack: what was wrong and what would be right, to the one who asked and to nobody else."""

from __future__ import annotations

from bot.blocks.parts import Message, context, message, section
from bot.markup import code, safe_slack
from bot.wording import slashed
from core.domain.errors import BursarError


def told(error: BursarError) -> Message:
    """A hint of several lines points at a word of what was typed, so it keeps its columns."""
    said = safe_slack(error.message, 1500, lines=True)
    blocks = [section(f"✗ {said}")]
    hint, newline, drawn = slashed(error.hint or "").partition("\n")
    if hint:
        blocks.append(context(safe_slack(hint, 1500)))
    if newline:
        blocks.append(section(code(drawn)))
    return message(f"error: {error.message}" + (f" — {hint}" if hint else ""), blocks)


def bug(kind: str, reference: str) -> Message:
    text = f"a bug in Bursar ({kind}); its operators find it in the bot's log as {reference}"
    return message(text, [section(f"✗ {text}")])
