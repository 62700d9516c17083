"""A deployment in lines of text: facts, runs and money. Draws on nothing but its card."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from textual.content import Content

from core.domain.resources import format_duration, format_memory
from core.views.instances import head_of, pairs_of
from core.views.money import PostingCard, Sum
from core.views.work import DeploymentCard
from tui.amounts import NOTHING, age, credits_of, gpu_hours_of, size_of, span, sum_of, until
from tui.format import instant, shown
from tui.theme import LOOKS, Tone
from tui.widgets.hanging import Line
from tui.widgets.plain import joined, look, text

_LABEL = 12


def fact(label: str, value: str | Content) -> Line:
    return text(f"{label:<{_LABEL}}", Tone.DIM), value if isinstance(value, Content) else text(value)


def fact_lines(card: DeploymentCard, now: int) -> list[Line]:
    size = size_of(card.cpu_milli, card.ram_mib, card.gpu_milli)
    size += f" {card.gpu_model}" if card.gpu_model else ""
    size += f" · {format_memory(card.disk_mib)} disk" if card.disk_mib else ""
    size += f" · {card.replicas} alike" if card.replicas > 1 else ""
    place = f"{card.cluster} / {card.node}" if card.node else card.cluster
    place += f" · GPU {', '.join(card.gpu_devices)}" if card.gpu_devices else ""
    lines: list[Line] = [
        fact("state", joined(look(LOOKS[card.state]), text(f"  {card.reason}" if card.reason else "", Tone.DIM))),
        fact("kind", f"{card.kind.value} of {card.owner} in {card.org}"),
        fact("where", place),
        fact("size", f"{card.flavor} · {size}" if card.flavor else size),
    ]
    if card.image:
        lines.append(fact("image", card.image))
    if card.command:
        lines.append(fact("command", shlex.join(card.command)))
    limit = format_duration(card.hours_ms) if card.hours_ms is not None else "until it is stopped"
    for followed in card.after:
        lines.append(fact("after", f"{followed.name} ({followed.id}), {shown('state', followed.state)}"))
    lines += [
        fact("priority", str(card.priority)),
        fact("limit", limit),
        fact("submitted", f"{instant(card.created_at)} · {age(card.created_at, now)} ago"),
    ]
    if card.started_at is not None:
        lines.append(fact("started", f"{instant(card.started_at)} · {age(card.started_at, now)} ago"))
    if card.ended_at is not None:
        code = "" if card.exit_code is None else f" · exit {card.exit_code}"
        lines.append(fact("ended", f"{instant(card.ended_at)}{code}"))
    if card.estimate is not None:
        lines.append(fact("starts", until(card.estimate, now)))
    lines += _money(card)
    for label, pairs in (("labels", card.labels), ("variables", card.env)):
        if pairs:
            lines.append(fact(label, " ".join(f"{key}={value}" if value else key for key, value in pairs.items())))
    if card.public_ip:
        lines.append(fact("address", card.public_ip))
    return lines + instance_lines(card, now)


def instance_lines(card: DeploymentCard, now: int) -> list[Line]:
    """What the engine shows of each replica."""
    lines: list[Line] = []
    for one in card.instances:
        seen = text(f"  seen {age(one.seen_at, now)} ago", Tone.DIM)
        lines += [text(""), joined(text(head_of(one), Tone.LOUD), seen)]
        lines += [fact(name, words) for name, words in pairs_of(one)]
    return lines


def _money(card: DeploymentCard) -> list[Line]:
    """What it has cost, what an hour costs, and what is set aside for it."""
    hourly = sum_of(card.rate)
    if card.pays_now is not None:
        hourly = f"{sum_of(card.pays_now)} as it stands; running {hourly}"
    lines = [fact("cost", sum_of(card.cost)), fact("an hour", hourly)]
    return [*lines, fact("held", sum_of(card.held))] if card.held != Sum() else lines


def run_lines(card: DeploymentCard, now: int) -> list[Content]:
    """Each stretch of really running: what is metered."""
    if not card.runs:
        return [text("it has not run yet", Tone.DIM)]
    lines = [text("runs", Tone.LOUD)]
    for run in card.runs:
        ended = run.ended_at if run.ended_at is not None else now
        length = span(ended - run.started_at)
        tone = Tone.GOOD if run.ended_at is None else Tone.PLAIN
        cause = "runs" if run.ended_at is None else (run.cause or "ended").replace("_", " ")
        lines.append(
            joined(
                text(f"#{run.generation}  {instant(run.started_at)}", Tone.DIM),
                text(f"  {length:>5}  "),
                text(f"{cause:<14}", tone),
                text(f"  {sum_of(run.cost)}"),
            )
        )
    return lines


def money_lines(card: DeploymentCard, postings: Sequence[PostingCard] | None) -> list[Line]:
    """What it costs, then every posting with its entries."""
    lines = _money(card)
    if postings is None:
        return [*lines, text(""), text("its postings are for its owner and for admins", Tone.DIM)]
    if not postings:
        return [*lines, text(""), text("nothing is posted yet", Tone.DIM)]
    lines += [
        text(""),
        joined(text(f"{'postings':<44}", Tone.LOUD), text(f"{'credits':>12}{'GPU-hours':>12}", Tone.DIM)),
    ]
    for posting in postings:
        head = f"#{posting.number} {instant(posting.at)} {posting.kind}"
        reason = f"  {posting.reason}" if posting.reason else ""
        lines.append(joined(text(head), text(reason, Tone.DIM)))
        for entry in posting.items:
            side = "" if entry.side == "posted" else f" ({entry.side})"
            credits_ = credits_of(entry.credits_ucr) if entry.credits_ucr else NOTHING
            hours = gpu_hours_of(entry.gpu_ms) if entry.gpu_ms else NOTHING
            lines.append(joined(text(f"    {entry.account + side:<40}", Tone.DIM), text(f"{credits_:>12}{hours:>12}")))
    return lines
