"""[Reject …]: asks why in a form, since its owner must know."""

from __future__ import annotations

from bot.blocks.forms import reject_form
from bot.blocks.parts import Message
from bot.desk import Desk, in_thread
from bot.listeners.commands.verb import known
from bot.payloads import Press
from core.domain.errors import Conflict
from core.domain.lifecycle import State
from core.views.work import DeploymentCard


async def pressed(desk: Desk, press: Press) -> Message | None:
    card = await undecided(desk, press)
    await desk.client.views_open(trigger_id=press.trigger_id, view=reject_form(card))
    return None


async def undecided(desk: Desk, press: Press) -> DeploymentCard:
    """What still waits for a decision; a button may be old."""
    _, caller = await known(desk, press.who, press.key)
    card = await in_thread(desk.bursar.deployments.show, caller, press.value)
    if card.state is not State.AWAITING_APPROVAL:
        state = card.state.value.replace("_", " ")
        raise Conflict("illegal_transition", f"{card.name} is {state} already", "nothing was done")
    return card
