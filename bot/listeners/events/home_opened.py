"""Somebody opened the home tab: show what waits for them as it is now."""

from __future__ import annotations

from functools import partial
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.desk import Desk
from bot.listeners.frame import acknowledge, unanswerable
from bot.payloads import event_of


def hang(app: AsyncApp, desk: Desk, event_type: str) -> None:
    async def opened(body: dict[str, Any]) -> None:
        async def work() -> None:
            event = event_of(body)
            desk.serves(event.who)
            if event.who.user_id and event.tab in ("home", ""):
                desk.home_seen.add((event.who.team_id, event.who.user_id))
                await desk.publish_home(event.who)

        await desk.answered(work, partial(unanswerable, desk), event_type)

    app.event(event_type)(ack=acknowledge, lazy=[opened])
