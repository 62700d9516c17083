"""When a report is due and which days it speaks of: clock times in a zone, and half-open periods of whole days.

A time that the clock skips in spring is due as much later as it skips; one that it shows twice in autumn, at the first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from itertools import count
from zoneinfo import ZoneInfo, available_timezones

from core.domain.errors import Invalid
from core.domain.names import did_you_mean
from core.domain.periods import Period, read_period
from core.domain.text import visible

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LAST_DAY = 28  # every month has one
DEFAULT_DAY = 2  # a day after the month's end, when all of it is posted
_DEFAULT_MINUTE = 9 * 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])", re.ASCII)
_FORMS = "daily 09:00, weekly mon 09:00 or monthly 2 09:00, and a zone such as Europe/Berlin"


class Cadence(StrEnum):
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


_LAST: dict[str, Cadence] = {"day": Cadence.DAILY, "week": Cadence.WEEKLY, "month": Cadence.MONTHLY}
_THIS = {"today": Cadence.DAILY, "this-week": Cadence.WEEKLY, "this-month": Cadence.MONTHLY}


@dataclass(frozen=True, slots=True)
class When:
    """`day` is a weekday from 0 for Monday, or a day of the month; daily has none that counts."""

    cadence: Cadence
    day: int
    minute: int
    zone: str

    def __str__(self) -> str:
        day = {
            Cadence.DAILY: "",
            Cadence.WEEKLY: f" {WEEKDAYS[self.day % 7]}",
            Cadence.MONTHLY: f" {self.day}",
        }[self.cadence]
        return f"{self.cadence.value}{day} {self.minute // 60:02}:{self.minute % 60:02} {self.zone}"

    def falls_on(self, day: date) -> bool:
        if self.cadence is Cadence.WEEKLY:
            return day.weekday() == self.day
        return self.cadence is Cadence.DAILY or day.day == self.day


def read_when(text: str, zone: str) -> When:
    """`weekly mon 09:00 Europe/Berlin`; the day, the time and the zone may be left out."""
    cadence_word, *rest = text.split() or [""]
    try:
        cadence = Cadence(cadence_word.lower())
    except ValueError:
        wrong = f"when: there is no {visible(cadence_word)}"
        raise Invalid("when_malformed", wrong, f"give {_FORMS}") from None
    day = DEFAULT_DAY if cadence is Cadence.MONTHLY else 0
    if rest and cadence is not Cadence.DAILY and not _is_zone_or_time(rest[0]):
        day = _day(cadence, rest.pop(0))
    minute = _minute(rest.pop(0)) if rest and rest[0][:1].isdigit() else _DEFAULT_MINUTE
    if rest:
        zone = check_zone(rest.pop(0))
    if rest:
        raise Invalid("when_malformed", f"when: {visible(rest[0])} is one word too many", f"give {_FORMS}")
    return When(cadence, day, minute, zone)


def check_zone(text: str, name: str = "zone") -> str:
    """A zone of the tz database by the name of a place; names such as EST5EDT say no rule that people expect."""
    known = {zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "SystemV/"))}
    if text == "UTC" or text in known:
        return text
    folded = {zone.lower(): zone for zone in known}
    if text.lower() in folded:
        return folded[text.lower()]
    near = [folded[one] for one in get_close_matches(text.lower()[:64], sorted(folded), n=3, cutoff=0.4)]
    right = f"did you mean {' or '.join(near)}?" if near else "give a zone such as Europe/Berlin"
    raise Invalid("zone_unknown", f"{name}: {visible(text)} is no time zone", right)


def next_due(when: When, after: int) -> int:
    """The first instant behind `after` at which it is due."""
    zone = ZoneInfo(when.zone)
    first = _local_day(after, when.zone) - timedelta(days=1)
    for offset in count():
        day = first + timedelta(days=offset)
        if when.falls_on(day):
            local = datetime(day.year, day.month, day.day, when.minute // 60, when.minute % 60, tzinfo=zone)
            if (due := _instant(local)) > after:
                return due
    raise AssertionError("a calendar does not end")


def next_dues(when: When, after: int, most: int) -> tuple[int, ...]:
    dues: list[int] = []
    while len(dues) < most:
        dues.append(next_due(when, dues[-1] if dues else after))
    return tuple(dues)


def period_before(cadence: Cadence, instant: int, zone: str) -> Period:
    """The last whole day, seven days or calendar month that ended at a midnight not after the instant."""
    today = _local_day(instant, zone)
    if cadence is Cadence.MONTHLY:
        until = today.replace(day=1)
        since = (until - timedelta(days=1)).replace(day=1)
    else:
        until = today
        since = until - timedelta(days=1 if cadence is Cadence.DAILY else 7)
    return Period(midnight(since, zone), midnight(until, zone))


def period_around(cadence: Cadence, instant: int, zone: str) -> Period:
    """The day, the week from Monday on, or the calendar month in which the instant lies."""
    today = _local_day(instant, zone)
    if cadence is Cadence.MONTHLY:
        since = today.replace(day=1)
        until = (since + timedelta(days=31)).replace(day=1)
    elif cadence is Cadence.WEEKLY:
        since = today - timedelta(days=today.weekday())
        until = since + timedelta(days=7)
    else:
        since, until = today, today + timedelta(days=1)
    return Period(midnight(since, zone), midnight(until, zone))


def period_preceding(period: Period, zone: str) -> Period:
    """As many days before it, or for a calendar month the month before: what a change is measured against."""
    assert period.since is not None and period.until is not None, "a report's period has both ends"
    since, until = _local_day(period.since, zone), _local_day(period.until, zone)
    if since.day == 1 and until.day == 1 and (until - since).days in range(28, 32):
        return Period(midnight((since - timedelta(days=1)).replace(day=1), zone), period.since)
    return Period(midnight(since - max(until - since, timedelta(days=1)), zone), period.since)


def read_report_period(text: str | None, zone: str, now: int) -> Period:
    """`day`, `week` or `month` for the last whole one, `today`, `this-week` or `this-month` for the one that goes on,
    `2026-11`, `2026-11-09`, or `2026-11-09..2026-11-16`."""
    word = (text or "week").strip().lower()
    if word in _LAST:
        return period_before(_LAST[word], now, zone)
    if word in _THIS:
        return period_around(_THIS[word], now, zone)
    month = _MONTH.fullmatch(word)
    if month:
        first = date(int(month[1]), int(month[2]), 1)
        begin, end = first.isoformat(), (first + timedelta(days=31)).replace(day=1).isoformat()
    elif ".." in word:
        begin, _, end = word.partition("..")
    elif re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", word):
        begin = word
        checked = read_period(begin, None, zone, now)
        assert checked.since is not None
        end = (_local_day(checked.since, zone) + timedelta(days=1)).isoformat()
    else:
        right = "day, week, month, today, this-week, this-month, 2026-11, 2026-11-09 or 2026-11-09..2026-11-16"
        raise Invalid("period_malformed", f"period: {visible(text)} is none", f"give {right}")
    period = read_period(begin, end, zone, now + 31 * 86_400_000_000)
    assert period.since is not None
    if period.since > now:
        raise Invalid("period_in_future", f"period: {visible(text)} has not begun", "ask for one that has")
    return period


def days_of(period: Period, zone: str) -> tuple[Period, ...]:
    """Its local days, of which one may have 23 or 25 hours; the first and the last only as far as they belong to it."""
    assert period.since is not None and period.until is not None, "a report's period has both ends"
    days = []
    begin = period.since
    while begin < period.until:
        end = min(midnight(_local_day(begin, zone) + timedelta(days=1), zone), period.until)
        days.append(Period(begin, end))
        begin = end
    return tuple(days)


def local_date(instant: int, zone: str) -> str:
    return _local_day(instant, zone).isoformat()


def midnight(day: date, zone: str) -> int:
    return _instant(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)))


def _instant(local: datetime) -> int:
    return (local - _EPOCH) // timedelta(microseconds=1)


def _local_day(instant: int, zone: str) -> date:
    return (_EPOCH + timedelta(microseconds=instant)).astimezone(ZoneInfo(zone)).date()


def _is_zone_or_time(word: str) -> bool:
    return ":" in word or "/" in word or word == "UTC"


def _day(cadence: Cadence, word: str) -> int:
    if cadence is Cadence.WEEKLY:
        short = word.lower()[:3]
        if short not in WEEKDAYS:
            raise Invalid("when_malformed", f"when: there is no day {visible(word)}", did_you_mean(word, WEEKDAYS))
        return WEEKDAYS.index(short)
    if not (word.isascii() and word.isdigit() and 1 <= int(word[:4]) <= LAST_DAY):
        raise Invalid("when_malformed", f"when: {visible(word)} is no day of every month", f"give 1 to {LAST_DAY}")
    return int(word)


def _minute(word: str) -> int:
    found = _TIME.fullmatch(word)
    if not found:
        raise Invalid("when_malformed", f"when: {visible(word)} is no time of a day", "give one such as 09:00")
    return int(found[1]) * 60 + int(found[2])
