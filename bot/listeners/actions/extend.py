"""[Extend by 1 h] and [Give 1 h]: more time for a job, and its cost set aside; who may not take it asks for it."""

from __future__ import annotations

from bot.blocks.parts import Message, message, section
from bot.desk import Desk, in_thread
from bot.listeners.commands.verb import known, longer
from bot.markup import safe_slack
from bot.payloads import Press
from core.domain.changes import ExtendRequest
from core.domain.errors import Conflict
from core.domain.resources import format_duration
from core.domain.validation import validated
from core.views.people import Done


async def pressed(desk: Desk, press: Press) -> Message:
    deployment, _, hours = press.value.partition(" ")
    _, caller = await known(desk, press.who, press.key)
    card = await in_thread(longer, desk, caller, validated(ExtendRequest, id=deployment, hours=hours))
    if isinstance(card, Done):
        return message(card.message, [section(f"◔ {safe_slack(card.message)}; it goes on as before until then")])
    said = f"{card.name} may run {format_duration(card.hours_ms or 0)} in all"
    return message(said, [section(f"✓ {safe_slack(said)}")])


async def given(desk: Desk, press: Press) -> Message:
    """Only on top of what it had when it was asked for: of two who give it at once, one does."""
    deployment, more, had = (*press.value.split(" "), "", "")[:3]
    _, caller = await known(desk, press.who, press.key)
    request = validated(ExtendRequest, id=deployment, hours=more, if_still=had)
    try:
        card = await in_thread(desk.bursar.decisions.extend, caller, request)
    except Conflict as error:
        if error.code != "changed_meanwhile":
            raise
        said = f"{error.message}: somebody has decided already"
        return message(said, [section(safe_slack(said))])
    said = f"{card.name} may run {format_duration(card.hours_ms or 0)} in all; {card.owner} is told"
    return message(said, [section(f"✓ {safe_slack(said)}")])
