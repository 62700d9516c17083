"""[Post it weekly], below a preview: from here on the report comes into the channel by itself."""

from __future__ import annotations

from slack_sdk.errors import SlackApiError

from bot.blocks.answers import scheduled
from bot.blocks.parts import Message
from bot.desk import Desk, in_thread
from bot.listeners.commands.verb import known
from bot.payloads import Press
from core.domain.report_requests import NewSchedule
from core.domain.validation import validated

_NOT_THERE = frozenset({"not_in_channel", "channel_not_found"})


async def pressed(desk: Desk, press: Press) -> Message | None:
    """Answered in the channel itself, to who asked alone: where that cannot be, no report could be posted either, and
    it is better to know now than on Monday morning."""
    channel, _, when = press.value.partition(" ")
    _, caller = await known(desk, press.who, press.key)
    request = validated(NewSchedule, channel=channel, when=when)
    line = await in_thread(desk.bursar.reports.schedule, caller, request)
    answer = scheduled(line)
    try:
        await desk.client.chat_postEphemeral(
            channel=request.channel_id, user=press.who.user_id, text=answer.text, blocks=list(answer.blocks)
        )
    except SlackApiError as error:
        return scheduled(line, there=error.response.get("error") not in _NOT_THERE)
    return None
