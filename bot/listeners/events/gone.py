"""The app was taken out of a workspace, or its tokens were revoked: every link there ends."""

from __future__ import annotations

from functools import partial
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.desk import Desk, in_thread
from bot.listeners.frame import acknowledge, unanswerable
from bot.payloads import event_of


def hang(app: AsyncApp, desk: Desk, event_types: tuple[str, ...]) -> None:
    async def gone(body: dict[str, Any]) -> None:
        async def work() -> None:
            event = event_of(body)
            if event.kind == "tokens_revoked" and not event.bot_tokens:
                return  # a person took back their own, which are none of ours
            ended = await in_thread(desk.chat.forget_workspace, event.who.team_id)
            desk.log.warning("%s: %s links of %s ended", event.kind, ended, event.who.team_id)

        await desk.answered(work, partial(unanswerable, desk), "gone")

    for event_type in event_types:
        app.event(event_type)(ack=acknowledge, lazy=[gone])
