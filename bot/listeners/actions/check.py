"""What the request would come to now, shown in the form itself: at [Check], or whenever a size or a place is chosen."""

from __future__ import annotations

from collections.abc import Mapping

from slack_sdk.errors import SlackApiError

from bot.blocks.answers import preview_words
from bot.blocks.forms import deploy_form, no_clusters
from bot.blocks.parts import Message
from bot.desk import Desk, in_thread
from bot.ids import Form
from bot.listeners.commands.verb import known
from bot.listeners.requests import request_of
from bot.markup import safe_slack
from bot.payloads import Press
from core.domain.errors import BursarError
from core.domain.resources import format_duration, format_resources
from core.domain.roles import Caller
from core.domain.workloads import SubmitRequest

# The form says something newer by now, or was sent or closed: what was worked out for it is of no use to anybody.
_OVERTAKEN = frozenset({"hash_conflict", "not_found", "view_not_found"})
_MOST_FORMS = 1_000


async def pressed(desk: Desk, press: Press) -> Message | None:
    if press.callback_id != Form.DEPLOY:
        return None  # an input of another form
    _remember(desk.checks, press)
    _, caller = await known(desk, press.who, press.key)
    page = await in_thread(desk.bursar.clusters.list, caller)
    told = await in_thread(_tried, desk, caller, press)
    if desk.checks.get(press.view_id) != press.action_ts:
        return None  # somebody types faster than this is worked out: what came behind it will say more
    view = deploy_form(page.items, told, press.inputs) if page.items else no_clusters()
    try:
        await desk.client.views_update(view_id=press.view_id, hash=press.view_hash, view=view)
    except SlackApiError as error:
        if error.response.get("error") not in _OVERTAKEN:
            raise
    return None


def _remember(checks: dict[str, str], press: Press) -> None:
    checks.pop(press.view_id, None)
    checks[press.view_id] = press.action_ts
    while len(checks) > _MOST_FORMS:
        checks.pop(next(iter(checks)))


def _tried(desk: Desk, caller: Caller, press: Press) -> str:
    try:
        request = request_of(_with_the_rest(press.inputs))
        return f"{_asked(request)}: {preview_words(desk.bursar.foresight.preview(caller, request))}"
    except BursarError as error:
        return f"✗ {safe_slack(error.message, 1000)}" + (f" — {safe_slack(error.hint, 500)}" if error.hint else "")


def _asked(request: SubmitRequest) -> str:
    """What the words are about: by the time that they are read, something else may have been typed."""
    size = format_resources(request.resources) if request.resources else "the flavor's size"
    return size if request.hours_ms is None else f"{size} for {format_duration(request.hours_ms)}"


def _with_the_rest(inputs: Mapping[str, str]) -> dict[str, str]:
    """What is not yet filled in, and changes neither fit nor start nor price: a name, and something to run."""
    runs = {} if inputs.get("image") or inputs.get("command") else {"command": "true"}
    return {"name": "request", **runs, **inputs}
