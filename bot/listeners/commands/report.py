"""`/bursar report here weekly mon 09:00 [zone]`: a preview for the one who asks; the other report verbs as they are."""

from __future__ import annotations

from bot.blocks.help import begin
from bot.blocks.parts import Message
from bot.blocks.report import preview
from bot.desk import Desk, in_thread
from bot.listeners.commands import verb
from bot.payloads import Command
from core.domain.report_requests import NewSchedule
from core.domain.schedule import next_due, read_when
from core.domain.validation import validated

_DEFAULT = "weekly mon 09:00"


async def answer(desk: Desk, command: Command) -> Message | None:
    words = command.text.split()
    if len(words) < 2 or words[1].lower() != "here":
        return await verb.answer(desk, command)
    visitor = await desk.visitor(command.who)
    if visitor.caller is None:
        return begin()
    visitor, caller = await verb.known(desk, command.who, command.key)
    place = f"{command.who.team_id}/{command.channel_id}"
    request = validated(NewSchedule, channel=place, when=" ".join(words[2:]) or _DEFAULT)
    card = await in_thread(desk.bursar.reports.preview, caller, request)
    when = read_when(request.when, card.zone)
    return preview(card, place, when, next_due(when, desk.deliveries.now()))
