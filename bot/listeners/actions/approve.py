"""[Approve]: as it was asked for; with changes it is `/bursar approve ID hours H`."""

from __future__ import annotations

from bot.blocks.parts import Message, message, section
from bot.desk import Desk, in_thread
from bot.listeners.actions.acts import standing
from bot.listeners.commands.verb import known
from bot.markup import safe_slack
from bot.payloads import Press
from core.domain.changes import ApproveRequest
from core.domain.errors import Conflict
from core.domain.validation import validated

_DECIDED = " by now: somebody has decided already"


async def pressed(desk: Desk, press: Press) -> Message:
    _, caller = await known(desk, press.who, press.key)
    request = validated(ApproveRequest, id=press.value)
    try:
        card = await in_thread(desk.bursar.decisions.approve, caller, request)
    except Conflict as error:
        if error.code != "illegal_transition":
            raise
        return standing(await in_thread(desk.bursar.deployments.show, caller, press.value), _DECIDED)
    said = f"{card.name} is approved and {card.state.value.replace('_', ' ')}"
    return message(said, [section(f"✓ {safe_slack(said)}")])
