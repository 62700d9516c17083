"""A deployment as a card that always shows how it stands, with the buttons that its state allows."""

from __future__ import annotations

from bot.blocks.parts import Block, Message, button, buttons, confirmation, context, fields, message, quoted, section
from bot.ids import Action
from bot.markup import literal, moment, safe_slack
from bot.wording import both_books, state_words
from core.domain.lifecycle import FINAL, State
from core.domain.resources import format_cpu, format_duration, format_gpu, format_memory
from core.views.work import DeploymentCard

_LIVE = frozenset({State.STARTING, State.RUNNING, State.SUSPENDED})


def card(view: DeploymentCard) -> Message:
    """For its owner: the first line reads well alone, since a notification shows no more."""
    state = view.state.value.replace("_", " ")
    text = f"{view.name} ({view.id}) on {view.cluster}: {state}" + (f" — {view.reason}" if view.reason else "")
    blocks: list[Block] = [section(f"*{safe_slack(view.name)}* · {state_words(view.state)}"), fields(facts(view))]
    if view.reason:
        blocks.append(quoted(literal(view.reason, 1000, lines=True)))
    acts = _buttons(view)
    if acts:
        blocks.append(buttons(*acts))
    blocks.append(context(f"{view.id} · {safe_slack(view.org)} · asked {moment(view.created_at)}"))
    return message(text, blocks)


def facts(view: DeploymentCard) -> list[tuple[str, str]]:
    found = [("what", f"{view.kind.value} on {safe_slack(view.cluster)}"), ("size", size(view))]
    if view.node:
        found.append(("node", safe_slack(view.node)))
    if view.image:
        found.append(("image", safe_slack(view.image, 300)))
    found.append(("priority", str(view.priority)))
    if view.hours_ms is not None:
        found.append(("time limit", format_duration(view.hours_ms)))
    if view.started_at is not None:
        found.append(("started", moment(view.started_at)))
    if view.ended_at is not None:
        found.append(("ended", moment(view.ended_at)))
    found.append(("costs an hour", both_books(view.rate)))
    found.append(("cost so far", both_books(view.cost)))
    if view.held.credits_ucr or view.held.gpu_ms:
        found.append(("set aside", both_books(view.held)))
    return found


def size(view: DeploymentCard) -> str:
    parts = [f"{format_cpu(view.cpu_milli)} CPU", format_memory(view.ram_mib)]
    if view.gpu_milli:
        parts.append(f"{format_gpu(view.gpu_milli)} GPU{f' {safe_slack(view.gpu_model)}' if view.gpu_model else ''}")
    if view.disk_mib:
        parts.append(f"{format_memory(view.disk_mib)} disk")
    return (f"{view.replicas} × " if view.replicas > 1 else "") + ", ".join(parts)


def extend_button(view_id: str, hours: str = "1") -> Block:
    words = f"Extend by {hours} h"
    return button(words, Action.EXTEND, f"{view_id} {hours}", label=f"give {view_id} {hours} more hours")


def _buttons(view: DeploymentCard) -> list[Block]:
    acts: list[Block] = []
    if view.state in (State.QUEUED, State.AWAITING_APPROVAL):
        acts.append(button("Why does it wait?", Action.WHY, view.id, label=f"say why {view.id} waits"))
    if view.state in _LIVE:
        acts.append(button("Logs", Action.LOGS, view.id, label=f"show what {view.id} has written"))
        if view.hours_ms is not None:
            acts.append(extend_button(view.id))
        sure = confirmation("Stop it?", f"{view.id} is stopped; it can be started again.", "Stop it")
        acts.append(button("Stop", Action.STOP, view.id, label=f"stop {view.id}", confirm=sure))
    if view.state is State.STOPPED:
        acts.append(button("Start", Action.START, view.id, label=f"start {view.id} again"))
    if view.state not in FINAL:
        sure = confirmation("Give it up?", f"{view.id} ends for good; what it has not used comes back.", "Give it up")
        acts.append(button("Cancel", Action.CANCEL, view.id, label=f"cancel {view.id}", style="danger", confirm=sure))
    return acts
