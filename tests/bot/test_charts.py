"""A report in words and as a picture: its parts add up, names are no formulas, and a lone day is not drawn."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import charts
from bot.blocks import report
from core.domain.flavors import GPU_HOUR_MS, UCR
from core.domain.resources import format_duration
from core.views.money import Sum, UsageLine
from core.views.reports import DayUse, ReportCard, Waits, by_day, change, period_before, share
from tests.bot.rules import everything_said
from tests.bot.test_blocks import a_report

_DRAWS = pytest.mark.skipif(not charts.can_draw(), reason="the extra charts is not installed here")
_AMOUNTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=8)


def used_by(*days: list[int], gpus: bool = True) -> ReportCard:
    """Of each day what the people u0, u1 ... used; as GPU time or as credits."""
    people = [
        tuple(
            UsageLine(f"u{number}", 0 if gpus else amount, amount if gpus else 0, 1)
            for number, amount in enumerate(day)
        )
        for day in days
    ]
    told = tuple(
        DayUse(f"2026-01-{1 + place:02}", sum(u.credits_ucr for u in day), sum(u.gpu_ms for u in day), day)
        for place, day in enumerate(people)
    )
    names = sorted({one.what for day in people for one in day})
    users = tuple(
        UsageLine(
            name,
            sum(one.credits_ucr for day in people for one in day if one.what == name),
            sum(one.gpu_ms for day in people for one in day if one.what == name),
            1,
        )
        for name in names
    )
    total = Sum(sum(one.credits_ucr for one in told), sum(one.gpu_ms for one in told))
    return replace(a_report(), days=told, users=users, total=total, before=Sum())


@given(st.lists(_AMOUNTS, min_size=1, max_size=7), st.booleans())
@settings(max_examples=100, deadline=None)
def test_the_parts_of_a_bar_add_up_to_its_day(days: list[list[int]], gpus: bool) -> None:
    card = used_by(*days, gpus=gpus)
    for place, day in enumerate(card.days):
        whole = day.gpu_ms / GPU_HOUR_MS if card.uses_gpus else day.credits_ucr / UCR
        assert sum(amounts[place] for _, amounts in charts.parts(card)) == pytest.approx(whole)


def test_who_used_little_is_one_of_the_others() -> None:
    names = [name for name, _ in charts.parts(used_by([10] * 7))]
    assert names == ["u0", "u1", "u2", "u3", "u4", "others"]
    assert [name for name, _ in charts.parts(used_by([10] * 3))] == ["u0", "u1", "u2"]


@_DRAWS
@pytest.mark.parametrize("days", [[[0], [0]], [[5], [9], [0]], [[3] * 8] * 31], ids=["nothing", "three", "a month"])
def test_every_period_can_be_drawn(days: list[list[int]]) -> None:
    card = used_by(*days)
    assert charts.png(card).startswith(b"\x89PNG")
    hostile = replace(card, users=(UsageLine(r"$\frac{", 1, 1, 1), *card.users))
    assert charts.png(hostile).startswith(b"\x89PNG")


def test_a_lone_day_is_neither_drawn_nor_set_in_a_row() -> None:
    card = used_by([5, 4])
    assert not charts.worth_drawing(card) and by_day(card) == ""
    assert charts.worth_drawing(used_by([5], [4]))


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "the day before"),
        (7, "the week before"),
        (28, "the month before"),
        (31, "the month before"),
        (3, "the 3 days before"),
    ],
)
def test_a_report_says_what_it_is_compared_with(count: int, words: str) -> None:
    card = used_by(*([[7_200_000]] * count))
    assert period_before(card) == words and change(card) == f"nothing {words}"


def test_a_share_is_of_the_book_that_the_report_speaks_of() -> None:
    card = used_by([30, 10])
    assert [share(card, one) for one in card.users] == [75, 25]
    assert share(used_by([0]), UsageLine("u0", 5, 5, 1)) == 0


def test_a_day_of_nothing_is_not_a_day_of_little() -> None:
    used = tuple(DayUse(f"2026-01-0{1 + day}", 0, gpu_ms) for day, gpu_ms in enumerate((0, 1, 8, 0)))
    assert "Thu ·  Fri ▁  Sat █  Sun ·" in everything_said(report.report(replace(a_report(), days=used)).blocks)


def test_a_report_counts_one_and_several_as_people_do() -> None:
    card = replace(a_report(), waits=Waits(1, 90_000, 90_000), unposted_runs=2)
    shown = everything_said(report.report(card).blocks)
    assert f"1 started, after {format_duration(90_000)}" in shown and "2 runs are not yet metered" in shown


@pytest.mark.parametrize(("until", "said"), [("2026-12-31", "31 Dec"), ("2027-02-01", "1 Feb 2027")])
def test_a_report_names_the_year_where_it_is_another(until: str, said: str) -> None:
    message = report.report(replace(a_report(), lasts_until_day=until))
    assert f"which lasts until about {said};" in message.text
