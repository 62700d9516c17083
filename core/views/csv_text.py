"""Views as CSV for spreadsheets: RFC 4180, amounts as plain numbers, and no text that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal

from core.domain.flavors import GPU_HOUR_MS, UCR
from core.domain.periods import iso
from core.domain.text import safe_text
from core.views.money import CsvText, StatementCard, UsageCard
from core.views.reports import ReportCard

Cell = str | int | Decimal | None

_RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r")
_NINE_PLACES = Decimal("0.000000001")


def of_statement(card: StatementCard) -> CsvText:
    head = ("number", "at", "kind", "credits", "gpu_hours", "held_credits", "held_gpu_hours", "deployment", "reason")
    return _written(
        (*head, "actor"),
        (
            (
                line.number,
                iso(line.at),
                line.kind,
                _credits(line.credits_ucr),
                _hours(line.gpu_ms),
                _credits(line.held_credits_ucr),
                _hours(line.held_gpu_ms),
                line.deployment,
                line.reason,
                line.actor,
            )
            for line in card.items
        ),
    )


def of_usage(card: UsageCard) -> CsvText:
    rows = ((line.what, _credits(line.credits_ucr), _hours(line.gpu_ms), line.postings) for line in card.items)
    return _written((card.by, "credits", "gpu_hours", "postings"), rows)


def of_report(card: ReportCard) -> CsvText:
    """A row for each deployment; together they are the report's total."""
    rows = (
        (line.id, line.name, line.owner, _credits(line.credits_ucr), _hours(line.gpu_ms), line.postings)
        for line in card.deployments
    )
    return _written(("deployment", "name", "owner", "credits", "gpu_hours", "postings"), rows)


def _written(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> CsvText:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return CsvText(text.getvalue())


def _cell(cell: Cell) -> str:
    """Numbers are exact and stay numbers; text that looks like a formula is kept from being one."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        quoted = f"'{cell}" if cell.startswith(_RUN_BY_SPREADSHEETS) else cell
        return safe_text(quoted, lines=True)
    return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)


def _credits(ucr: int) -> Decimal:
    return _trimmed(Decimal(ucr) / UCR)


def _hours(gpu_ms: int) -> Decimal:
    """Nine places, from which every millisecond can be had back."""
    return _trimmed((Decimal(gpu_ms) / GPU_HOUR_MS).quantize(_NINE_PLACES))


def _trimmed(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal(1)) if amount == amount.to_integral_value() else amount.normalize()
