"""The code of an invite was sent: whoever sent it is let in, and reads so in its place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.blocks.answers import joined_words
from bot.blocks.forms import done_form
from bot.blocks.parts import Block
from bot.desk import Desk, in_thread
from bot.listeners.views.sending import sent
from bot.markup import literal
from bot.payloads import Submission
from core.domain.errors import BursarError, NotFound
from core.domain.requests import Joining
from core.domain.validation import validated


async def joined(desk: Desk, form: Submission) -> Block:
    visitor = await desk.visitor(form.who, form.key)
    if visitor.caller is None:
        raise NotFound("not_linked", "I do not know you here", "say /bursar register, or /bursar link")
    code = form.inputs.get("code", "").strip()
    card = await in_thread(desk.bursar.invites.join, visitor.caller, validated(Joining, code=code))
    await desk.visitor(form.who)  # the first who joins brings the workspace with them
    await desk.freshen_home(form.who)
    return done_form("Join your team", joined_words(card))


def told(error: BursarError) -> dict[str, str]:
    return {"code": literal(error.message + (f" — {error.hint}" if error.hint else ""), 500)}


def hang(app: AsyncApp, desk: Desk, callback_id: str) -> None:
    async def on_sent(ack: Callable[..., Awaitable[Any]], body: dict[str, Any]) -> None:
        await sent(desk, body, ack, joined, told)

    app.view(callback_id)(on_sent)
