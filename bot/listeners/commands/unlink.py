"""`/bursar unlink`: from here on this person acts as nobody."""

from __future__ import annotations

from bot.blocks.parts import Message, message, section
from bot.desk import Desk, in_thread
from bot.payloads import Command, Who


async def answer(desk: Desk, command: Command) -> Message:
    return await unlinked(desk, command.who)


async def unlinked(desk: Desk, who: Who) -> Message:
    was = await in_thread(desk.chat.unlink, who.team_id, who.user_id)
    said = "✓ you act as nobody here any more; what you have asked for goes on" if was else "you were not linked"
    return message(said, [section(said)])
