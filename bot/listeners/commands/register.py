"""`/bursar register [NAME]`: an account that belongs to this person in Slack and has no password."""

from __future__ import annotations

from bot.blocks.help import join
from bot.blocks.parts import Message
from bot.desk import Desk, in_thread
from bot.payloads import Command, Who
from core.domain.errors import Invalid


async def answer(desk: Desk, command: Command) -> Message:
    words = command.text.split()[1:]
    if len(words) > 1:
        raise Invalid("word_too_many", "register takes one name", "and no password: register NAME")
    return await registered(desk, command.who, words[0] if words else None, command.key)


async def registered(desk: Desk, who: Who, wanted: str | None, key: str) -> Message:
    if not (wanted or who.name):
        raise Invalid("name_needed", "a mention does not say how you are called", "register NAME")
    name = await in_thread(desk.chat.register, who.team_id, who.user_id, who.name, wanted, key)
    visitor = await desk.visitor(who)
    return join(name, visitor.org)
