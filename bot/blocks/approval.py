"""What waits for a decision, for those who may decide; once decided, who did it and when, and no buttons."""

from __future__ import annotations

from bot.blocks.deployment import facts, size
from bot.blocks.parts import Block, Message, button, buttons, context, fields, message, quoted, section
from bot.ids import Action
from bot.markup import literal, moment, safe_slack
from bot.wording import rough_books, state_words
from core.domain.lifecycle import State
from core.domain.resources import format_duration
from core.views.money import Sum
from core.views.work import DeploymentCard

Decision = tuple[str, str, int]  # what, by whom, when


def approval(view: DeploymentCard, decision: Decision | None = None, left: Sum | None = None) -> Message:
    """`left` is what its owner could spend besides."""
    head = f"{view.owner} asks for {view.name} on {view.cluster}"
    if view.state is State.AWAITING_APPROVAL:
        wants = wishes(view)
        blocks: list[Block] = [
            section(f"◔ *{safe_slack(view.owner)}* asks for *{safe_slack(view.name)}*: {safe_slack(wants)}"),
            fields(facts(view)),
        ]
        if view.reason:
            blocks.append(quoted(literal(f"needs an approval: {view.reason}", 1000)))
        blocks.append(buttons(*decide_buttons(view.id)))
        spare = f" · {safe_slack(view.owner)} has {rough_books(left)} besides" if left is not None else ""
        blocks.append(context(f"{view.id} · {safe_slack(view.org)} · asked {moment(view.created_at)}{spare}"))
        return message(f"{head}: {wants}. Approve or reject? {view.reason or ''}".rstrip(), blocks)
    what, who, at = decision or (view.state.value.replace("_", " "), "", view.updated_at)
    by = f" by {safe_slack(who)}" if who else ""
    said = f"*{safe_slack(view.name)}* of {safe_slack(view.owner)}: {safe_slack(what)}{by} {moment(at)}"
    blocks = [section(said), context(f"{view.id} is {state_words(view.state)}")]
    return message(f"{head}: {what}{f' by {who}' if who else ''}", blocks)


def wishes(view: DeploymentCard) -> str:
    """How much, for how long, at what cost."""
    return f"{size(view)}{_how_long(view)}; {_price(view)}"


def _how_long(view: DeploymentCard) -> str:
    return f" for at most {format_duration(view.hours_ms)}" if view.hours_ms is not None else " until it is stopped"


def _price(view: DeploymentCard) -> str:
    """Of the whole, where that is set aside; else of an hour."""
    return rough_books(view.held) if view.held != Sum() else f"{rough_books(view.rate)} an hour"


def decide_buttons(deployment_id: str) -> tuple[Block, ...]:
    return (
        button("Approve", Action.APPROVE, deployment_id, label=f"approve {deployment_id}", style="primary"),
        button("Approve with changes …", Action.CHANGE, deployment_id, label=f"approve {deployment_id} with changes"),
        button("Reject …", Action.REJECT, deployment_id, label=f"reject {deployment_id}", style="danger"),
    )
