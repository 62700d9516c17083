"""What the request would come to now, shown in the form itself: at [Check], or whenever a size or a place is chosen."""

from __future__ import annotations

from collections.abc import Mapping

from bot.blocks.answers import preview_words
from bot.blocks.forms import deploy_form
from bot.blocks.parts import Message
from bot.desk import Desk, in_thread
from bot.ids import Form
from bot.listeners.commands.verb import known
from bot.listeners.requests import request_of
from bot.markup import safe_slack
from bot.payloads import Press
from core.domain.errors import BursarError
from core.domain.roles import Caller


async def pressed(desk: Desk, press: Press) -> Message | None:
    if press.callback_id != Form.DEPLOY:
        return None  # an input of another form
    _, caller = await known(desk, press.who, press.key)
    page = await in_thread(desk.bursar.clusters.list, caller)
    told = await in_thread(_tried, desk, caller, press)
    view = deploy_form(page.items, told, press.inputs)
    await desk.client.views_update(view_id=press.view_id, hash=press.view_hash, view=view)
    return None


def _tried(desk: Desk, caller: Caller, press: Press) -> str:
    try:
        return preview_words(desk.bursar.foresight.preview(caller, request_of(_with_the_rest(press.inputs))))
    except BursarError as error:
        return f"✗ {safe_slack(error.message, 1000)}" + (f" — {safe_slack(error.hint, 500)}" if error.hint else "")


def _with_the_rest(inputs: Mapping[str, str]) -> dict[str, str]:
    """What is not yet filled in, and changes neither fit nor start nor price: a name, and something to run."""
    runs = {} if inputs.get("image") or inputs.get("command") else {"command": "true"}
    return {"name": "request", **runs, **inputs}
