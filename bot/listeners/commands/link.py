"""`/bursar link [ACCOUNT]`: a one-time code for who has an account, to be confirmed where that is logged in."""

from __future__ import annotations

from bot.blocks.parts import Message, context, message, section
from bot.desk import Desk, in_thread
from bot.markup import moment, safe_slack
from bot.payloads import Command, Who
from core.domain.errors import Invalid


async def answer(desk: Desk, command: Command) -> Message:
    words = command.text.split()[1:]
    if len(words) > 1:
        raise Invalid("word_too_many", "link takes the name of one account", "and no password: link NAME")
    return await offered(desk, command.who, command.workspace, words[0] if words else None)


async def offered(desk: Desk, who: Who, workspace: str, account: str | None = None) -> Message:
    name = who.name or who.user_id
    offer = await in_thread(desk.chat.offer_link, who.team_id, who.user_id, name, workspace, account)
    said = f"Type this where you are logged in: `bursar slack link {offer.code}`"
    there = f"You see there who asks: @{safe_slack(name, 80)} in {safe_slack(workspace, 80)}, and say yes."
    return message(
        "a one-time code is shown to you",
        [
            section(f"{said}\n{there}"),
            context(f"good once, until {moment(offer.expires_at)}; only the newest counts; give it to nobody else"),
        ],
    )
