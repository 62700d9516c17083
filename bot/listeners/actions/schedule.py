"""[Post it weekly], below a preview: from here on the report comes into the channel by itself."""

from __future__ import annotations

from bot.blocks.parts import Message, context, message, section
from bot.desk import Desk, in_thread
from bot.listeners.commands.verb import known
from bot.markup import safe_slack
from bot.payloads import Press
from core.domain.report_requests import NewSchedule
from core.domain.validation import validated


async def pressed(desk: Desk, press: Press) -> Message:
    channel, _, when = press.value.partition(" ")
    _, caller = await known(desk, press.who, press.key)
    line = await in_thread(desk.bursar.reports.schedule, caller, validated(NewSchedule, channel=channel, when=when))
    said = f"{line.id} is on: {line.when}"
    invite = "if this channel is private, say `/invite @bursar` in it"
    dues = f"next: {', '.join(line.next_dues)}"
    return message(f"{said}; {dues}", [section(f"✓ {safe_slack(said)}"), context(dues, invite)])
