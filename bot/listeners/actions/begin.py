"""The buttons with which somebody begins or ends: [Make an account], [I have an account], [Unlink], [New request].

And [Ask again …], where something has ended: the same form, filled in as that was asked for.
"""

from __future__ import annotations

from bot.blocks.parts import Message
from bot.desk import Desk
from bot.listeners.commands import deploy, link
from bot.listeners.commands import register as registering
from bot.listeners.commands import unlink as unlinking
from bot.payloads import Press


async def register(desk: Desk, press: Press) -> Message:
    return await registering.registered(desk, press.who, None, press.key)


async def link_of(desk: Desk, press: Press) -> Message:
    return await link.offered(desk, press.who, press.who.team_id)


async def unlink(desk: Desk, press: Press) -> Message:
    return await unlinking.unlinked(desk, press.who)


async def again(desk: Desk, press: Press) -> Message | None:
    return await deploy.opened(desk, press.who, press.trigger_id, press.value, on_top=press.in_form)


async def new_request(desk: Desk, press: Press) -> Message | None:
    return await deploy.opened(desk, press.who, press.trigger_id, on_top=press.in_form)
