"""[Do it]: a line that could not be undone was asked about, and the one who typed it has said yes."""

from __future__ import annotations

from bot.blocks.parts import Message
from bot.desk import Desk
from bot.listeners.commands import verb
from bot.payloads import Press


async def pressed(desk: Desk, press: Press) -> Message | None:
    return await verb.asked(desk, press.who, press.value, press.key, sure=True)
