"""The request form was sent: submitted once for each form, whatever is delivered twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.blocks.deployment import asked_words
from bot.blocks.forms import done_form
from bot.blocks.parts import Block
from bot.desk import Desk, in_thread
from bot.listeners.commands.verb import known
from bot.listeners.requests import errors_of, named_after_image, request_of
from bot.listeners.views.sending import sent
from bot.payloads import Submission
from core.domain.errors import Conflict
from core.domain.roles import Caller
from core.views.work import DeploymentCard


async def submitted(desk: Desk, form: Submission) -> Block:
    _, caller = await known(desk, form.who, form.key)
    return done_form("New request", asked_words(await in_thread(_submitted, desk, caller, form.inputs)))


def _submitted(desk: Desk, caller: Caller, inputs: Mapping[str, str]) -> DeploymentCard:
    """Under the first of its names that is free."""
    *earlier, last = named_after_image(inputs)
    for tried in earlier:
        try:
            return desk.bursar.deployments.submit(caller, request_of(tried))
        except Conflict as taken:
            if taken.code != "name_taken":
                raise
    return desk.bursar.deployments.submit(caller, request_of(last))


def hang(app: AsyncApp, desk: Desk, callback_id: str) -> None:
    async def on_sent(ack: Callable[..., Awaitable[Any]], body: dict[str, Any]) -> None:
        await sent(desk, body, ack, submitted, errors_of)

    app.view(callback_id)(on_sent)
