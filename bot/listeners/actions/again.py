"""[Post again]: somebody has looked, and it is not there."""

from __future__ import annotations

from bot.blocks.parts import Message, message, section
from bot.desk import Desk, in_thread
from bot.listeners.commands.verb import known
from bot.payloads import Press


async def pressed(desk: Desk, press: Press) -> Message:
    _, caller = await known(desk, press.who, press.key)
    who = press.who
    done = await in_thread(desk.deliveries.post_again, caller, who.team_id, who.user_id, press.value)
    return message(done.message, [section(f"✓ {done.message}")])
