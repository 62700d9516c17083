from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.errors import Exhausted, Invalid
from core.domain.quota import (
    AT_ONCE,
    LIMIT_KINDS,
    OF_USE,
    Level,
    Limit,
    LimitUse,
    Measure,
    parse_limit,
    refuse_beyond,
    shortfalls,
    show,
    waits_for,
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


def test_more_than_is_left_is_refused_with_the_numbers() -> None:
    error = refusal(refuse_beyond, [gpu_hours(Level.MEMBER, 10, 0.5)], {Measure.GPU_HOURS: 12 * HOUR})
    assert isinstance(error, Exhausted)
    assert (error.code, error.message) == (
        "limit_reached",
        "needs 12.0 GPU-hours, 9.5 GPU-hours left of the member's limit of 10.0 GPU-hours",
    )
    assert error.hint == "ask for 2.5 GPU-hours less, or have the limit raised"
    assert (error.fields["need"], error.fields["left"]) == (12 * HOUR, round(9.5 * HOUR))


def test_exactly_what_is_left_is_allowed_and_a_millisecond_more_is_not() -> None:
    uses = [gpu_hours(Level.MEMBER, 10, 0.5)]
    refuse_beyond(uses, {Measure.GPU_HOURS: round(9.5 * HOUR)})
    refusal(refuse_beyond, uses, {Measure.GPU_HOURS: round(9.5 * HOUR) + 1})


def test_the_tightest_limit_is_named_in_whatever_order_they_come() -> None:
    uses = [gpu_hours(Level.MEMBER, 10, 2), gpu_hours(Level.ORG, 100, 97), gpu_hours(Level.CLUSTER, 50, 45)]
    for order in permutations(uses):
        error = refusal(refuse_beyond, order, {Measure.GPU_HOURS: 9 * HOUR})
        assert error.message == "needs 9.0 GPU-hours, 3.0 GPU-hours left of the org's limit of 100.0 GPU-hours"
        assert len(error.fields["limits"]) == 3  # type: ignore[arg-type]


def test_of_two_measures_the_one_that_lets_less_of_the_need_through_is_named() -> None:
    uses = [gpu_hours(Level.MEMBER, 10, 5), LimitUse(Limit(Level.MEMBER, Measure.CREDITS, 100_000_000), 99_000_000)]
    error = refusal(refuse_beyond, uses, {Measure.GPU_HOURS: 6 * HOUR, Measure.CREDITS: 30_000_000})
    assert error.message == "needs 30.0 credits, 1.0 credits left of the member's limit of 100.0 credits"


def test_all_limits_must_pass() -> None:
    passing = [gpu_hours(level, 10, 0) for level in Level]
    refuse_beyond(passing, {Measure.GPU_HOURS: 10 * HOUR})
    for level in Level:
        uses = [use for use in passing if use.limit.level is not level] + [gpu_hours(level, 9, 0)]
        assert refusal(refuse_beyond, uses, {Measure.GPU_HOURS: 10 * HOUR}).fields["level"] == level.value


def test_a_lowered_limit_leaves_less_than_nothing_but_refuses_only_who_needs_some() -> None:
    uses = [gpu_hours(Level.MEMBER, 1, 5)]
    assert uses[0].left == -4 * HOUR
    refuse_beyond(uses, {Measure.GPU_HOURS: 0})
    refuse_beyond(uses, {Measure.CREDITS: 5})
    assert "0.0 GPU-hours left" in refusal(refuse_beyond, uses, {Measure.GPU_HOURS: 1}).message


def test_limits_on_what_runs_at_once_make_wait_and_never_refuse() -> None:
    uses = [
        LimitUse(Limit(Level.MEMBER, Measure.GPUS, 4000), 3000),
        LimitUse(Limit(Level.ORG, Measure.GPUS, 8000), 3000),
        LimitUse(Limit(Level.ORG, Measure.DEPLOYMENTS, 10), 10),
    ]
    need = {Measure.GPUS: 2000, Measure.DEPLOYMENTS: 1}
    refuse_beyond(uses, need)
    waiting = waits_for(uses, need)
    assert [str(one) for one in waiting] == [
        "needs 1 deployments, 0 deployments left of the org's limit of 10 deployments",
        "needs 2 GPUs, 1 GPUs left of the member's limit of 4 GPUs",
    ]
    assert [(one.missing, one.is_for_ever) for one in waiting] == [(1, False), (1000, False)]
    assert waits_for(uses, {Measure.GPUS: 1000}) == ()


def test_a_need_beyond_the_whole_limit_would_wait_for_ever() -> None:
    (short,) = waits_for([LimitUse(Limit(Level.MEMBER, Measure.GPUS, 4000), 0)], {Measure.GPUS: 8000})
    assert short.is_for_ever


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
