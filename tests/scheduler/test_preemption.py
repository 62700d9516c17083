"""Who is evicted: checked against every possible set of victims, and the rules that spare them."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import HOUR, MINUTE
from core.scheduler.board import Board
from core.scheduler.cycle import plan
from core.scheduler.decisions import Plan
from core.scheduler.leavers import may_ever_leave
from core.scheduler.placement import Shape, admits, replicas_in
from core.scheduler.policy import Policy, Preemption, policy_named
from core.scheduler.preemption import choose_victims, next_to_ripen
from core.scheduler.values import Holding, Waiting
from tests.scheduler.boards import NOW, carry_out, job, node, random_board, random_item, running, service

RULES = Policy().preemption


def fits_without(board: Board, item: Waiting, gone: frozenset[str]) -> bool:
    shape, total = Shape.of(item), 0
    for host in board.hosts:
        if admits(host.node, shape):
            total += replicas_in(shape, host.room_if(lambda h: h.id not in gone), host)
    return total >= item.replicas


def evictable(board: Board, item: Waiting) -> list[Holding]:
    ripe = NOW - RULES.min_run_ms * 1000
    return [
        h
        for h in board.holdings.values()
        if h.priority <= item.priority - RULES.gap and may_ever_leave(h, RULES) and h.started_at <= ripe
    ]


@given(seed=st.integers(0, 1_000_000))
@settings(max_examples=150, deadline=None)
def test_victims_are_a_minimal_set_checked_against_all_sets_of_up_to_12(seed: int) -> None:
    board, draw = random_board(seed, crowd=18), random.Random(seed)
    item = replace(random_item(draw, "head", NOW), priority=draw.choice((50, 90, 100)))
    candidates = evictable(board, item)
    if fits_without(board, item, frozenset()) or len(candidates) > 12:
        return
    sets = [
        frozenset(h.id for h in chosen)
        for size in range(1, len(candidates) + 1)
        for chosen in combinations(candidates, size)
    ]
    enough = [chosen for chosen in sets if fits_without(board, item, chosen)]
    made = choose_victims(board, Policy(), NOW, item)
    assert (made is None) == (not enough)
    if made is None:
        return
    victims = frozenset(made.victims)
    assert victims in enough
    assert not any(smaller < victims for smaller in enough)
    assert most_precious(board, victims) == min(most_precious(board, chosen) for chosen in enough)


def most_precious(board: Board, chosen: frozenset[str]) -> tuple[int, int, int, int, str]:
    """Of these, whoever would be the last to be evicted: base priority, GPU and CPU time lost, start, id."""

    def place(holding: Holding) -> tuple[int, int, int, int, str]:
        total, ran = board.totals[holding.id], NOW - holding.started_at
        return holding.priority, ran * total.gpu_milli, ran * total.cpu_milli, -holding.started_at, holding.id

    return max(place(board.holdings[i]) for i in chosen)


@given(seed=st.integers(0, 1_000_000))
@settings(max_examples=80, deadline=None)
def test_I_S6_victims_are_lower_by_the_gap_past_their_minimum_run_and_within_budget(seed: int) -> None:
    board = random_board(seed)
    made = plan(board, Policy(), NOW)
    for preempt in made.preempts:
        item = board.waiting[preempt.for_id]
        for victim in (board.holdings[i] for i in preempt.victims):
            assert victim.priority <= item.priority - RULES.gap
            assert NOW - victim.started_at >= RULES.min_run_ms * 1000
            assert victim.preemptible and victim.preemptions < RULES.budget and victim.ending_by is None
        pinned = sum(c.resources.gpu_milli for c in preempt.claims), sum(c.resources.cpu_milli for c in preempt.claims)
        assert pinned == (item.resources.gpu_milli * item.replicas, item.resources.cpu_milli * item.replicas)


def ranks_held(board: Board) -> list[int]:
    """The base priorities of all that stay and of all that a place is kept for, the highest first."""
    staying = [holding.priority for holding in board.holdings.values() if holding.ending_by is None]
    return sorted(staying + [board.waiting[name].priority for name in board.pins], reverse=True)


@given(seed=st.integers(0, 1_000_000))
@settings(max_examples=80, deadline=None)
def test_I_S6_each_eviction_raises_the_priorities_of_what_holds_capacity(seed: int) -> None:
    """Compared like words: between two ends they can only rise so far, so evictions come to rest."""
    board = random_board(seed, crowd=20)
    made = plan(board, Policy(), NOW)
    carry_out(board, replace(made, preempts=()))
    for preempt in made.preempts:
        before = ranks_held(board)
        carry_out(board, Plan(board.version, NOW, preempts=(preempt,)))
        assert ranks_held(board) > before


def test_I_S6_the_sum_of_priority_times_gpu_need_not_rise_where_a_small_one_evicts_a_large_one() -> None:
    eight = node("eight", gpus=8)
    board = Board([eight], [running("large", eight, devices=tuple(range(8)), hours=None, priority=40)])
    board.add_waiting(job("small", gpu=1, priority=90))
    (preempt,) = plan(board, Policy(), NOW).preempts
    assert preempt.victims == ("large",) and 1 * 90 < 8 * 40
    before = ranks_held(board)
    carry_out(board, Plan(board.version, NOW, preempts=(preempt,)))
    assert ranks_held(board) > before


@given(seed=st.integers(0, 1_000_000))
@settings(max_examples=80, deadline=None)
def test_no_victim_without_a_start_once_the_victims_are_gone_the_preemptor_starts(seed: int) -> None:
    board = random_board(seed)
    made = plan(board, Policy(), NOW)
    carry_out(board, made)
    later = NOW + MINUTE
    for preempt in made.preempts:
        for victim in preempt.victims:
            board.ended(victim, later)
    begun = {start.id: start.claims for start in plan(board, Policy(), later).starts}
    for preempt in made.preempts:
        assert begun[preempt.for_id] == preempt.claims


@given(seed=st.integers(0, 1_000_000))
@settings(max_examples=80, deadline=None)
def test_a_preempted_one_that_is_queued_again_evicts_nobody_before_something_else_ends(seed: int) -> None:
    board = random_board(seed)
    made = plan(board, Policy(), NOW)
    carry_out(board, made)
    evicted = {i for preempt in made.preempts for i in preempt.victims}
    for now in (NOW + MINUTE, NOW + 2 * MINUTE):
        for gone in [h for h in board.holdings.values() if h.id in evicted and h.pinned_for is not None]:
            victim = gone.id
            board.ended(victim, now)
            board.add_waiting(requeued(gone, now))
        made = plan(board, Policy(), now)
        assert not {p.for_id for p in made.preempts} & evicted
        carry_out(board, made)


def requeued(gone: Holding, now: int) -> Waiting:
    first = gone.claims[0]
    return Waiting(
        id=gone.id,
        org=gone.org,
        member=gone.member,
        kind=gone.kind,
        resources=first.resources,
        replicas=len(gone.claims),
        submitted_at=NOW - 10 * HOUR,
        priority=gone.priority,
        limit_ms=gone.limit_ms,
        preempted_at=now,
        preemptions=gone.preemptions + 1,
    )


@given(seed=st.integers(0, 1_000_000))
@settings(max_examples=60, deadline=None)
def test_a_pass_evicts_for_so_many_heads_and_the_next_ones_go_on_until_all_is_decided(seed: int) -> None:
    board, whole = random_board(seed, crowd=24), random_board(seed, crowd=24)
    one_by_one = policy_named("priority", preemption=replace(RULES, heads_per_pass=1))
    evicted_for: list[str] = []
    for _ in range(100):
        made = plan(board, one_by_one, NOW)
        assert len(made.preempts) <= 1
        evicted_for += [preempt.for_id for preempt in made.preempts]
        carry_out(board, made)
        if made.is_empty:
            break
    else:
        raise AssertionError("it never comes to rest")
    at_once = [preempt.for_id for preempt in plan(whole, Policy(), NOW).preempts]
    assert evicted_for[:1] == at_once[:1]  # later passes see who is leaving, and may promise where one pass evicts


G1 = node("g1", gpus=2)
G2 = node("g2", gpus=2)

SPARED = [
    ("one of a base priority only 9 lower", {"priority": 81}),
    ("one that has run for less than ten minutes", {"since": NOW - 9 * MINUTE}),
    ("one that was preempted three times today", {"preemptions": 3}),
    ("one that is not preemptible", {"preemptible": False}),
    ("one that is stopping already", {"ending_by": NOW + MINUTE}),
]


@pytest.mark.parametrize(("who", "facts"), SPARED, ids=[who for who, _ in SPARED])
def test_is_spared(who: str, facts: dict[str, object]) -> None:
    fields: dict[str, object] = {"priority": 50, "hours": None} | facts
    board = Board([G1], [running("victim", G1, devices=(0, 1), **fields)])  # type: ignore[arg-type]
    board.add_waiting(job("head", gpu=2, priority=90))
    assert plan(board, Policy(), NOW).preempts == ()


def test_aging_never_evicts() -> None:
    board = Board([G1], [running("victim", G1, devices=(0, 1), hours=None, priority=50)])
    board.add_waiting(job("old", gpu=1, priority=50, submitted_at=NOW - 1000 * HOUR))
    assert plan(board, Policy(), NOW).preempts == ()


def test_the_lowest_base_priority_goes_first_then_the_least_work_lost() -> None:
    board = Board(
        [G1, G2],
        [
            running("low-long", G1, devices=(0,), since=NOW - 5 * HOUR, hours=None, priority=20),
            running("low-short", G1, devices=(1,), since=NOW - HOUR, hours=None, priority=20),
            running("mid", G2, devices=(0, 1), since=NOW - HOUR, hours=None, priority=30),
        ],
    )
    board.add_waiting(job("head", gpu=1, priority=90))
    (preempt,) = plan(board, Policy(), NOW).preempts
    assert preempt.victims == ("low-short",)


def test_no_cpu_only_victim_for_a_gpu_need() -> None:
    board = Board(
        [G1],
        [
            running("cpu-only", G1, cpu=8, hours=None, priority=1),
            running("gpu-user", G1, devices=(0, 1), hours=None, priority=40),
        ],
    )
    board.add_waiting(job("head", gpu=2, priority=90))
    (preempt,) = plan(board, Policy(), NOW).preempts
    assert preempt.victims == ("gpu-user",)


def test_an_impossible_request_at_the_highest_priority_disturbs_nobody() -> None:
    board = Board([G1, G2], [running("busy", G1, devices=(0, 1), hours=None, priority=1)])
    board.add_waiting(job("impossible", gpu=16, priority=100))
    board.add_waiting(job("small", gpu=1, priority=1))
    made = plan(board, Policy(), NOW)
    assert made.preempts == () and made.reserves == ()
    assert [start.id for start in made.starts] == ["small"]


def test_E54_an_end_by_itself_of_a_victim_frees_the_pinned_place_for_the_preemptor_only() -> None:
    """The victim finishes while it is being preempted; its place still belongs to the preemptor."""
    board = Board([G1], [running("victim", G1, devices=(0, 1), hours=None, priority=10)])
    board.add_waiting(job("head", gpu=2, priority=90))
    carry_out(board, plan(board, Policy(), NOW))
    board.add_waiting(job("quick", gpu=1, priority=100, preempted_at=NOW))
    assert plan(board, Policy(), NOW + 1).starts == ()
    board.ended("victim", NOW + 2)
    made = plan(board, Policy(), NOW + 2)
    assert [start.id for start in made.starts] == ["head"]


def test_a_pin_lapses_when_its_time_is_over_or_its_node_went_down() -> None:
    board = Board([G1], [running("victim", G1, devices=(0, 1), hours=None, priority=10)])
    board.add_waiting(job("head", gpu=2, priority=90))
    carry_out(board, plan(board, Policy(), NOW))
    assert plan(board, Policy(), board.pins["head"].expires_at).unpins[0].id == "head"


def test_preemption_can_be_switched_off() -> None:
    board = Board([G1], [running("victim", G1, devices=(0, 1), hours=None, priority=10)])
    board.add_waiting(service("head", gpu=2, priority=90))
    assert plan(board, policy_named("priority", preemption=Preemption(enabled=False)), NOW).preempts == ()
    assert len(plan(board, Policy(), NOW).preempts) == 1


@given(seed=st.integers(0, 1_000_000))
@settings(max_examples=100, deadline=None)
def test_the_next_pass_for_an_eviction_is_due_when_the_next_one_within_reach_has_run_for_long_enough(seed: int) -> None:
    """Anything sooner would be a pass in vain, anything later would let somebody wait who need not."""
    board, draw, least_run = random_board(seed), random.Random(seed), RULES.min_run_ms * 1000
    for holding in list(board.holdings.values()):
        board.change_holding(replace(holding, started_at=NOW - draw.randrange(20) * MINUTE))
    within_reach = [
        holding.started_at + least_run
        for holding in board.holdings.values()
        if may_ever_leave(holding, RULES)
        and any(holding.priority <= item.priority - RULES.gap for item in board.waiting.values())
    ]
    assert next_to_ripen(board, RULES, NOW) == min((at for at in within_reach if at > NOW), default=None)


def test_where_nobody_may_evict_anybody_no_pass_is_due_for_it() -> None:
    g = node("g", gpus=1)
    board = Board([g], [running("young", g, devices=(0,), since=NOW - MINUTE, priority=50)])
    assert next_to_ripen(board, RULES, NOW) is None  # nobody waits
    board.add_waiting(job("peer", gpu=1, priority=55))
    assert next_to_ripen(board, RULES, NOW) is None
    board.change_waiting(job("peer", gpu=1, priority=60))
    assert next_to_ripen(board, RULES, NOW) == NOW + 9 * MINUTE
    assert next_to_ripen(board, replace(RULES, enabled=False), NOW) is None
