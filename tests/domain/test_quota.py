from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.errors import Invalid
from core.domain.quota import (
    AT_ONCE,
    LIMIT_KINDS,
    OF_USE,
    Level,
    Limit,
    LimitUse,
    Measure,
    parse_limit,
    shortfalls,
    show,
)
from tests.domain.refusal import refusal, table

HOUR = 3_600_000


def gpu_hours(level: Level, most: float, used: float) -> LimitUse:
    return LimitUse(Limit(level, Measure.GPU_HOURS, round(most * HOUR)), round(used * HOUR))


def test_there_are_eleven_kinds_of_limit() -> None:
    assert len(LIMIT_KINDS) == 3 * 2 + 2 * 3
    for measure in AT_ONCE:
        assert (Level.CLUSTER, measure) not in LIMIT_KINDS


def test_a_limit_that_does_not_exist_is_refused_with_those_that_do() -> None:
    error = refusal(Limit, Level.CLUSTER, Measure.GPUS, 8)
    assert (error.code, error.message) == ("unknown_limit", "limit: a cluster has no limit on gpus")
    assert error.hint == "limits of a cluster: gpu_hours, credits"
    assert refusal(Limit, Level.ORG, Measure.GPUS, -1).code == "negative_limit"


def test_exactly_what_is_left_is_allowed_and_a_millisecond_more_is_not() -> None:
    uses = [gpu_hours(Level.MEMBER, 10, 0.5)]
    left = round(9.5 * HOUR)
    assert shortfalls(uses, {Measure.GPU_HOURS: left}, OF_USE) == ()
    (short,) = shortfalls(uses, {Measure.GPU_HOURS: left + 1}, OF_USE)
    assert (short.level, short.need, short.left, short.most) == (Level.MEMBER, left + 1, left, 10 * HOUR)


def test_the_tightest_limit_comes_first_in_whatever_order_they_come() -> None:
    uses = [gpu_hours(Level.MEMBER, 10, 2), gpu_hours(Level.ORG, 100, 97), gpu_hours(Level.CLUSTER, 50, 45)]
    for order in permutations(uses):
        found = shortfalls(order, {Measure.GPU_HOURS: 9 * HOUR}, OF_USE)
        assert [short.level for short in found] == [Level.ORG, Level.CLUSTER, Level.MEMBER]


def test_of_two_measures_the_one_that_lets_less_of_the_need_through_comes_first() -> None:
    uses = [gpu_hours(Level.MEMBER, 10, 5), LimitUse(Limit(Level.MEMBER, Measure.CREDITS, 100_000_000), 99_000_000)]
    found = shortfalls(uses, {Measure.GPU_HOURS: 6 * HOUR, Measure.CREDITS: 30_000_000}, OF_USE)
    assert [short.measure for short in found] == [Measure.CREDITS, Measure.GPU_HOURS]


def test_a_lowered_limit_leaves_less_than_nothing_but_stops_only_who_needs_some() -> None:
    uses = [gpu_hours(Level.MEMBER, 1, 5)]
    assert uses[0].left == -4 * HOUR
    assert shortfalls(uses, {Measure.GPU_HOURS: 0, Measure.CREDITS: 5}, OF_USE) == ()
    assert shortfalls(uses, {Measure.GPU_HOURS: 1}, OF_USE)[0].left == -4 * HOUR


@table(
    ("measure", "text", "amount"),
    [
        ("GPU-hours", Measure.GPU_HOURS, "10", 10 * HOUR),
        ("credits", Measure.CREDITS, "0.5", 500_000),
        ("GPUs", Measure.GPUS, "0.5", 500),
        ("CPUs", Measure.CPUS, "64", 64_000),
        ("deployments", Measure.DEPLOYMENTS, "20", 20),
    ],
)
def test_limits_are_read_in_the_unit_of_their_measure(measure: Measure, text: str, amount: int) -> None:
    assert parse_limit(measure, text) == amount
    assert parse_limit(measure, "0") == 0
    assert text in show(measure, amount)


@pytest.mark.parametrize("measure", Measure)
@pytest.mark.parametrize("text", ["-1", "NaN", "", "1,5", "1e9", "x", "１"])
def test_B41_limits_that_are_refused(measure: Measure, text: str) -> None:
    error = refusal(parse_limit, measure, text)
    assert isinstance(error, Invalid)
    assert error.message.startswith(f"{measure}: ")


USES = st.lists(
    st.builds(
        lambda kind, most, used: LimitUse(Limit(*kind, most), used),
        st.sampled_from(sorted(LIMIT_KINDS)),
        st.integers(0, 100),
        st.integers(0, 150),
    ),
    max_size=8,
)
NEEDS = st.dictionaries(st.sampled_from(Measure), st.integers(0, 120))


@settings(max_examples=200, deadline=None)
@given(USES, NEEDS)
def test_a_need_passes_exactly_when_it_fits_under_every_limit(uses: list[LimitUse], need: dict[Measure, int]) -> None:
    fits = all(
        need.get(use.limit.measure, 0) == 0 or use.used + need[use.limit.measure] <= use.limit.most for use in uses
    )
    found = shortfalls(uses, need, Measure)
    assert (not found) == fits
    assert set(shortfalls(uses, need, OF_USE)) | set(shortfalls(uses, need, AT_ONCE)) == set(found)
    parts = [one.left / one.need for one in found]
    assert parts == sorted(parts)
