"""`/bursar deploy`: a form, or with words a whole request in one line."""

from __future__ import annotations

from bot.blocks.forms import deploy_form, no_clusters
from bot.blocks.help import asking, begin, join
from bot.blocks.parts import Message
from bot.desk import Desk, in_thread
from bot.listeners.commands import verb
from bot.listeners.requests import inputs_of
from bot.payloads import Command, Who
from core.commands.aliases import expanded, names_itself
from core.domain.errors import Conflict

_MOST_NUMBERS = 9


async def answer(desk: Desk, command: Command) -> Message | None:
    if not command.text.split()[1:]:
        return await opened(desk, command.who, command.trigger_id)
    for number in range(1, _MOST_NUMBERS):
        try:
            return await verb.asked(desk, command.who, expanded(command.text, number=number), command.key)
        except Conflict as taken:
            if taken.code != "name_taken" or not names_itself(command.text):
                raise
    return await verb.asked(desk, command.who, expanded(command.text, number=_MOST_NUMBERS), command.key)


async def opened(
    desk: Desk, who: Who, trigger_id: str, like: str | None = None, *, on_top: bool = False
) -> Message | None:
    """The form, at once: a trigger is good for three seconds. Of a deployment that is named it is filled in alike.

    `on_top` is of a form that is open already, in which a button was pressed.
    """
    visitor = await desk.visitor(who)
    if visitor.caller is None:
        return begin()
    if not visitor.belongs:
        return join(visitor.name, visitor.org)
    if not trigger_id:
        return asking()
    page = await in_thread(desk.bursar.clusters.list, visitor.caller)
    given = inputs_of(await in_thread(desk.bursar.deployments.show, visitor.caller, like)) if like else None
    view = deploy_form(page.items, initial=given) if page.items else no_clusters()
    show = desk.client.views_push if on_top else desk.client.views_open
    await show(trigger_id=trigger_id, view=view)
    return None
