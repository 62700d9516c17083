"""Answers about money for people: a wallet's two books side by side, statements and use under what they add up to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from core.domain.text import safe_text
from core.views.money import CsvText, LedgerVerdict, StatementCard, UsageCard, WalletCard
from tui.cli.tables import Column, card, listed, table
from tui.format import NOTHING, label, shown


def wallet(answer: WalletCard, width: int) -> str:
    """A row for each book; the columns are the same, only their unit differs."""
    books = (("credits", answer.credits), ("gpu-hours", answer.gpu_hours))
    rows = [[name, *(shown(field.name, getattr(book, field.name)) for field in fields(book))] for name, book in books]
    heads = ["", *(label(field.name.removesuffix("_ucr")) for field in fields(answer.credits))]
    columns = [Column(head, right=place > 0, firm=True) for place, head in enumerate(heads)]
    lasts = f"lasts {shown('runway_ms', answer.runway_ms)} at this pace\n" if answer.runway_ms is not None else ""
    return f"{safe_text(answer.owner)} in {safe_text(answer.org)}\n{table(columns, rows, width)}{lasts}"


def statement(answer: StatementCard, width: int) -> str:
    names = ("number", "at", "credits_ucr", "gpu_ms", "deployment", "what")
    head = card(
        [
            ("account", f"{safe_text(answer.owner)} in {safe_text(answer.org)}"),
            ("period", _period(answer)),
            ("before", shown("opening", answer.opening)),
            ("after", shown("closing", answer.closing)),
        ],
        width,
    )
    return head + _below(answer.items, names, width, "nothing moved")


def usage(answer: UsageCard, width: int) -> str:
    head = card([("period", _period(answer)), ("in all", shown("total", answer.total))], width)
    nothing = "nothing was charged"
    if answer.until is None:
        nothing += "; what runs is charged as it changes, or every six hours"
    return head + _below(answer.items, ("what", "credits_ucr", "gpu_ms", "postings"), width, nothing)


def verdict(answer: LedgerVerdict, width: int) -> str:
    word = "the ledger holds" if answer.holds else "THE LEDGER DOES NOT HOLD"
    lines = [f"{word}: {answer.postings} postings until {shown('at', answer.at)}"]
    lines += [f"  {safe_text(finding)}" for finding in answer.findings]
    names = ("account", "credits_ucr", "gpu_ms", "held_credits_ucr", "held_gpu_ms")
    return "\n".join(lines) + "\n" + _below(answer.items, names, width, "no accounts")


def csv(answer: CsvText, _width: int) -> str:
    return answer.csv


def _below(items: Sequence[object], names: Sequence[str], width: int, nothing: str) -> str:
    """What is nothing for all of them takes no column."""
    if not items:
        return f"{nothing}\n"
    used = [name for name in names if any(shown(name, getattr(item, name)) != NOTHING for item in items)]
    return listed(used, items, width)


def _period(answer: StatementCard | UsageCard) -> str:
    begin = "the beginning" if answer.since is None else shown("since", answer.since)
    return f"from {begin} to {'now' if answer.until is None else shown('until', answer.until)}"
