"""Forecast and preview: the same plan played forward, on copies, with nothing written."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import HOUR, MINUTE
from core.domain.errors import Conflict
from core.scheduler.board import Board
from core.scheduler.cycle import plan
from core.scheduler.estimates import Estimate
from core.scheduler.forecast import chart, forecast
from core.scheduler.policy import Policy, policy_named
from core.scheduler.twins import twin_of
from core.scheduler.values import Dependency
from core.scheduler.whatif import Preview, at_other_sizes, demand_version, what_if
from tests.scheduler.boards import NOW, carry_out, job, node, random_board, random_item, running, service
from tests.scheduler.test_pass import content, rebuilt

N = node("n", cpu=2)


def queue_of_three() -> Board:
    board = Board([N], [running("busy", N, cpu=2, hours=3, priority=90)])
    for name in ("a", "b", "c"):
        board.add_waiting(job(name, cpu=2, hours=2))
    return board


def test_estimates_follow_from_limits_and_from_the_usual_share_of_them() -> None:
    made = forecast(queue_of_three(), Policy(), NOW, usual_share=0.5)
    assert made.estimates == {
        "a": Estimate(NOW + HOUR // 2, NOW + 2 * HOUR),
        "b": Estimate(NOW + HOUR // 2 + HOUR, NOW + 4 * HOUR),
        "c": Estimate(NOW + HOUR // 2 + 2 * HOUR, NOW + 6 * HOUR),
    }


def test_bars_show_what_runs_and_what_will() -> None:
    bars = {bar.id: bar for bar in chart(queue_of_three(), Policy(), NOW).bars}
    assert (bars["busy"].since, bars["busy"].until, bars["busy"].starts) == (NOW - HOUR, NOW + 2 * HOUR, False)
    assert (bars["b"].since, bars["b"].until, bars["b"].starts) == (NOW + 4 * HOUR, NOW + 6 * HOUR, True)
    assert bars["a"].claims[0].node_id == N.id


def test_behind_a_service_there_is_no_estimate() -> None:
    board = Board([N], [running("for ever", N, cpu=2, hours=None, priority=90)])
    board.add_waiting(job("a", cpu=2))
    assert forecast(board, Policy(), NOW).estimates["a"] == Estimate(None, None)


def test_a_forecast_sees_preemptions_dependencies_and_start_times() -> None:
    board = Board([N], [running("victim", N, cpu=2, hours=None, priority=10, since=NOW - 5 * MINUTE)])
    board.add_waiting(job("head", cpu=2, hours=1, priority=90))
    board.add_waiting(job("child", cpu=2, hours=1, priority=90, after=(Dependency("head"),)))
    board.add_waiting(job("later", cpu=2, hours=1, priority=100, not_before=NOW + 10 * HOUR))
    late = {name: e.p90 for name, e in forecast(board, Policy(), NOW).estimates.items()}
    assert late["head"] == NOW + 7 * MINUTE  # five minutes to the minimum run, two of grace
    assert late["child"] == NOW + 67 * MINUTE
    assert late["later"] is not None and late["later"] >= NOW + 10 * HOUR


@given(seed=st.integers(0, 1_000_000))
@settings(max_examples=25, deadline=None)
def test_a_forecast_comes_true_when_everybody_uses_the_whole_limit(seed: int) -> None:
    """Played for real on the board itself, each start is at the instant that was foretold."""
    board = random_board(seed, services=False)
    policy = replace(Policy(), preemption=replace(Policy().preemption, enabled=False))
    for pinned in list(board.pins):
        board.remove_waiting(pinned)
    before = content(board)
    told = forecast(board, policy, NOW, usual_share=1.0)
    assert content(board) == before
    now, came = NOW, dict[str, int]()
    for _ in range(60):
        made = plan(board, policy, now)
        came |= {start.id: now for start in made.starts}
        carry_out(board, made)
        ends = [max(h.ends_at, now + 1) for h in board.holdings.values() if h.ends_at is not None]
        if not ends:
            break
        now = min(ends)
        for holding in [h for h in board.holdings.values() if h.ends_at is not None and h.ends_at <= now]:
            board.ended(holding.id, now)
    waited = {name: e.p90 for name, e in told.estimates.items() if e.p90 is not None and name in came}
    assert waited == {name: came[name] for name in waited}
    assert came.keys() >= {n for n, e in told.estimates.items() if e.p90 is not None and e.p90 < NOW + 20 * HOUR}


@given(seed=st.integers(0, 1_000_000), most_work=st.integers(0, 200))
@settings(max_examples=40, deadline=None)
def test_a_bound_makes_a_forecast_say_less_and_never_anything_else(seed: int, most_work: int) -> None:
    board = random_board(seed, crowd=25)
    whole = forecast(board, Policy(), NOW)
    some = [one for place, one in enumerate(sorted(board.waiting)) if place % 3 != seed % 3]
    told = forecast(board, Policy(), NOW, only=some, most_work=most_work)
    assert told.estimates.keys() == set(some) and told.seen_until <= whole.seen_until
    for one, estimate in told.estimates.items():
        sure = whole.estimates[one]
        assert estimate.p50 in (None, sure.p50) and estimate.p90 in (None, sure.p90)
        if estimate.p50 is None:
            assert sure.p50 is None or sure.p50 >= told.seen_until


def test_a_forecast_that_looked_at_nothing_but_now_says_so() -> None:
    told = forecast(queue_of_three(), Policy(), NOW, most_work=0)
    assert set(told.estimates.values()) == {Estimate(None, None)}
    assert told.seen_until == NOW + HOUR // 2, "nothing happens before the first end"
    assert forecast(queue_of_three(), Policy(), NOW).seen_until == NOW + 7 * 24 * HOUR


def test_a_chart_ends_where_the_work_did() -> None:
    seen = chart(queue_of_three(), Policy(), NOW, most_work=4)
    whole = chart(queue_of_three(), Policy(), NOW)
    assert NOW < seen.seen_until < whole.seen_until
    assert {bar for bar in whole.bars if bar.since < seen.seen_until} == set(seen.bars)


@pytest.mark.parametrize("name", ["priority", "fair", "smart"])
@given(seed=st.integers(0, 1_000_000))
@settings(max_examples=40, deadline=None)
def test_a_twin_goes_its_own_way_and_decides_like_a_board_built_anew(name: str, seed: int) -> None:
    draw, policy = random.Random(seed), policy_named(name)
    board = random_board(seed, crowd=25)
    decided, before = plan(board, policy, NOW), content(board)
    twin, now = twin_of(board), NOW
    for step in range(6):
        carry_out(twin, plan(twin, policy, now))
        now += draw.randrange(1, 90) * MINUTE
        for holding in [h for h in twin.holdings.values() if h.ends_at is not None and h.ends_at <= now]:
            twin.ended(holding.id, now)
        twin.add_waiting(random_item(draw, f"late{step}", now))
        anew = rebuilt(twin, seed)
        anew.facts.mix, anew.facts.longest_wait = twin.facts.mix, twin.facts.longest_wait
        if name != "smart":  # which learns on the way
            assert plan(twin, policy, now) == plan(anew, policy, now)
    assert content(board) == before and plan(board, policy, NOW) == decided


# -- what if -------------------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 1_000_000))
@settings(max_examples=25, deadline=None)
def test_a_preview_writes_nothing_and_says_what_the_next_pass_would_do(seed: int) -> None:
    board = random_board(seed)
    for lapsed in plan(board, Policy(), NOW).unpins:
        board.unpin(lapsed.id)
    before = content(board)
    wish = job("wish", gpu=1, cpu=1, priority=60)
    told = what_if(board, Policy(), NOW, wish, most_work=600)
    assert content(board) == before and told.board_version == board.version
    if told.refusal is not None:
        return
    board.add_waiting(wish)
    made = plan(board, Policy(), NOW)
    assert told.starts_now == ("wish" in {s.id for s in made.starts})
    assert len(told.victims) == sum(len(p.victims) for p in made.preempts if p.for_id == "wish")
    assert bool(told.blockers) == (not told.starts_now and not told.victims)


@given(seed=st.integers(0, 1_000_000), most_work=st.integers(0, 300))
@settings(max_examples=40, deadline=None)
def test_a_bound_makes_a_preview_say_less_and_never_anything_else(seed: int, most_work: int) -> None:
    board = random_board(seed, crowd=25)
    wish = job("wish", gpu=1, cpu=1, hours=2, priority=60)
    whole, told = (what_if(board, Policy(), NOW, wish, most_work=most) for most in (None, most_work))
    if whole.estimate is None or told.estimate is None:
        assert whole.refusal is not None and told.refusal is not None
        return
    assert replace(told, estimate=None, delayed=(), seen_until=0) == replace(
        whole, estimate=None, delayed=(), seen_until=0
    )
    assert told.estimate.p50 in (None, whole.estimate.p50) and told.estimate.p90 in (None, whole.estimate.p90)
    if told.estimate.p50 is None:
        assert whole.estimate.p50 is None or whole.estimate.p50 >= told.seen_until
    for delay in told.delayed:
        alike = [d for d in whole.delayed if (d.id, d.from_at) == (delay.id, delay.from_at)]
        assert any(delay.to_at in (None, d.to_at) for d in alike)


def test_a_preview_names_the_price_the_victims_and_the_delayed() -> None:
    board = Board([N], [running("mine", N, cpu=2, hours=2, priority=10)])
    board.add_waiting(job("next", cpu=2, priority=15))
    told = what_if(board, Policy(), NOW, job("wish", cpu=2, hours=1.5, priority=60), ucr_per_hour=2_000_000)
    assert told.victims == ("mine",)
    assert (told.price_ucr, told.gpu_ms) == (3_000_000, 0)
    assert [(d.id, d.from_at) for d in told.delayed] == [("next", NOW + HOUR)]
    assert told.estimate == Estimate(NOW + 2 * MINUTE, NOW + 2 * MINUTE)


def test_a_preview_of_what_could_never_start_is_the_refusal() -> None:
    told = what_if(Board([N]), Policy(), NOW, job("wish", gpu=16))
    assert told.refusal is not None and not told.fits
    assert told.refusal.code == "impossible_request"


def test_a_service_has_no_price_in_advance() -> None:
    assert what_if(Board([N]), Policy(), NOW, service("wish"), ucr_per_hour=5).price_ucr is None


def test_sizes_can_be_previewed_side_by_side() -> None:
    g = node("g", gpus=4)
    board = Board([g], [running("busy", g, devices=(0, 1))])
    sizes = at_other_sizes(job("wish", gpu=4), (2000, 4000))
    assert [what_if(board, Policy(), NOW, wish).starts_now for wish in sizes] == [True, False]


def test_another_version_of_the_board_is_a_conflict_that_names_both() -> None:
    with pytest.raises(Conflict) as moved:
        demand_version(Preview(board_version=8), 7)
    assert "7" in moved.value.message and "8" in moved.value.message
    demand_version(Preview(board_version=7), 7)
