"""An approval with changes was sent. What the form carries is an id alone: the right is asked for anew."""

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
from core.domain.changes import ApproveRequest
from core.domain.errors import BursarError
from core.domain.validation import validated

_INPUTS = ("hours", "priority")


async def approved(desk: Desk, form: Submission) -> Block | None:
    _, caller = await known(desk, form.who, form.key)
    changes = {name: form.inputs[name].strip() for name in _INPUTS if form.inputs.get(name, "").strip()}
    await in_thread(desk.bursar.decisions.approve, caller, validated(ApproveRequest, id=form.metadata, **changes))
    return None


def told(error: BursarError) -> dict[str, str]:
    said = literal(error.message + (f" — {error.hint}" if error.hint else ""), 500)
    named = next((name for name in _INPUTS if name in error.fields or error.message.startswith(name)), _INPUTS[-1])
    return {named: said}


def hang(app: AsyncApp, desk: Desk, callback_id: str) -> None:
    async def on_sent(ack: Callable[..., Awaitable[Any]], body: dict[str, Any]) -> None:
        await sent(desk, body, ack, approved, told)

    app.view(callback_id)(on_sent)
