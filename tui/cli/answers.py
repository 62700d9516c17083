"""Answers for people: a list is a table, an object is a card, and a few answers are sentences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

from core.commands.verbs import Verb
from core.domain.text import safe_text
from core.views.background import CleanupReport, ReconcileReport
from core.views.foresight import BlockerLine, PreviewCard, WhyCard
from core.views.money import CsvText, LedgerVerdict, StatementCard, UsageCard, WalletCard
from core.views.operations import AuditVerdict, Diagnosis, Page
from core.views.people import Done, Imported, LoggedIn
from core.views.reports import ReportCard
from core.views.work import InstanceCard, LogText, NodeCard
from tui.cli import money_answers, report_answers, work_answers
from tui.cli.tables import card, listed, wrapped
from tui.format import NOTHING, has_wording, instant, label, shown


def for_people(verb: Verb, answer: object, width: int) -> str:
    sentences = _SENTENCES.get(type(answer))
    if sentences is not None:
        return sentences(answer, width)
    if isinstance(answer, Page):
        return _list(verb, answer, width)
    return _card(answer, width, verb.facts)


def _list(verb: Verb, page: Page[Any], width: int) -> str:
    if not page.items:
        return verb.nothing + "\n"
    names = verb.columns or tuple(field.name for field in fields(page.items[0]))
    text = listed(names, page.items, width)
    if page.next is not None and verb.continued_by:
        flag = verb.continued_by.replace("_", "-")
        text += f"more: the same with --{flag} {safe_text(page.next)}\n"
    return text


def _card(answer: Any, width: int, facts: tuple[str, ...] = ()) -> str:
    """Its fields line by line; a list of things within it stands below as a table of its own."""
    pairs, lists = [], []
    names = tuple(field.name for field in fields(answer))
    for name in facts if facts and {*facts} <= {*names} else names:
        value = getattr(answer, name)
        if _is_list_of_things(value):
            lists.append((name, value))
        elif _has_parts(value):
            pairs += [(f"{label(name)} {key}", text) for key, text in _parts(value)]
        else:
            pairs.append((label(name), shown(name, value)))
    text = card([(key, value) for key, value in pairs if value != NOTHING], width)
    return text + "".join(f"{label(name)}:\n{_things(items, width)}" for name, items in lists)


def _is_list_of_things(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and _has_parts(value[0])


def _has_parts(value: object) -> bool:
    """A view within a view that has no wording of its own."""
    return is_dataclass(value) and not has_wording(value)


def _parts(view: Any) -> list[tuple[str, str]]:
    return [(label(field.name), shown(field.name, getattr(view, field.name))) for field in fields(view)]


def _things(items: tuple[Any, ...], width: int) -> str:
    if isinstance(items[0], InstanceCard):
        return work_answers.instances(items, width)
    if isinstance(items[0], NodeCard):
        return work_answers.nodes(items, width)
    if isinstance(items[0], BlockerLine):
        return work_answers.blockers(items, width)
    names = tuple(field.name for field in fields(items[0]))
    used = [name for name in names if any(shown(name, getattr(item, name)) != NOTHING for item in items)]
    return listed(used, items, width)


def _done(answer: Done, _width: int) -> str:
    return safe_text(answer.message) + "\n"


def _logged_in(answer: LoggedIn, _width: int) -> str:
    return f"logged in as {safe_text(answer.name)} until {instant(answer.expires_at)}\n"


def _imported(answer: Imported, width: int) -> str:
    lines = [f"{answer.added} accounts added, {len(answer.skipped)} lines skipped"]
    for line in answer.skipped:
        lines += wrapped("  ", safe_text(line), width)
    return "\n".join(lines) + "\n"


def _verdict(answer: AuditVerdict, width: int) -> str:
    word = "the chain holds" if answer.holds else f"THE CHAIN IS BROKEN at {answer.broken_at}"
    return (
        "\n".join([*wrapped("", f"{word}: {safe_text(answer.message)}", width), f"head {safe_text(answer.head)}"])
        + "\n"
    )


def _diagnosis(answer: Diagnosis, width: int) -> str:
    lines: list[str] = []
    for finding in answer.findings:
        lines += wrapped(f"{finding.verdict.value:4}  ", safe_text(f"{finding.check}: {finding.message}"), width)
        if finding.repair:
            lines += wrapped("      ", f"mend it: {safe_text(finding.repair)}", width)
    return "\n".join([*lines, f"all in all: {answer.verdict.value}"]) + "\n"


_SENTENCES: dict[type, Callable[[Any, int], str]] = {
    Done: _done,
    LoggedIn: _logged_in,
    Imported: _imported,
    AuditVerdict: _verdict,
    Diagnosis: _diagnosis,
    CsvText: money_answers.csv,
    LedgerVerdict: money_answers.verdict,
    StatementCard: money_answers.statement,
    UsageCard: money_answers.usage,
    ReportCard: report_answers.report,
    WalletCard: money_answers.wallet,
    WhyCard: work_answers.why,
    PreviewCard: work_answers.preview,
    LogText: work_answers.log,
    ReconcileReport: work_answers.reconciled,
    CleanupReport: work_answers.cleaned,
}
