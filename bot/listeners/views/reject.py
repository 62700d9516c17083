"""The reason of a rejection was sent. What the form carries is an id alone: the right is asked for anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.blocks.parts import Block
from bot.desk import Desk, in_thread
from bot.listeners.commands.verb import known
from bot.listeners.views.sending import sent
from bot.markup import literal
from bot.payloads import Submission
from core.domain.changes import RejectRequest
from core.domain.errors import BursarError
from core.domain.validation import validated


async def rejected(desk: Desk, form: Submission) -> Block | None:
    _, caller = await known(desk, form.who, form.key)
    request = validated(RejectRequest, id=form.metadata, reason=form.inputs.get("reason", ""))
    await in_thread(desk.bursar.decisions.reject, caller, request)
    return None


def told(error: BursarError) -> dict[str, str]:
    return {"reason": literal(error.message, 500)}


def hang(app: AsyncApp, desk: Desk, callback_id: str) -> None:
    async def on_sent(ack: Callable[..., Awaitable[Any]], body: dict[str, Any]) -> None:
        await sent(desk, body, ack, rejected, told)

    app.view(callback_id)(on_sent)
