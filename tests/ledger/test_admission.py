"""What a submission must find, and how a shortfall is told."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.errors import Exhausted
from core.domain.flavors import RunRate
from core.domain.quota import Level, Limit, LimitUse, Measure
from core.ledger.admission import authorize, hold_to_restore, job_hold, lacking, next_hour, suffices
from core.ledger.amounts import NOTHING, Amounts
from core.ledger.meter import due, hourly
from tests.ledger.scenery import ONE_GPU, T0, amounts, line


def test_a_job_holds_its_hours_times_its_gpus_and_its_hours_times_its_rate() -> None:
    assert job_hold(ONE_GPU, 2 * 3_600_000) == amounts(11.44, 2)
    assert job_hold(RunRate(0, gpu_milli=500), 12 * 3_600_000) == amounts(0, 6)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 8000), st.integers(36_000, 10**9))
def test_a_hold_is_to_the_unit_what_the_meter_charges_for_all_the_time(ucr: int, gpu_milli: int, ms: int) -> None:
    rate = RunRate(ucr, gpu_milli=gpu_milli)
    assert job_hold(rate, ms) == due(line(rate=rate), T0 + ms * 1000)


_SMALL = st.integers(-3, 3)


@given(_SMALL, _SMALL, _SMALL, _SMALL)
def test_what_suffices_lacks_nothing(ucr: int, gpu_ms: int, left_ucr: int, left_gpu_ms: int) -> None:
    need, available = Amounts(ucr, gpu_ms), Amounts(left_ucr, left_gpu_ms)
    assert suffices(need, available) == (not lacking(need, available))


def test_a_service_needs_one_more_hour_of_everything_that_burns_itself_included() -> None:
    assert next_hour(ONE_GPU, []) == amounts(5.72, 1)
    assert next_hour(ONE_GPU, [hourly(ONE_GPU), Amounts(1, 0)]) == amounts(11.44, 2) + Amounts(1, 0)


def test_a_job_that_starts_over_sets_aside_what_it_used_as_far_as_the_balance_reaches() -> None:
    assert hold_to_restore(amounts(10, 2), amounts(4, 2), amounts(100, 10)) == amounts(6)
    assert hold_to_restore(amounts(10, 2), amounts(4, 0), amounts(3, 10)) == amounts(3, 2)
    assert hold_to_restore(amounts(10), amounts(4), amounts(-1)) == NOTHING
    assert hold_to_restore(amounts(10), amounts(12), amounts(100)) == NOTHING


def test_equality_is_allowed_and_one_unit_more_is_not() -> None:
    authorize(amounts(100, 10), amounts(100, 10))
    with pytest.raises(Exhausted):
        authorize(amounts(100, 10) + Amounts(0, 1), amounts(100, 10))


def test_a_shortfall_names_need_have_missing_and_what_would_help() -> None:
    with pytest.raises(Exhausted) as caught:
        authorize(amounts(60, 12), amounts(100, 9.5))
    error = caught.value
    assert error.code == "balance_exhausted"
    assert error.message == "needs 12.0 GPU-hours, 9.5 left"
    assert error.hint == "an admin can grant 2.5 GPU-hours, or ask for less"
    assert error.fields["need"] == 12 * 3_600_000
    assert error.fields["have"] == 34_200_000
    assert error.fields["missing"] == 9_000_000
    assert error.fields["book"] == "gpu_time"
    assert error.fields["shortfalls"] == [
        {
            "limit": "balance",
            "book": "gpu_time",
            "unit": "GPU-milliseconds",
            "need": 43_200_000,
            "have": 34_200_000,
            "missing": 9_000_000,
        }
    ]


def test_a_shortfall_in_both_books_names_both() -> None:
    with pytest.raises(Exhausted) as caught:
        authorize(amounts(60, 12), amounts(-0.5, 9.5))
    assert caught.value.message == "needs 60.0 credits, -0.5 left; needs 12.0 GPU-hours, 9.5 left"


def limits(member: float, org: float, cluster: float) -> list[LimitUse]:
    """Limits with so many GPU-hours left, one being used of each."""
    left = zip(Level, (member, org, cluster), strict=True)
    return [
        LimitUse(Limit(level, Measure.GPU_HOURS, amounts(0, hours).gpu_ms + 3_600_000), 3_600_000)
        for level, hours in left
    ]


@pytest.mark.parametrize(
    ("balance", "left", "scope", "message"),
    [
        (2, (5, 5, 5), "balance", "needs 6.0 GPU-hours, 2.0 left"),
        (9, (3, 4, 5), "member", "needs 6.0 GPU-hours, 3.0 GPU-hours left of the member's limit of 4.0 GPU-hours"),
        (9, (9, 4, 5), "org", "needs 6.0 GPU-hours, 4.0 GPU-hours left of the org's limit of 5.0 GPU-hours"),
        (9, (9, 9, 5), "cluster", "needs 6.0 GPU-hours, 5.0 GPU-hours left of the cluster's limit of 6.0 GPU-hours"),
        (3, (3, 3, 3), "balance", "needs 6.0 GPU-hours, 3.0 left"),
    ],
)
def test_the_tightest_of_balance_and_limits_is_named(balance, left, scope, message) -> None:
    with pytest.raises(Exhausted) as caught:
        authorize(amounts(0, 6), amounts(0, balance), limits(*left))
    assert caught.value.message == message
    assert caught.value.code == ("balance_exhausted" if scope == "balance" else "limit_reached")
    assert caught.value.hint is not None
    assert ("grant" in caught.value.hint) is (scope == "balance")
    assert caught.value.fields["limit"] == scope


def test_a_limit_in_the_other_book_and_one_that_suffices_do_not_count() -> None:
    assert lacking(amounts(6), amounts(6), limits(0, 0, 0)) == []
    authorize(amounts(0, 6), amounts(0, 6), limits(6, 7, 8))


def test_a_book_below_zero_does_not_stop_what_needs_none_of_it() -> None:
    authorize(amounts(1), amounts(1, -3))


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 10**9),
    st.integers(-(10**9), 10**9),
    st.lists(st.tuples(st.sampled_from(list(Level)), st.integers(0, 10**9), st.integers(0, 10**9)), max_size=4),
)
def test_I_L4_what_is_authorized_fits_everywhere_and_what_is_refused_does_not(need, balance, rooms) -> None:
    given_limits = [LimitUse(Limit(level, Measure.CREDITS, most), used) for level, most, used in rooms]
    fits = need == 0 or all(need <= room for room in [balance, *(cap - used for _, cap, used in rooms)])
    try:
        authorize(Amounts(need), Amounts(balance), given_limits)
    except Exhausted as refused:
        assert not fits
        assert refused.fields["missing"] == need - min(balance, *(cap - used for _, cap, used in rooms), 10**10)
    else:
        assert fits
