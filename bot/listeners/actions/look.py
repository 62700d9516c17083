"""[Show], [Why does it wait?] and [Logs]: answers for the one who presses."""

from __future__ import annotations

from bot.blocks.parts import Message
from bot.desk import Desk
from bot.listeners.commands import verb
from bot.payloads import Press

_TAIL = 40


async def show(desk: Desk, press: Press) -> Message | None:
    return await verb.asked(desk, press.who, f"show {press.value}", press.key)


async def why(desk: Desk, press: Press) -> Message | None:
    return await verb.asked(desk, press.who, f"why {press.value}", press.key)


async def logs(desk: Desk, press: Press) -> Message | None:
    return await verb.asked(desk, press.who, f"logs {press.value} tail {_TAIL}", press.key)
