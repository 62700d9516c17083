"""A deployment as a card that always shows how it stands, with the buttons that its state allows."""

from __future__ import annotations

from bot.blocks.parts import Block, Message, button, buttons, confirmation, context, fields, message, quoted, section
from bot.ids import Action
from bot.markup import literal, moment, safe_slack
from bot.wording import rough_books, state_words
from core.domain.flavors import format_credits
from core.domain.kinds import Kind
from core.domain.lifecycle import FINAL, State
from core.domain.resources import format_cpu, format_duration, format_gpu, format_memory
from core.views.money import Sum
from core.views.reports import said_credits
from core.views.work import DeploymentCard

_LIVE = frozenset({State.STARTING, State.RUNNING, State.SUSPENDED})
_OVER = FINAL - {State.DELETED}
_WAITING = frozenset({State.AWAITING_APPROVAL, State.QUEUED})


def card(view: DeploymentCard, now: int | None = None) -> Message:
    """For its owner: the first line reads well alone, since a notification shows no more.

    `now` is given for a message that stays: what grows with time is said to be of that instant.
    """
    state = view.state.value.replace("_", " ")
    text = f"{view.name} ({view.id}) on {view.cluster}: {state}, {size(view)}"
    text += f" — {view.reason}" if view.reason else ""
    blocks: list[Block] = [section(f"*{safe_slack(view.name)}* · {state_words(view.state)}"), fields(facts(view))]
    if view.reason:
        blocks.append(quoted(literal(view.reason, 1000, lines=True)))
    acts = _buttons(view)
    if acts:
        blocks.append(buttons(*acts))
    as_of = f" · as of {moment(now)}" if now is not None and view.state not in FINAL else ""
    blocks.append(context(f"{view.id} · {safe_slack(view.org)} · asked {moment(view.created_at)}{as_of}"))
    return message(text, blocks)


def facts(view: DeploymentCard) -> list[tuple[str, str]]:
    """What it is, then when, then money: at most as many as a section has fields for, whatever its state."""
    limit = f" of at most {format_duration(view.hours_ms)}" if view.hours_ms is not None else ""
    where = safe_slack(view.cluster) + (f" / {safe_slack(view.node)}" if view.node else "")
    found = [("what", f"{view.kind.value}{limit} on {where}"), ("size", safe_slack(size(view)))]
    if view.image:
        found.append(("image", safe_slack(view.image, 300)))
    found += _times(view)
    if view.state not in FINAL:
        found.append(("costs an hour", rough_books(view.pays_now or view.rate)))
    if view.started_at is not None or view.cost != Sum():
        found.append(("cost in all" if view.state in FINAL else "cost so far", rough_books(view.cost)))
    if view.held.credits_ucr or view.held.gpu_ms:
        found.append(("set aside", rough_books(view.held)))
    return found


def _times(view: DeploymentCard) -> list[tuple[str, str]]:
    if view.state in _WAITING:
        found = [("priority", str(view.priority))]
        if view.position is not None:
            found = [("place in the queue", f"number {view.position}, priority {view.priority}")]
        return [*found, ("starts about", moment(view.estimate))] if view.estimate is not None else found
    found = []
    if view.started_at is not None:
        found.append(("started", moment(view.started_at)))
    if view.ended_at is not None:
        found.append(("ended", moment(view.ended_at)))
    elif view.started_at is not None and view.hours_ms is not None:
        found.append(("ends at the latest", moment(view.started_at + view.hours_ms * 1000)))
    return found


def asked_words(view: DeploymentCard) -> str:
    """What became of a request, for the one who has just sent it."""
    said = f"✓ *{safe_slack(view.name)}* is {state_words(view.state)}"
    if view.state is State.AWAITING_APPROVAL:
        said += f": {safe_slack(view.reason, 500)}" if view.reason else ""
    return f"{said}\nIts card is in your messages with Bursar and always shows how it stands. · {view.id}"


def size(view: DeploymentCard) -> str:
    parts = [f"{format_cpu(view.cpu_milli)} CPU", format_memory(view.ram_mib)]
    if view.gpu_milli:
        parts.append(f"{format_gpu(view.gpu_milli)} GPU{f' {view.gpu_model}' if view.gpu_model else ''}")
    if view.disk_mib:
        parts.append(f"{format_memory(view.disk_mib)} disk")
    return (f"{view.replicas} × " if view.replicas > 1 else "") + ", ".join(parts)


def ran_ms(view: DeploymentCard) -> int:
    """How long it has really run, in all its starts that are over."""
    return sum(run.ended_at - run.started_at for run in view.runs if run.ended_at is not None) // 1000


def extend_button(view: DeploymentCard) -> Block:
    """An hour more, with what it costs: said before it is taken."""
    price = f" · {said_credits(view.rate.credits_ucr)}" if view.rate.credits_ucr else ""
    return button(f"Extend by 1 h{price}", Action.EXTEND, f"{view.id} 1", label=f"give {view.id} 1 more hour{price}")


def logs_button(view: DeploymentCard) -> Block:
    return button("Logs", Action.LOGS, view.id, label=f"show what {view.id} has written")


def after_it(view: DeploymentCard) -> list[Block]:
    """What can be done about what has ended: read what it wrote, and ask for the same or a better one."""
    acts = [logs_button(view)] if view.runs else []
    if says_all_of(view):
        acts.append(button("Ask again …", Action.AGAIN, view.id, label=f"ask for one as {view.id} was"))
    return acts


def says_all_of(view: DeploymentCard) -> bool:
    """Whether the form of a request has an input for everything that was asked for, so that nothing would be lost."""
    more = (view.flavor, view.gpu_model, view.disk_mib, view.labels, view.env, view.public_ip)
    as_usual = Kind.SERVICE if view.hours_ms is None else Kind.JOB
    return not any(more) and view.replicas == 1 and view.kind is as_usual


def _buttons(view: DeploymentCard) -> list[Block]:
    acts: list[Block] = []
    if view.state in (State.QUEUED, State.AWAITING_APPROVAL):
        acts.append(button("Why does it wait?", Action.WHY, view.id, label=f"say why {view.id} waits"))
    if view.state is State.SUSPENDED:
        acts.append(button("Resume", Action.RESUME, view.id, label=f"let {view.id} go on", style="primary"))
    if view.state in _LIVE:
        acts.append(logs_button(view))
        if view.hours_ms is not None:
            acts.append(extend_button(view))
        kept = f"Stopped, {_price_of(view, 'stop')} an hour; it can be started again."
        sure = confirmation(f"Stop {view.id}?", kept, "Stop it")
        acts.append(button("Stop", Action.STOP, view.id, label=f"stop {view.id}", confirm=sure))
    if view.state is State.STOPPED:
        acts.append(button("Start", Action.START, view.id, label=f"start {view.id} again"))
    if view.state is State.STOPPED and view.runs:
        acts.append(logs_button(view))
    if view.state in _OVER:
        acts += after_it(view)
    if view.state not in FINAL:
        sure = confirmation(f"Give {view.id} up?", "It ends for good; what it has not used comes back.", "Give it up")
        acts.append(button("Cancel", Action.CANCEL, view.id, label=f"cancel {view.id}", style="danger", confirm=sure))
    return acts


def _price_of(view: DeploymentCard, action: str) -> str:
    """What an hour costs where an action leads: said before it is taken."""
    after = next((one.credits_per_hour_ucr for one in view.next if one.action == action), 0)
    return f"it costs {format_credits(after)} credits"
