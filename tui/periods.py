"""The period behind or before another, as a report is asked for it. Pure."""

from __future__ import annotations

from datetime import date, timedelta

from core.views.reports import ReportCard


def beside(card: ReportCard, by: int) -> str:
    """A calendar month leads to the next month; any other number of days to as many days."""
    first, end = date.fromisoformat(card.first_day), date.fromisoformat(card.last_day) + timedelta(days=1)
    if _is_month(first, end):
        months = first.year * 12 + first.month - 1 + by
        return f"{months // 12}-{months % 12 + 1:02}"
    length = (end - first) * by
    return _named(first + length, end + length)


def asked_as(card: ReportCard) -> str:
    """What was asked for as "today" or "week", by its days, which mean the same tomorrow."""
    first, end = date.fromisoformat(card.first_day), date.fromisoformat(card.last_day) + timedelta(days=1)
    return f"{first:%Y-%m}" if _is_month(first, end) else _named(first, end)


def _named(first: date, end: date) -> str:
    one_day = end - first == timedelta(days=1)
    return first.isoformat() if one_day else f"{first.isoformat()}..{end.isoformat()}"


def _is_month(first: date, end: date) -> bool:
    return first.day == 1 and end == (first + timedelta(days=31)).replace(day=1)
