"""Burn rate, runway and the exact instant at which a wallet runs out; and the ladder that leads there."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.flavors import RunRate
from core.ledger import meter
from core.ledger.amounts import NOTHING, Amounts, Book
from core.ledger.burn import Burning, Drain, accrued, burn_per_hour, instant_when_left, runs_out_at, runway_ms
from core.ledger.ladder import LADDER, Funds, Standing, Step, next_look_at, next_steps
from tests.ledger.scenery import DAY, HOUR, MINUTE, ONE_GPU, T0, amounts, line

CREDITS_ONLY = RunRate(compute_ucr=10_000_000)


def burning(rate: RunRate = ONE_GPU, start: int = T0, posted: Amounts = NOTHING, ends_at: int | None = None) -> Burning:
    return Burning(line(rate=rate, start=start), posted, ends_at)


def test_the_burn_rate_adds_what_runs_now_at_the_share_it_has_now() -> None:
    suspended = Burning(line().changed(T0 + HOUR, meter.Share(750, 1000)), NOTHING)
    over = Burning(line().ended(T0 + HOUR), NOTHING)
    at_its_limit = burning(ends_at=T0 + 2 * HOUR)
    runs = [burning(), suspended, over, at_its_limit]
    assert burn_per_hour(runs, T0 + 2 * HOUR) == amounts(5.72 * 1.75, 1.75)
    assert burn_per_hour(runs, T0 + 2 * HOUR - 1) == amounts(5.72 * 2.75, 2.75)


def test_the_live_balance_takes_what_accrued_since_the_last_posting() -> None:
    runs = [burning(posted=amounts(5.72, 1)), burning(ends_at=T0 + HOUR)]
    assert accrued(runs, T0 + 3 * HOUR) == amounts(5.72 * 3, 3)


def test_the_runway_is_that_of_the_book_that_ends_first() -> None:
    assert runway_ms(amounts(57.2, 3), amounts(5.72, 1)) == 3 * 3_600_000
    assert runway_ms(amounts(57.2, 30), amounts(5.72, 1)) == 10 * 3_600_000
    assert runway_ms(amounts(57.2, 30), amounts(5.72)) == 10 * 3_600_000
    assert runway_ms(amounts(-1), amounts(5.72)) == 0
    assert runway_ms(amounts(1), NOTHING) is None


def test_the_run_out_instant_is_that_of_balance_over_rate() -> None:
    assert runs_out_at(amounts(57.2, 3), [burning()], T0) == {
        Book.CREDITS: T0 + 10 * HOUR,
        Book.GPU_TIME: T0 + 3 * HOUR,
    }
    assert runs_out_at(amounts(57.2, 0), [burning(CREDITS_ONLY)], T0) == {Book.CREDITS: T0 + 5.72 * HOUR}
    assert runs_out_at(amounts(57.2, 0), [], T0) == {}


def test_what_is_posted_already_is_not_counted_against_the_balance_again() -> None:
    run = burning(posted=amounts(5.72, 1))
    assert runs_out_at(amounts(57.2, 20), [run], T0 + HOUR)[Book.CREDITS] == T0 + 11 * HOUR


def test_a_wallet_that_is_empty_already_runs_out_now() -> None:
    assert runs_out_at(amounts(5.72, 9), [burning()], T0 + 2 * HOUR)[Book.CREDITS] == T0 + 2 * HOUR


def test_a_job_that_ends_before_the_money_does_lets_it_last() -> None:
    assert runs_out_at(amounts(50, 0), [burning(CREDITS_ONLY, ends_at=T0 + 2 * HOUR)], T0) == {}
    both = [burning(CREDITS_ONLY, ends_at=T0 + 2 * HOUR), burning(CREDITS_ONLY)]
    assert runs_out_at(amounts(50, 0), both, T0) == {Book.CREDITS: T0 + 3 * HOUR}
    alone = [burning(CREDITS_ONLY, ends_at=T0 + 6 * HOUR)]
    assert runs_out_at(amounts(50, 0), alone, T0) == {Book.CREDITS: T0 + 5 * HOUR}


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 10**9),
    st.lists(
        st.tuples(st.integers(1, 10**8), st.integers(0, 2 * HOUR), st.one_of(st.none(), st.integers(0, 40 * HOUR))),
        min_size=1,
        max_size=4,
    ),
)
def test_the_run_out_instant_is_exact_to_the_microsecond(balance: int, runs: list[tuple[int, int, int | None]]) -> None:
    every = [
        burning(RunRate(compute_ucr=rate), T0 - before, ends_at=None if end is None else T0 + end)
        for rate, before, end in runs
    ]
    instant = instant_when_left(balance, 0, Book.CREDITS, every, T0)

    def left(at: int) -> int:
        return balance - accrued(every, at).ucr

    if instant is None:
        assert left(T0 + 1000 * DAY) > 0
        assert all(run.ends_at is not None for run in every)
    else:
        assert left(instant) <= 0
        assert instant == T0 or left(instant - 1) > 0


_offsets = st.integers(0, 3 * HOUR)
_shares = st.builds(meter.Share, st.integers(0, 1000), st.integers(0, 1000))


@st.composite
def _burnings(draw: st.DrawFn) -> Burning:
    rates = st.builds(RunRate, st.integers(0, 10**8), st.integers(0, 10**6), st.integers(0, 8000))
    run = line(rate=draw(rates), start=T0 + draw(_offsets))
    for later, share in draw(st.lists(st.tuples(_offsets, _shares), max_size=3)):
        run = run.changed(run.segments[-1].start + later, share)
    end, limit = draw(st.none() | _offsets), draw(st.none() | _offsets)
    run = run if end is None else run.ended(T0 + end)
    posted = draw(st.builds(Amounts, st.integers(0, 10**8), st.integers(0, 10**7)))
    return Burning(run, posted, None if limit is None else T0 + limit)


@settings(max_examples=300, deadline=None)
@given(st.lists(_burnings(), max_size=5), st.lists(st.integers(-HOUR, 20 * HOUR), min_size=1, max_size=4))
def test_what_is_added_up_for_many_runs_is_to_the_unit_what_each_of_them_owes(
    runs: list[Burning], offsets: list[int]
) -> None:
    drain = Drain(runs)
    for offset in [*offsets, *offsets]:
        assert drain.used_by(T0 + offset) == sum((run.unpaid_at(T0 + offset) for run in runs), NOTHING)


def funds(percent: float, funding: str = "g-1") -> Funds:
    used = round(percent * 10_000_000)
    return Funds(used, 1_000_000_000 - used, funding)


def test_the_ladder_is_notice_then_approval_then_refusal_then_a_stop_half_an_hour_later() -> None:
    assert [(rung.used_milli, rung.delay_us // MINUTE, rung.steps) for rung in LADDER] == [
        (800, 0, (Step.NOTICE,)),
        (950, 0, (Step.NOTICE, Step.NEED_APPROVAL)),
        (1000, 0, (Step.REFUSE_SUBMISSIONS,)),
        (1000, 30, (Step.STOP_UNHELD,)),
    ]


def test_a_new_wallet_stands_on_no_rung() -> None:
    assert (Standing().rung, Standing().told, Standing().emptied_at) == (0, 0, None)
    assert not (Standing().needs_approval or Standing().refuses_submissions)


def test_each_step_is_taken_once_on_the_way_down() -> None:
    standing, told = Standing(), []
    for minute, percent in [(0, 79.9), (1, 80), (2, 80), (3, 94.9), (4, 95), (5, 99), (6, 100), (7, 101), (35, 101)]:
        standing, steps = next_steps(standing, funds(percent), T0 + minute * MINUTE)
        told += [(minute, step) for step in steps]
    assert told == [(1, Step.NOTICE), (4, Step.NOTICE), (4, Step.NEED_APPROVAL), (6, Step.REFUSE_SUBMISSIONS)]
    assert (standing.needs_approval, standing.refuses_submissions) == (True, True)
    standing, steps = next_steps(standing, funds(101), T0 + 36 * MINUTE)
    assert steps == [Step.STOP_UNHELD]
    assert next_steps(standing, funds(102), T0 + DAY) == (standing, [])


def test_a_late_look_takes_all_steps_at_once_and_counts_the_delay_from_the_computed_instant() -> None:
    standing, steps = next_steps(Standing(), funds(100), T0 + HOUR, emptied_at=T0)
    assert steps == [Step.NOTICE, Step.NOTICE, Step.NEED_APPROVAL, Step.REFUSE_SUBMISSIONS, Step.STOP_UNHELD]
    assert standing.emptied_at == T0


def test_a_grant_lifts_the_standing_and_the_ladder_begins_anew() -> None:
    low, _ = next_steps(Standing(), funds(100), T0)
    lifted, steps = next_steps(low, funds(0, "g-2"), T0 + MINUTE)
    assert steps == []
    assert (lifted.rung, lifted.told, lifted.emptied_at) == (0, 0, None)
    assert not (lifted.needs_approval or lifted.refuses_submissions)
    assert next_steps(lifted, funds(80, "g-2"), T0 + HOUR)[1] == [Step.NOTICE]


def test_a_refund_lifts_the_standing_and_does_not_tell_the_same_twice() -> None:
    low, _ = next_steps(Standing(), funds(96), T0)
    lifted, _ = next_steps(low, funds(70), T0 + MINUTE)
    assert not lifted.needs_approval
    again, steps = next_steps(lifted, funds(96), T0 + HOUR)
    assert steps == []
    assert again.needs_approval


def test_a_wallet_that_was_lifted_and_emptied_again_by_the_same_funding_gets_its_half_hour_again() -> None:
    low, _ = next_steps(Standing(), funds(100), T0)
    lifted, _ = next_steps(low, funds(90), T0 + MINUTE)
    again, steps = next_steps(lifted, funds(100), T0 + HOUR)
    assert (steps, again.emptied_at) == ([], T0 + HOUR)


@pytest.mark.parametrize(
    ("used", "left", "reached"), [(0, 0, False), (0, -1, True), (5, 0, True), (5, -5, True), (0, 5, False)]
)
def test_a_book_that_was_never_used_has_not_run_out(used: int, left: int, reached: bool) -> None:
    assert Funds(used, left).have_reached(1000) is reached


def test_a_rung_is_reached_by_the_last_micro_credit_and_not_before() -> None:
    assert Funds(800_000, 200_000).have_reached(800)
    assert not Funds(799_999, 200_001).have_reached(800)
    assert Funds(1, 0).have_reached(1000)


@pytest.mark.parametrize(("percent", "hours"), [(0, 80), (79, 1), (80, 15), (94, 1), (95, 5), (99, 1)])
def test_the_next_rung_is_scheduled_and_not_polled(percent: int, hours: int) -> None:
    standing, _ = next_steps(Standing(), funds(percent), T0)
    run = burning(CREDITS_ONLY)  # 1 % of the funding in an hour
    assert next_look_at(standing, funds(percent), Book.CREDITS, [run], T0) == T0 + hours * HOUR


def test_the_next_rung_counts_from_the_live_balance_and_not_twice_what_accrued() -> None:
    now = T0 + 10 * HOUR
    run = burning(CREDITS_ONLY)
    standing, _ = next_steps(Standing(), funds(70), now)
    assert next_look_at(standing, funds(70), Book.CREDITS, [run], now) == now + 10 * HOUR


def test_after_the_end_of_the_money_the_stop_is_next_and_then_nothing() -> None:
    empty, _ = next_steps(Standing(), funds(100), T0)
    assert next_look_at(empty, funds(100), Book.CREDITS, [burning()], T0) == T0 + 30 * MINUTE
    stopped, _ = next_steps(empty, funds(100), T0 + 30 * MINUTE)
    assert next_look_at(stopped, funds(100), Book.CREDITS, [burning()], T0 + HOUR) is None
    assert next_look_at(Standing(), funds(10), Book.CREDITS, [], T0) is None


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 2 * HOUR)), max_size=30))
def test_no_path_of_use_takes_a_step_twice_for_one_funding(path: list[tuple[int, int]]) -> None:
    standing, now, taken = Standing(), T0, []
    for used, later in path:
        now += later
        standing, steps = next_steps(standing, Funds(used, 10**9 - used, "g"), now)
        taken += steps
    assert taken == [step for rung in LADDER[: standing.told] for step in rung.steps]
