"""[Approve with changes …]: asks for the hours and the priority with which it shall be approved."""

from __future__ import annotations

from bot.blocks.forms import approve_form
from bot.blocks.parts import Message
from bot.desk import Desk
from bot.listeners.actions.reject import undecided
from bot.payloads import Press


async def pressed(desk: Desk, press: Press) -> Message | None:
    card = await undecided(desk, press)
    await desk.client.views_open(trigger_id=press.trigger_id, view=approve_form(card))
    return None
