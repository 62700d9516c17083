"""[Cancel], [Stop], [Start] and [Resume]: one call each, and the card says the rest. An old button finds it done."""

from __future__ import annotations

from bot.blocks.parts import Message, message, section
from bot.desk import Desk, in_thread
from bot.listeners.commands.verb import known
from bot.markup import safe_slack
from bot.payloads import Press
from bot.wording import state_words
from core.domain.errors import Conflict
from core.views.work import DeploymentCard


async def cancel(desk: Desk, press: Press) -> Message:
    return await _act(desk, press, "cancel")


async def stop(desk: Desk, press: Press) -> Message:
    return await _act(desk, press, "stop")


async def start(desk: Desk, press: Press) -> Message:
    return await _act(desk, press, "start")


async def resume(desk: Desk, press: Press) -> Message:
    return await _act(desk, press, "resume")


async def _act(desk: Desk, press: Press, word: str) -> Message:
    _, caller = await known(desk, press.who, press.key)
    try:
        card = await in_thread(getattr(desk.bursar.deployments, word), caller, press.value)
    except Conflict as error:
        if error.code != "illegal_transition":
            raise
        card = await in_thread(desk.bursar.deployments.show, caller, press.value)
        return standing(card, " by now; nothing was done")
    return standing(card)


def standing(card: DeploymentCard, after: str = "") -> Message:
    text = f"{card.name} is {card.state.value.replace('_', ' ')}{after}"
    return message(text, [section(f"*{safe_slack(card.name)}* is {state_words(card.state)}{after}")])
