"""[Enter my code]: asks for it in a form, since what is typed behind a command stays in the composer's history."""

from __future__ import annotations

from bot.blocks.forms import join_form
from bot.blocks.help import begin
from bot.blocks.parts import Message
from bot.desk import Desk
from bot.payloads import Press


async def pressed(desk: Desk, press: Press) -> Message | None:
    if (await desk.visitor(press.who)).caller is None:
        return begin()
    await desk.client.views_open(trigger_id=press.trigger_id, view=join_form())
    return None
