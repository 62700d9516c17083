"""Periods: what people type to half-open stretches of time, and each text that can mean none refused by name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from core.domain.periods import Period, iso, read_instant, read_period
from tests.domain.refusal import refusal, table

DAY = 86_400_000_000
NOW = 20_454 * DAY  # 2026-01-01 in UTC


@table(
    ("text", "zone", "utc"),
    [
        ("a day is its midnight", "2025-11-01", "UTC", "2025-11-01T00:00:00Z"),
        ("in the organization's zone", "2025-11-01", "Europe/Berlin", "2025-10-31T23:00:00Z"),
        ("an instant without offset too", "2025-11-01T09:30", "Asia/Tokyo", "2025-11-01T00:30:00Z"),
        ("an offset counts wherever one is", "2025-11-01T09:30:00+02:00", "Asia/Tokyo", "2025-11-01T07:30:00Z"),
        ("Z is UTC", "2025-11-01 09:30:00Z", "Asia/Tokyo", "2025-11-01T09:30:00Z"),
        ("a day that is an hour shorter", "2025-03-30", "Europe/Berlin", "2025-03-29T23:00:00Z"),
        ("a leap day", "2024-02-29", "UTC", "2024-02-29T00:00:00Z"),
    ],
)
def test_a_text_stands_for_one_instant(text: str, zone: str, utc: str) -> None:
    assert iso(read_instant(text, "from", zone)) == utc


@table(
    ("text", "code"),
    [
        ("B42 a day that is not there", "2026-02-30", "instant_impossible"),
        ("B42 another calendar's leap day", "2025-02-29", "instant_impossible"),
        ("B62 an offset of more than a day", "2026-01-01T00:00:00+25:00", "instant_impossible"),
        ("B62 the year 0", "0000-01-01", "instant_impossible"),
        ("B62 the year 9999", "9999-12-31", "instant_out_of_range"),
        ("before there was a clock", "1969-12-31", "instant_out_of_range"),
        ("hour 24", "2026-01-01T24:00", "instant_impossible"),
        ("a word", "today", "instant_malformed"),
        ("nothing", "", "instant_malformed"),
        ("another order", "01.02.2026", "instant_malformed"),
        ("digits that only look so", "２０２６-01-01", "instant_malformed"),
        ("a week", "2026-W01", "instant_malformed"),
        ("no dashes", "20260101", "instant_malformed"),
        ("a million signs", "2" * 1_000_000, "instant_malformed"),
        ("a named zone", "2026-01-01T00:00:00 CET", "instant_malformed"),
    ],
)
def test_what_is_no_instant_is_refused(text: str, code: str) -> None:
    error = refusal(read_instant, text, "from", "UTC")
    assert error.code == code
    assert error.message.startswith("from: ")
    assert "2026-11-01" in (error.hint or "")


@table(
    ("since", "until", "code"),
    [
        ("B42 the end before the begin", "2025-12-02", "2025-12-01", "period_backwards"),
        ("B42 nothing between", "2025-12-01", "2025-12-01", "period_backwards"),
        ("B42 a hundred years", "1970-01-01", "2025-12-31", "period_too_long"),
        ("B42 it begins tomorrow", "2026-01-02", None, "period_in_future"),
        ("B42 it ends next week", None, "2026-01-08", "period_in_future"),
    ],
)
def test_what_is_no_period_is_refused(since: str | None, until: str | None, code: str) -> None:
    assert refusal(read_period, since, until, "UTC", NOW).code == code


def test_either_end_may_be_left_out_and_the_end_of_today_may_be_said() -> None:
    assert read_period(None, None, "UTC", NOW) == Period()
    assert read_period("2025-12-01", None, "UTC", NOW) == Period(NOW - 31 * DAY, None)
    assert read_period(None, "2026-01-02", "UTC", NOW + 1) == Period(None, NOW + DAY)
    assert str(Period(NOW, None)) == "from 2026-01-01T00:00:00Z to now"


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2200, 12, 30), timezones=st.sampled_from([UTC, ZoneInfo("Asia/Tokyo")]))  # noqa: DTZ001 - hypothesis adds the zone
)
def test_E26_every_instant_is_read_back_as_it_was(instant: datetime) -> None:
    micro = (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert read_instant(instant.isoformat(), "from", "UTC") == micro
