"""`@bursar ...` in a channel: answered to the one who wrote, in the thread, since commands do not reach threads."""

from __future__ import annotations

import re
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.blocks.help import begin
from bot.blocks.parts import Message
from bot.desk import Desk
from bot.listeners.commands import guide, verb
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
                thread_ts=event.thread_ts or None,
                text=answer.text,
                blocks=list(answer.blocks),
            )

        if event.who.user_id and event.channel_id:
            await desk.answered(lambda: _work(desk, event), reply, event_type)

    app.event(event_type)(ack=acknowledge, lazy=[mentioned])


async def _work(desk: Desk, event: Event) -> Message | None:
    desk.serves(event.who)
    text = _ME.sub("", event.text).strip()
    if (await desk.visitor(event.who)).caller is None:
        return begin()
    if not text or text.split()[0].lower() == "help":
        return await guide.answer(desk, Command(event.who, "", event.channel_id, text, "", ""))
    return await verb.asked(desk, event.who, text, f"slack:event:{event.event_id}")
