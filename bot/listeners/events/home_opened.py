"""Somebody opened the app: on the home tab what waits for them as it is now, in its messages a greeting, once.

What is written there is not heard: so the first time it is opened, it says what can be said instead.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.blocks import help as pages
from bot.blocks.parts import Message
from bot.desk import Desk, in_thread
from bot.listeners.frame import acknowledge, unanswerable
from bot.payloads import Event, event_of
from core.views.chat import Visitor


def hang(app: AsyncApp, desk: Desk, event_type: str) -> None:
    async def opened(body: dict[str, Any]) -> None:
        async def work() -> None:
            event = event_of(body)
            desk.serves(event.who)
            if not event.who.user_id:
                return
            if event.tab == "messages":
                await _greet(desk, event)
            elif event.tab in ("home", ""):
                await desk.publish_home(event.who)

        await desk.answered(work, partial(unanswerable, desk), event_type)

    app.event(event_type)(ack=acknowledge, lazy=[opened])


async def _greet(desk: Desk, event: Event) -> None:
    await in_thread(desk.chat.greet, event.who.team_id, event.who.user_id)
    said = greeting_of(await desk.visitor(event.who))
    await desk.client.chat_postMessage(channel=event.who.user_id, text=said.text, blocks=list(said.blocks))


def greeting_of(visitor: Visitor) -> Message:
    if visitor.caller is None:
        return pages.unread(pages.begin("Hello, I do not know you yet."))
    if not visitor.belongs:
        return pages.unread(pages.join(visitor.name, visitor.org))
    return pages.greeting(visitor.name)
