"""[Extend by H h]: more time for a job, and its cost set aside."""

from __future__ import annotations

from bot.blocks.parts import Message, message, section
from bot.desk import Desk, in_thread
from bot.listeners.commands.verb import known
from bot.markup import safe_slack
from bot.payloads import Press
from core.domain.changes import ExtendRequest
from core.domain.resources import format_duration
from core.domain.validation import validated


async def pressed(desk: Desk, press: Press) -> Message:
    deployment, _, hours = press.value.partition(" ")
    _, caller = await known(desk, press.who, press.key)
    request = validated(ExtendRequest, id=deployment, hours=hours)
    card = await in_thread(desk.bursar.decisions.extend, caller, request)
    said = f"{card.name} may run {format_duration(card.hours_ms or 0)} in all"
    return message(said, [section(f"✓ {safe_slack(said)}")])
