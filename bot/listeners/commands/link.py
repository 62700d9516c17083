"""`/bursar link`: a one-time code for somebody who has an account, to be confirmed where that is logged in."""

from __future__ import annotations

from bot.blocks.parts import Message, context, message, section
from bot.desk import Desk, in_thread
from bot.markup import moment
from bot.payloads import Command, Who


async def answer(desk: Desk, command: Command) -> Message:
    return await offered(desk, command.who, command.workspace)


async def offered(desk: Desk, who: Who, workspace: str) -> Message:
    offer = await in_thread(desk.chat.offer_link, who.team_id, who.user_id, who.name, workspace)
    said = f"Type this where you are logged in: `bursar slack link {offer.code}`"
    return message(
        "a one-time code is shown to you",
        [section(said), context(f"good once, until {moment(offer.expires_at)}; give it to nobody else")],
    )
