"""The request form was sent: submitted once for each form, whatever is delivered twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.blocks.deployment import asked_words
from bot.blocks.forms import done_form
from bot.blocks.parts import Block
from bot.desk import Desk, in_thread
from bot.listeners.commands.verb import known
from bot.listeners.requests import errors_of, request_of
from bot.listeners.views.sending import sent
from bot.payloads import Submission


async def submitted(desk: Desk, form: Submission) -> Block:
    _, caller = await known(desk, form.who, form.key)
    card = await in_thread(desk.bursar.deployments.submit, caller, request_of(form.inputs))
    return done_form("New request", asked_words(card))


def hang(app: AsyncApp, desk: Desk, callback_id: str) -> None:
    async def on_sent(ack: Callable[..., Awaitable[Any]], body: dict[str, Any]) -> None:
        await sent(desk, body, ack, submitted, errors_of)

    app.view(callback_id)(on_sent)
