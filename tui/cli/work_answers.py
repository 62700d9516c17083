"""Answers about work that are sentences: why something waits, what it has written, how engines and store agree."""

from __future__ import annotations

from core.domain.text import safe_text
from core.views.background import Agreement, CleanupReport, ReconcileReport
from core.views.foresight import BlockerLine, PreviewCard, WhyCard
from core.views.instances import head_of, pairs_of
from core.views.work import InstanceCard, LogText, NodeCard
from tui.cli.tables import card, listed, wrapped
from tui.format import NOTHING, instant, label, shown


def why(answer: WhyCard, width: int) -> str:
    head = f"{safe_text(answer.name)} ({answer.id}) is {shown('state', answer.state)}"
    if answer.position is not None:
        head += f", number {answer.position} in the queue"
    if answer.starts:
        head += "; it starts in the next pass"
    text = "\n".join(wrapped("", head, width)) + "\n" + blockers(answer.blockers, width)
    if answer.promised_at is not None:
        text += f"promised to start by {instant(answer.promised_at)}\n"
    return text


def blockers(items: tuple[BlockerLine, ...], width: int) -> str:
    return "".join(f"{line}\n" for blocker in items for line in _blocker(blocker, width))


def _blocker(blocker: BlockerLine, width: int) -> list[str]:
    """What is in the way, by whom it is held, until when, and what would help."""
    text = safe_text(blocker.message)
    if blocker.shortage is not None:
        text += f": {blocker.shortage}"
    if blocker.held is not None:
        text += f"; {safe_text(blocker.held)}"
    if blocker.earliest_at is not None:
        text += f"; changes at {instant(blocker.earliest_at)}"
    lines = wrapped(f"- {blocker.code.replace('_', ' ')}: ", text, width)
    if blocker.suggestion:
        lines += wrapped("  ", safe_text(blocker.suggestion), width)
    return lines


def preview(answer: PreviewCard, width: int) -> str:
    """What a submission would do: when it starts, what it costs, whom it delays, what is in the way."""
    start = "not to be foreseen"
    if answer.starts_now:
        start = f"now, on {safe_text(answer.node or answer.cluster)}"
    elif answer.estimate_at is not None:
        latest = f", at the latest {instant(answer.latest_at)}" if answer.latest_at is not None else ""
        start = f"about {instant(answer.estimate_at)}{latest}"
    elif answer.not_before_at is not None:
        start = f"after {instant(answer.not_before_at)}: so far it was looked, and it did not start"
    pairs = [("starts", start)]
    for name in ("cluster", "version", "rate", "hold", "needs_approval", "victims"):
        pairs.append((label(name), shown(name, getattr(answer, name))))
    text = card([(name, value) for name, value in pairs if value != NOTHING], width)
    if answer.delayed:
        text += f"delays:\n{listed(('id', 'from_at', 'to_at'), answer.delayed, width)}"
        text += f"and {answer.delayed_more} more\n" if answer.delayed_more else ""
    return text + (f"blockers:\n{blockers(answer.blockers, width)}" if answer.blockers else "")


def instances(items: tuple[InstanceCard, ...], width: int) -> str:
    """What the engine shows of each replica, and when it did."""
    text = ""
    for one in items:
        text += f"{safe_text(head_of(one))}, seen {instant(one.seen_at)}\n"
        pairs = [(f"  {safe_text(name)}", safe_text(words)) for name, words in pairs_of(one)]
        text += card(pairs, width) if pairs else ""
    return text


def nodes(items: tuple[NodeCard, ...], width: int) -> str:
    """A row for each node, and below them its GPUs one by one."""
    names = ["name", "state", "in_use", "gpu_model", "labels"]
    text = listed([name for name in names if any(getattr(item, name) for item in items)], items, width)
    for one in items:
        if one.gpus:
            slots = shown("gpus", one.gpus)
            text += "\n".join(wrapped(f"GPUs of {safe_text(one.name)}: ", slots, width)) + "\n"
    return text


def log(answer: LogText, _width: int) -> str:
    before = f"… there is more before this: bursar logs {answer.id} --whole\n" if answer.cut else ""
    return before + safe_text(answer.text, lines=True)


_COLUMNS = ("agreement", "cluster", "deployment", "engine_id", "node", "since", "credits_ucr")


def reconciled(answer: ReconcileReport, width: int) -> str:
    """The groups that ask for somebody's eye by their lines, the others by their number."""
    matching = len(answer.of(Agreement.MATCHING))
    lines = [f"{matching} as the store has them"]
    odd = tuple(line for line in answer.lines if line.agreement is not Agreement.MATCHING)
    text = f"{lines[0]}, and nothing else\n" if not odd else f"{lines[0]}; besides:\n" + listed(_COLUMNS, odd, width)
    for name in answer.unanswered:
        text += "\n".join(wrapped("", f"{safe_text(name)} did not answer: nothing is said of it", width)) + "\n"
    leaks = answer.of(Agreement.LEAK)
    stopped = sum(line.stopped for line in leaks)
    if answer.in_quarantine:
        told = "the store came back from a backup: nothing is started or stopped yet, and what leaks may have begun"
        told += " after that was made. Once you have looked, let the daemon work again, and stop what leaks:"
        text += "\n".join(wrapped("", f"{told} bursar reconcile --end-quarantine", width)) + "\n"
    elif leaks and not answer.applied:
        text += f"{len(leaks)} leaked; stop them: bursar reconcile --apply\n"
    elif leaks:
        text += f"{stopped} of {len(leaks)} that leaked told to stop; see that they have: bursar reconcile\n"
    return text


def cleaned(answer: CleanupReport, width: int) -> str:
    found = {
        "deployments, whose tombstones stay": len(answer.tombstones),
        "instances that engines still keep": len(answer.instances),
        "events": answer.events,
        "first answers to keyed calls": answer.answers,
        "ended sessions": answer.sessions,
    }
    kept = ", ".join(f"{count} {what}" for what, count in found.items() if count) or "nothing"
    done = "cleared away" if answer.applied else "kept for long enough"
    text = "\n".join(wrapped("", f"{done}: {kept}", width)) + "\n"
    return text if answer.applied or kept == "nothing" else text + "clear it away: bursar cleanup --apply\n"
