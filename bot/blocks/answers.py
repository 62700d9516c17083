"""The answer of any verb as a message: a list is lines, an object is its fields, and a few answers are sentences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

from bot.blocks.deployment import card as deployment_card
from bot.blocks.parts import Block, Message, context, message, section
from bot.blocks.parts import fields as field_block
from bot.blocks.report import report
from bot.blocks.wallet import wallet
from bot.markup import code, safe_slack
from bot.wording import NOTHING, label, shown
from core.commands.verbs import Verb
from core.domain.resources import Resources
from core.views.foresight import PreviewCard, WhyCard
from core.views.money import CsvText, Sum, UsageCard, WalletCard
from core.views.operations import Page
from core.views.people import Done
from core.views.reports import ReportCard
from core.views.work import DeploymentCard, GpuSlot, LogText

_WORDED = (Resources, Sum, GpuSlot)
_MOST_LINES = 40
_MOST_FIELDS = 40


def answered(verb: Verb, answer: Any) -> Message:
    say = _SENTENCES.get(type(answer))
    if say is not None:
        return say(answer)
    if isinstance(answer, Page):
        return _listed(verb, answer)
    return _fields_of(verb, answer)


def _listed(verb: Verb, page: Page[Any]) -> Message:
    if not page.items:
        return message(verb.nothing, [section(safe_slack(verb.nothing))])
    names = verb.columns or tuple(field.name for field in fields(page.items[0]))
    lines = [_line(names, item) for item in page.items[:_MOST_LINES]]
    left = len(page.items) - len(lines)
    more = f"{left} more" if left else ("there are more" if page.next else "")
    blocks: list[Block] = [section("\n".join(lines[start : start + 8])) for start in range(0, len(lines), 8)]
    if more:
        blocks.append(context(f"{more}; `bursar {verb.name}` in a terminal shows all"))
    return message(f"{verb.name}: {len(page.items)} {'lines' if len(page.items) > 1 else 'line'}", blocks)


def _line(names: tuple[str, ...], item: Any) -> str:
    first, *others = [(name, shown(name, getattr(item, name))) for name in names]
    said = [f"{label(name)} {value}" for name, value in others if value != NOTHING]
    return f"*{first[1]}*" + (f" · {' · '.join(said)}" if said else "")


def _fields_of(verb: Verb, answer: Any) -> Message:
    pairs = list(_pairs(answer))[:_MOST_FIELDS]
    blocks: list[Block] = [field_block(pairs[start : start + 10]) for start in range(0, len(pairs), 10)]
    for field in fields(answer):
        value = getattr(answer, field.name)
        if _is_list(value):
            names = tuple(inner.name for inner in fields(value[0]))
            blocks += [section(f"*{label(field.name)}*\n" + "\n".join(_line(names, one) for one in value[:20]))]
    if verb.afterwards:
        blocks.append(context(safe_slack(verb.afterwards.replace("bursar ", "/bursar "))))
    said = ", ".join(f"{name} {value}" for name, value in pairs[:6])
    return message(f"{verb.name}: {said}", blocks)


def _pairs(answer: Any) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for field in fields(answer):
        value = getattr(answer, field.name)
        if _is_list(value):
            continue
        if is_dataclass(value) and not isinstance(value, _WORDED):
            found += [
                (f"{label(field.name)} {label(inner.name)}", shown(inner.name, getattr(value, inner.name)))
                for inner in fields(value)
            ]
        else:
            found.append((label(field.name), shown(field.name, value)))
    return [(name, value) for name, value in found if value != NOTHING]


def _is_list(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and is_dataclass(value[0]) and not isinstance(value[0], _WORDED)


def _done(answer: Done) -> Message:
    return message(answer.message, [section(f"✓ {safe_slack(answer.message)}")])


def _csv(answer: CsvText) -> Message:
    return message("CSV", [section(code(answer.csv)), context("`bursar ... --csv` in a terminal gives it whole")])


def _log(answer: LogText) -> Message:
    if not answer.text:
        words = "it ended without a word" if answer.ended else "nothing yet"
        return message(words, [section(words)])
    return message(f"log of {answer.id}", [section(code(answer.text))])


def _why(answer: WhyCard) -> Message:
    head = f"*{safe_slack(answer.name)}* ({answer.id}) is {answer.state.value.replace('_', ' ')}"
    if answer.position is not None:
        head += f", number {answer.position} in its queue"
    if answer.starts:
        head += "; it starts next"
    blocks: list[Block] = [section(head)]
    for one in answer.blockers[:20]:
        said = safe_slack(one.message)
        if one.shortage is not None:
            said += f": {safe_slack(one.shortage)}"
        if one.earliest_at is not None:
            said += f"; at the earliest {shown('earliest_at', one.earliest_at)}"
        blocks.append(section(f"• {said}"))
        if one.suggestion:
            blocks.append(context(safe_slack(one.suggestion)))
    reasons = "; ".join(one.message for one in answer.blockers)
    return message(f"{answer.name} is {answer.state.value}" + (f": {reasons}" if reasons else ""), blocks)


def _preview(answer: PreviewCard) -> Message:
    said = preview_words(answer)
    return message(said, [section(said)])


def preview_words(answer: PreviewCard) -> str:
    """Fit, start and price of a submission that was only tried."""
    if answer.starts_now:
        start = f"starts now on {safe_slack(answer.node or answer.cluster)}"
    elif answer.estimate_at is not None:
        start = f"waits; starts about {shown('estimate_at', answer.estimate_at)}"
    else:
        start = "waits; no start can be foreseen"
    words = [start, f"costs {shown('rate', answer.rate)} an hour"]
    if answer.hold.credits_ucr or answer.hold.gpu_ms:
        words.append(f"sets aside {shown('hold', answer.hold)}")
    if answer.needs_approval:
        words.append(f"needs an approval: {safe_slack(answer.needs_approval)}")
    if answer.victims:
        words.append(f"makes {len(answer.victims)} others stop for it")
    return " · ".join(words)


def _usage(answer: UsageCard) -> Message:
    lines = [
        f"*{safe_slack(one.what)}* · {shown('sum', Sum(one.credits_ucr, one.gpu_ms))}" for one in answer.items[:20]
    ]
    total = f"used in all: {shown('total', answer.total)}"
    return message(total, [section(total), *([section("\n".join(lines))] if lines else [])])


_SENTENCES: dict[type, Callable[[Any], Message]] = {
    CsvText: _csv,
    DeploymentCard: deployment_card,
    Done: _done,
    LogText: _log,
    PreviewCard: _preview,
    ReportCard: report,
    UsageCard: _usage,
    WalletCard: wallet,
    WhyCard: _why,
}
