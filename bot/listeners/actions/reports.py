"""[Post now], [Pause] and [Go on], below a schedule in the list: the verbs `report run` and `report mute`."""

from __future__ import annotations

from bot.blocks.parts import Message
from bot.desk import Desk
from bot.listeners.commands import verb
from bot.payloads import Press


async def run(desk: Desk, press: Press) -> Message | None:
    return await verb.asked(desk, press.who, f"report run {press.value}", press.key)


async def mute(desk: Desk, press: Press) -> Message | None:
    return await verb.asked(desk, press.who, f"report mute {press.value}", press.key)
