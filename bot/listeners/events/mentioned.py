"""`@bursar ...` in a channel or in a thread, which commands do not reach: answered there, to the one who wrote."""

from __future__ import annotations

import re
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.blocks.parts import Message
from bot.desk import Desk
from bot.listeners import commands
from bot.listeners.frame import acknowledge
from bot.payloads import Command, Event, event_of
from core.domain.errors import BursarError

_ME = re.compile(r"^\s*<@[UW][A-Z0-9]+(\|[^>]*)?>\s*")


def hang(app: AsyncApp, desk: Desk, event_type: str) -> None:
    async def mentioned(body: dict[str, Any]) -> None:
        try:
            event = event_of(body)
        except BursarError as error:
            desk.log.warning("a mention that cannot be read: %s", error.message)
            return

        async def reply(answer: Message) -> None:
            await desk.client.chat_postEphemeral(
                channel=event.channel_id,
                user=event.who.user_id,
                thread_ts=event.thread_ts or None,  # where there is no thread yet, nobody would see it in one
                text=answer.text,
                blocks=list(answer.blocks),
            )

        if event.who.user_id and event.channel_id:
            await desk.answered(lambda: _work(desk, event), reply, event_type)

    app.event(event_type)(ack=acknowledge, lazy=[mentioned])


async def _work(desk: Desk, event: Event) -> Message | None:
    """The same words as behind the slash, with the same answers."""
    desk.serves(event.who)
    text, team = _ME.sub("", event.text).strip(), event.who.team_id
    return await commands.answer(desk, Command(event.who, team, event.channel_id, text, "", "", event.event_id))
