"""Why something waits: every reason with its numbers, who holds what is missing, and what would help."""

from __future__ import annotations

from core.views.foresight import BlockerLine, WhyCard
from tui.amounts import until
from tui.theme import LOOKS, Tone
from tui.widgets.hanging import Line
from tui.widgets.plain import joined, look, text


def why_lines(card: WhyCard, now: int) -> list[Line]:
    place = text(f"  number {card.position} in the queue", Tone.DIM) if card.position is not None else text("")
    lines: list[Line] = [joined(text(f"{card.name}  ", Tone.LOUD), look(LOOKS[card.state]), place)]
    if card.starts:
        lines.append(text("starts in the next pass", Tone.GOOD))
    for blocker in card.blockers:
        lines += blocker_lines(blocker, now)
    if card.promised_at is not None:
        lines.append(text(f"promised to start {until(card.promised_at, now)}", Tone.BUSY))
    return lines


def blocker_lines(blocker: BlockerLine, now: int) -> list[Line]:
    words = blocker.code.replace("_", " ")
    message = "" if blocker.message == words else f"  {blocker.message}"
    lines: list[Line] = [(text("• ", Tone.WAIT), joined(text(words, Tone.WAIT), text(message)))]
    facts = []
    facts += [said for said in (blocker.shortage, blocker.held) if said is not None]
    if blocker.earliest_at is not None:
        facts.append(f"changes {until(blocker.earliest_at, now)}")
    if facts:
        lines.append(text(f"  {'; '.join(facts)}", Tone.DIM))
    if blocker.suggestion:
        lines.append((text("  → ", Tone.BUSY), text(blocker.suggestion, Tone.BUSY)))
    return lines
