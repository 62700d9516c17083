"""The shortcut `New compute request`: the form, from anywhere in Slack."""

from __future__ import annotations

import re
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.blocks.parts import Message, modal
from bot.desk import Desk
from bot.ids import Form
from bot.listeners.commands import deploy
from bot.listeners.frame import acknowledge
from bot.payloads import Who, shortcut_of
from core.domain.errors import BursarError


def hang(app: AsyncApp, desk: Desk) -> None:
    async def asked(body: dict[str, Any]) -> None:
        try:
            who, trigger_id = shortcut_of(body)
        except BursarError as error:
            desk.log.warning("a shortcut that cannot be read: %s", error.message)
            return

        async def opened(who: Who, trigger_id: str) -> Message | None:
            desk.serves(who)
            return await deploy.opened(desk, who, trigger_id)

        async def reply(answer: Message) -> None:
            view = modal("Bursar", list(answer.blocks), callback_id="answer")
            await desk.client.views_open(trigger_id=trigger_id, view=view)

        await desk.answered(lambda: opened(who, trigger_id), reply, "shortcut")

    app.shortcut(Form.NEW_REQUEST)(ack=acknowledge, lazy=[asked])
    app.shortcut(re.compile(".*"))(acknowledge)
