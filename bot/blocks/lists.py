"""Lists as people read them: the thing's name first, then how it stands; and a button where one can go on from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.blocks.approval import decide_buttons
from bot.blocks.parts import Block, button, buttons, context, section
from bot.ids import Action
from bot.markup import moment, safe_slack
from bot.wording import both_books, state_words
from core.domain.lifecycle import State
from core.domain.resources import format_cpu, format_gpu, format_memory
from core.views.chat import LinkLine, PendingLink
from core.views.foresight import BarLine, QueueLine
from core.views.money import EntryLine, Sum
from core.views.operations import AuditLine
from core.views.people import InviteCard, MemberRow
from core.views.reports import ScheduleLine
from core.views.work import ClusterLine, DeploymentLine

MOST_LINES = 40
_MOST_WITH_BUTTONS = 10
_LINES_A_BLOCK = 8
_CELLS = 10


def rows(items: tuple[Any, ...]) -> list[Block] | None:
    """The blocks of a list whose lines have words of their own; none where they have not."""
    kind = type(items[0])
    if kind in _WITH_BUTTONS:
        blocks: list[Block] = []
        for item in items[:_MOST_WITH_BUTTONS]:
            blocks += _WITH_BUTTONS[kind](item)
        return blocks + in_blocks([_LINES[kind](item) for item in items[_MOST_WITH_BUTTONS:MOST_LINES]])
    return in_blocks([_LINES[kind](item) for item in items[:MOST_LINES]]) if kind in _LINES else None


def in_blocks(lines: list[str]) -> list[Block]:
    """Several lines to a block: a message bears but few blocks, and a block not too many signs."""
    return [section("\n".join(lines[start : start + _LINES_A_BLOCK])) for start in range(0, len(lines), _LINES_A_BLOCK)]


def spoken(item: Any) -> str:
    """A line in a word or two, for notifications and screen readers."""
    name = getattr(item, "name", None) or getattr(item, "id", None) or getattr(item, "what", None) or ""
    how = next((getattr(item, one) for one in ("state", "role") if getattr(item, one, None)), "")
    return f"{name} {str(getattr(how, 'value', how)).replace('_', ' ')}".strip()


def asked_size(line: DeploymentLine) -> str:
    """What matters of a size in one glance: the GPUs, or what there is without any."""
    if line.gpu_milli:
        return f"{format_gpu(line.gpu_milli)} GPU"
    return f"{format_cpu(line.cpu_milli)} CPU, {format_memory(line.ram_mib)}"


def deployment_line(line: DeploymentLine, *, own: bool = False) -> str:
    """Whose it is goes without saying where all are one's own."""
    since = f" since {moment(line.started_at)}" if line.started_at and line.state is State.RUNNING else ""
    whose = "" if own else f" · {safe_slack(line.owner)}"
    where = f"{asked_size(line)} on {safe_slack(line.cluster)}{whose} · {line.id}"
    return f"*{safe_slack(line.name)}* · {state_words(line.state)}{since}\n{where}"


def show_button(handle: str) -> Block:
    return button("Show", Action.SHOW, handle, label=f"show {handle}")


