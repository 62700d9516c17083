"""A form's way: do it, and acknowledge once, as the very last thing; what is wrong is said at the inputs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from bot.blocks.parts import Block
from bot.desk import DELIVERED_BEFORE, Desk
from bot.payloads import Submission, submission_of
from core.domain.errors import BursarError

Work = Callable[[Desk, Submission], Awaitable[Block | None]]  # a view that takes the form's place, or it closes
Errors = Callable[[BursarError], dict[str, str]]


async def sent(
    desk: Desk, body: dict[str, Any], ack: Callable[..., Awaitable[Any]], work: Work, errors: Errors
) -> None:
    told: dict[str, str] = {}
    view: Block | None = None
    try:
        form = submission_of(body)
        desk.serves(form.who)
        view = await work(desk, form)
    except BursarError as error:
        told = {} if error.code == DELIVERED_BEFORE else errors(error)
    except Exception as found:  # noqa: BLE001 - a form must be answered whatever happens; the bug is written down
        told = dict.fromkeys(errors(BursarError("bug", "")), desk.written_down(found, "form").text)
    if told:
        await ack(response_action="errors", errors=told)
    elif view is not None:
        await ack(response_action="update", view=view)
    else:
        await ack()
