"""What waits for a decision, for those who may decide; once decided, who did it and when, and no buttons."""

from __future__ import annotations

from bot.blocks.deployment import facts
from bot.blocks.parts import Block, Message, button, buttons, context, fields, message, quoted, section
from bot.ids import Action
from bot.markup import literal, moment, safe_slack
from bot.wording import state_words
from core.domain.lifecycle import State
from core.views.work import DeploymentCard

Decision = tuple[str, str, int]  # what, by whom, when


def approval(view: DeploymentCard, decision: Decision | None = None) -> Message:
    head = f"{view.owner} asks for {view.name} on {view.cluster}"
    if view.state is State.AWAITING_APPROVAL:
        blocks: list[Block] = [
            section(f"◔ *{safe_slack(view.owner)}* asks for *{safe_slack(view.name)}*"),
            fields(facts(view)),
        ]
        if view.reason:
            blocks.append(quoted(literal(f"needs an approval: {view.reason}", 1000)))
        blocks.append(buttons(*decide_buttons(view.id)))
        blocks.append(context(f"{view.id} · {safe_slack(view.org)} · asked {moment(view.created_at)}"))
        return message(f"{head}: approve or reject? {view.reason or ''}".rstrip(), blocks)
    what, who, at = decision or (view.state.value.replace("_", " "), "", view.updated_at)
    by = f" by {safe_slack(who)}" if who else ""
    said = f"*{safe_slack(view.name)}* of {safe_slack(view.owner)}: {safe_slack(what)}{by} {moment(at)}"
    blocks = [section(said), context(f"{view.id} is {state_words(view.state)}")]
    return message(f"{head}: {what}{f' by {who}' if who else ''}", blocks)


def decide_buttons(deployment_id: str) -> tuple[Block, ...]:
    return (
        button("Approve", Action.APPROVE, deployment_id, label=f"approve {deployment_id}", style="primary"),
        button("Change …", Action.CHANGE, deployment_id, label=f"approve {deployment_id} with changes"),
        button("Reject …", Action.REJECT, deployment_id, label=f"reject {deployment_id}", style="danger"),
    )