def bar(used: int, total: int) -> str:
    """A share as a row of cells; the numbers stand beside it."""
    full = min(_CELLS, -(-used * _CELLS // total)) if total > 0 else 0
    return "▰" * full + "▱" * (_CELLS - full)


def _deployment(line: DeploymentLine) -> list[Block]:
    if line.state is not State.AWAITING_APPROVAL or not line.reason:
        return [section(deployment_line(line), show_button(line.id))]
    return [section(f"{deployment_line(line)}\n{safe_slack(line.reason, 500)}", show_button(line.id))]


def approvals(lines: tuple[DeploymentLine, ...]) -> list[Block]:
    """What waits for a decision, each with the two buttons; the right is asked for again at the press."""
    blocks: list[Block] = []
    for line in lines[:_MOST_WITH_BUTTONS]:
        head = f"*{safe_slack(line.owner)}* asks for *{safe_slack(line.name)}*: {asked_size(line)}"
        said = f"{head} on {safe_slack(line.cluster)} · priority {line.priority} · {line.id}"
        why = f"\n{safe_slack(line.reason, 500)}" if line.reason else ""
        blocks += [section(said + why), buttons(*decide_buttons(line.id))]
    return blocks + in_blocks([deployment_line(line) for line in lines[_MOST_WITH_BUTTONS:MOST_LINES]])


def _queued(line: QueueLine) -> str:
    name = f"*{safe_slack(line.name)}*" if line.name else "a deployment of another organization"
    parts = [name if line.position is None else f"{line.position}. {name}"]
    if line.owner:
        parts.append(safe_slack(line.owner))
    if line.gpu_milli:
        parts.append(f"{format_gpu(line.gpu_milli)} GPU")
    if line.priority is not None:
        parts.append(f"priority {line.priority}")
    if line.estimate_at:
        parts.append(f"starts about {moment(line.estimate_at)}")
    elif line.not_before_at:
        parts.append(f"not expected before {moment(line.not_before_at)}")
    else:
        parts.append("no start can be foreseen")
    return " · ".join(parts) + (f"\n{safe_slack(line.blocker, 300)}" if line.blocker else "")


def cluster_line(line: ClusterLine) -> str:
    total, free = line.total, line.free
    if total.gpu_milli:
        share = f"{format_gpu(free.gpu_milli)} of {format_gpu(total.gpu_milli)} GPU free"
        shown = f"{bar(total.gpu_milli - free.gpu_milli, total.gpu_milli)} {share}"
    else:
        shown = bar(total.cpu_milli - free.cpu_milli, total.cpu_milli)
    rest = f"{format_cpu(free.cpu_milli)} of {format_cpu(total.cpu_milli)} CPU, {format_memory(free.ram_mib)} free"
    return f"*{safe_slack(line.name)}* · {safe_slack(line.state)}\n{shown} · {rest}"


def _member(line: MemberRow) -> str:
    return f"*{safe_slack(line.name)}* · {line.role.value} · since {moment(line.joined_at)}"


def _invite(line: InviteCard) -> str:
    used = f"{line.used} of {line.uses} used"
    return f"*{line.id}* · {line.role.value} · {used} · {line.state} · good until {moment(line.expires_at)}"


def _entry(line: EntryLine) -> str:
    amount = Sum(line.credits_ucr, line.gpu_ms)
    parts = [moment(line.at), f"*{line.kind}*", both_books(amount)]
    if line.held_credits_ucr or line.held_gpu_ms:
        parts.append(f"set aside {both_books(Sum(line.held_credits_ucr, line.held_gpu_ms))}")
    if line.deployment:
        parts.append(safe_slack(line.deployment))
    return " · ".join(parts) + (f" · {safe_slack(line.reason, 200)}" if line.reason else "")


def _happened(line: AuditLine) -> str:
    """Who did what to what; the values before and after are for a terminal, where they have room."""
    did = f"*{safe_slack(line.actor)}* {safe_slack(line.verb)} {safe_slack(line.target, 200)}"
    return f"{line.seq} · {moment(line.at)} · {did}"


def channel_words(channel: str) -> str:
    """A channel by its id, which Slack shows by its name to whoever may see it."""
    return f"<#{channel}>" if channel.isalnum() and channel.startswith("C") else safe_slack(channel)


def schedule(line: ScheduleLine) -> list[Block]:
    muted = line.state == "muted"
    follows = "posts nothing for now" if muted else f"next {moment(line.next_at)}" if line.next_at else ""
    told = [f"*{line.id}* in {channel_words(line.channel)} · {safe_slack(line.when)}", follows]
    blocks: list[Block] = [section(" · ".join(part for part in told if part))]
    if line.last:
        blocks.append(context(f"the last: {safe_slack(line.last, 300)}"))
    again = "Go on" if muted else "Pause"
    acts = (
        button("Post now", Action.REPORT_RUN, line.id, label=f"post {line.id} now"),
        button(again, Action.REPORT_MUTE, line.id, label=f"{again.lower()} {line.id}"),
    )
    return [*blocks, buttons(*acts)]


def _stretch(line: BarLine) -> str:
    name = f"*{safe_slack(line.name)}*" if line.name else "a deployment of another organization"
    gpus = f" · {format_gpu(line.gpu_milli)} GPU" if line.gpu_milli else ""
    ends = f"until {moment(line.ends_at)} at the latest" if line.ends_at else "without an end"
    begins = f"starts {moment(line.begins_at)}" if line.starts else f"runs since {moment(line.begins_at)}"
    return f"{name} on {safe_slack(line.node)}{gpus} · {begins} · {ends}"


def _pending(line: PendingLink) -> str:
    who = f"*@{safe_slack(line.name)}* in {safe_slack(line.workspace)} · {line.user_id}"
    return f"{who} · asked {moment(line.asked_at)} · until {moment(line.expires_at)}"


def _link(line: LinkLine) -> str:
    return f"*@{safe_slack(line.name)}* in {safe_slack(line.workspace)} · since {moment(line.linked_at)}"


_LINES: dict[type, Callable[[Any], str]] = {
    AuditLine: _happened,
    BarLine: _stretch,
    ClusterLine: cluster_line,
    DeploymentLine: deployment_line,
    EntryLine: _entry,
    InviteCard: _invite,
    LinkLine: _link,
    MemberRow: _member,
    PendingLink: _pending,
    QueueLine: _queued,
    ScheduleLine: lambda line: f"*{line.id}* in {channel_words(line.channel)} · {safe_slack(line.when)}",
}
_WITH_BUTTONS: dict[type, Callable[[Any], list[Block]]] = {DeploymentLine: _deployment, ScheduleLine: schedule}
