"""Periods for which people ask what moved or was used.

Typed as days such as `2026-11-01` or as instants with their offset; a bare day, or an instant without an offset, is
meant in the organization's time zone. Inside, a period is half open and in microseconds of UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from core.domain.errors import Invalid
from core.domain.text import visible

FIRST_YEAR, LAST_YEAR = 1970, 2200
LONGEST_DAYS = 3_660

_DAY_US = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_TEXT = 40
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?"
_HOUR = slice(11, 13)
_FORM = re.compile(rf"{_DAY}([T ]{_TIME})?", re.ASCII)
_RIGHT = "a day such as 2026-11-01, or an instant such as 2026-11-01T09:00:00Z"


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` on, before `until`; an end that is not there is the ledger's beginning, or now."""

    since: int | None = None
    until: int | None = None

    def __str__(self) -> str:
        begin = "the beginning" if self.since is None else iso(self.since)
        return f"from {begin} to {'now' if self.until is None else iso(self.until)}"


def read_instant(text: str, name: str, zone: str) -> int:
    """The instant that a day (its midnight) or a point in time stands for."""
    if len(text) > _LONGEST_TEXT or not _FORM.fullmatch(text):
        raise Invalid("instant_malformed", f"{name}: {visible(text)} is not an instant", f"give {_RIGHT}")
    try:
        if text[_HOUR] == "24":
            raise ValueError  # from Python 3.14 on it would be the next midnight
        read = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("instant_impossible", f"{name}: there is no {visible(text)}", f"give {_RIGHT}") from None
    if not FIRST_YEAR <= read.year <= LAST_YEAR:
        raise Invalid(
            "instant_out_of_range",
            f"{name}: {visible(text)} is not between {FIRST_YEAR} and {LAST_YEAR}",
            f"give {_RIGHT}",
        )
    aware = read if read.tzinfo else read.replace(tzinfo=ZoneInfo(zone))
    return (aware - _EPOCH) // timedelta(microseconds=1)


def read_period(since: str | None, until: str | None, zone: str, now: int) -> Period:
    """The period between two texts, either of which may be left out."""
    begin = None if since is None else read_instant(since, "from", zone)
    end = None if until is None else read_instant(until, "to", zone)
    period = Period(begin, end)
    if begin is not None and begin > now:
        raise Invalid("period_in_future", f"from: {iso(begin)} has not come yet", f"it is {iso(now)}")
    if end is not None and end > now + _DAY_US:
        raise Invalid("period_in_future", f"to: {iso(end)} has not come yet", "leave it out to see all until now")
    if begin is not None and end is not None:
        if end <= begin:
            raise Invalid("period_backwards", f"to: the period {period} is empty", "let it end after it begins")
        if end - begin > LONGEST_DAYS * _DAY_US:
            raise Invalid("period_too_long", f"to: the period {period} is longer than ten years", "ask for less")
    return period


def iso(instant: int) -> str:
    """In UTC, for programs and for texts that everybody must read alike: `2026-11-20T05:42:02Z`."""
    return (_EPOCH + timedelta(microseconds=instant)).strftime("%Y-%m-%dT%H:%M:%SZ")
