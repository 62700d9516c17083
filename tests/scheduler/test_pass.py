"""What every pass has to keep, on random boards."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import HOUR, MINUTE
from core.scheduler.board import Board
from core.scheduler.capacity import Host
from core.scheduler.cycle import plan
from core.scheduler.decisions import Plan
from core.scheduler.facts import Usage
from core.scheduler.ordering import Closed, effective_priority
from core.scheduler.placement import Shape, admits, replicas_in
from core.scheduler.policy import Policy, Preemption, Quota, Quotas, policy_named
from core.scheduler.quota import shortfalls
from core.scheduler.twins import twin_of
from core.scheduler.values import Dependency, Gate, Waiting
from tests.scheduler.boards import NOW, carry_out, random_board, random_item

SEEDS = st.integers(0, 1_000_000)
POLICY_NAMES = ("priority", "fair")
MANY = settings(max_examples=60, deadline=None)


def content(board: Board) -> object:
    """All that a pass could have left behind."""
    return (
        {
            i: (h.node, h.free.cpu, h.free.ram, h.free.disk, tuple(h.free.gpus), dict(h.residents), tuple(h.ends))
            for i, h in board.host_of.items()
        },
        dict(board.holdings),
        dict(board.waiting),
        dict(board.pins),
        {who: (h.gpu_milli, h.cpu_milli, h.deployments) for who, h in board.held.items() if h.deployments},
        board.version,
    )


def rebuilt(board: Board, seed: int) -> Board:
    """The same content from rows in another order."""
    draw = random.Random(seed)
    nodes = [h.node for h in board.hosts]
    holdings, waiting = list(board.holdings.values()), list(board.waiting.values())
    for rows in (nodes, holdings, waiting):
        draw.shuffle(rows)
    again = Board(
        nodes,
        holdings,
        waiting,
        pins=list(board.pins.values()),
        last_ended_at=board.last_ended_at,
        version=board.version,
    )
    again.facts.last_runs = dict(board.facts.last_runs)
    return again


def recounted(host: Host) -> tuple[object, ...]:
    room = host.room_if(lambda _: True)
    return room.cpu, room.ram, room.disk, room.gpus


@pytest.mark.parametrize("name", POLICY_NAMES)
@given(seed=SEEDS)
@MANY
def test_a_pass_leaves_no_trace_on_the_board(name: str, seed: int) -> None:
    board = random_board(seed)
    before = content(board)
    plan(board, policy_named(name), NOW)
    assert content(board) == before


@pytest.mark.parametrize("name", POLICY_NAMES)
@given(seed=SEEDS)
@MANY
def test_I_S8_the_same_board_gives_the_same_plan_whatever_the_order_of_rows(name: str, seed: int) -> None:
    board, policy = random_board(seed), policy_named(name)
    first = plan(board, policy, NOW)
    assert plan(board, policy, NOW) == first
    assert plan(rebuilt(board, seed), policy, NOW) == first
    assert plan(twin_of(board), policy, NOW) == first


@given(seed=SEEDS)
@MANY
def test_I_C11_nothing_is_ever_overbooked_and_free_is_totals_less_what_is_held(seed: int) -> None:
    board = random_board(seed)
    for now in (NOW, NOW + 20 * MINUTE, NOW + 2 * HOUR):
        carry_out(board, plan(board, Policy(), now))
        for host in board.hosts:
            assert not host.free.is_overbooked()
            assert recounted(host) == (host.free.cpu, host.free.ram, host.free.disk, host.free.gpus)
        for holding in [h for h in board.holdings.values() if h.ends_at is not None and h.ends_at <= now + HOUR]:
            board.ended(holding.id, now + HOUR)


@pytest.mark.parametrize("name", POLICY_NAMES)
@given(seed=SEEDS)
@settings(max_examples=25, deadline=None)
def test_a_board_moved_by_events_plans_like_one_built_anew(name: str, seed: int) -> None:
    board, draw, policy, now = random_board(seed), random.Random(seed), policy_named(name), NOW
    for step in range(12):
        now += draw.randrange(1, 30) * MINUTE
        if draw.random() < 0.5 and board.holdings:
            board.ended(draw.choice(sorted(board.holdings)), now)
        else:
            board.add_waiting(random_item(draw, f"x{step:02}", now))
        if draw.random() < 0.2 and board.waiting:
            board.remove_waiting(draw.choice(sorted(board.waiting)))
        made = plan(board, policy, now)
        assert made == plan(rebuilt(board, step), policy, now)
        carry_out(board, made)


@given(seed=SEEDS, later=st.integers(0, 900))
@MANY
def test_the_queue_is_walked_by_effective_priority_then_submission_then_id(seed: int, later: int) -> None:
    board, policy, now = random_board(seed, crowd=30), Policy(), NOW + later * MINUTE
    walked = [item for item, _ in board.queue(policy).walk(now, Closed())]

    def key(item: Waiting) -> tuple[float, int, str]:
        return -effective_priority(item, policy, now), item.submitted_at, item.id

    assert walked == sorted(board.waiting.values(), key=key)
    assert [board.queue(policy).ahead_of(item, now) for item in walked] == list(range(len(walked)))
    only = sorted({board.class_of(i) for i in walked[::2]}, key=id)
    some = [item for item, _ in board.queue(policy).walk(now, Closed(), only)]
    assert some == [i for i in walked if board.class_of(i) in only]
    again = [item for item, _ in board.queue(policy).walk(NOW, Closed())]  # asking about the past changes nothing
    assert again == sorted(
        board.waiting.values(), key=lambda i: (-effective_priority(i, policy, NOW), i.submitted_at, i.id)
    )


@given(seed=SEEDS)
@MANY
def test_with_fair_share_classes_are_walked_in_the_order_of_the_whole_queue(seed: int) -> None:
    board, policy, draw = random_board(seed, crowd=30), policy_named("fair"), random.Random(seed)
    for org, member in sorted(board.facts.present):
        board.usage_changed(org, member, Usage(draw.randrange(1000), NOW))
    walked = [item for item, _ in board.queue(policy).walk(NOW, Closed())]
    only = sorted({board.class_of(i) for i in walked[::2]}, key=id)
    assert [i for i, _ in board.queue(policy).walk(NOW, Closed(), only)] == [
        i for i in walked if board.class_of(i) in only
    ]
    assert [board.queue(policy).ahead_of(item, NOW) for item in walked] == list(range(len(walked)))


@given(seed=SEEDS)
@MANY
def test_I_S1_nothing_that_is_held_back_starts_evicts_or_is_promised_before_it_is_let_in(seed: int) -> None:
    board, draw = random_board(seed), random.Random(seed)
    held_back = ({"gates": (Gate("awaiting_approval"),)}, {"after": (Dependency("other"),)}, {"not_before": NOW + HOUR})
    asking = {name for name in board.waiting if draw.random() < 0.5}
    for name in asking:
        board.change_waiting(replace(board.waiting[name], **draw.choice(held_back)))
    while asking:
        made = plan(board, Policy(), NOW)
        assert not asking & {s.id for s in made.starts} | asking & {r.id for r in made.reserves}
        assert not asking & {p.for_id for p in made.preempts}
        carry_out(board, made)
        asking &= board.waiting.keys()
        if asking:
            name = draw.choice(sorted(asking))
            asking.remove(name)
            board.change_waiting(replace(board.waiting[name], gates=(), after=(), not_before=None))


def fits_now(board: Board, item: Waiting) -> bool:
    shape = Shape.of(item)
    return sum(replicas_in(shape, h.free, h) for h in board.hosts if admits(h.node, shape)) >= item.replicas


def heads_before_first_promise(board: Board, made: Plan, policy: Policy) -> list[Waiting]:
    ahead: list[Waiting] = []
    for item, _ in board.queue(policy).walk(made.now, Closed()):
        if made.reserves and item.id == made.reserves[0].id:
            break
        ahead.append(item)
    return ahead


@given(seed=SEEDS)
@MANY
def test_I_S4_nothing_up_to_the_promised_head_waits_while_it_would_fit(seed: int) -> None:
    policy = policy_named("priority", quotas=Quotas(each_member=Quota(gpu_milli=4000, deployments=6)))
    board = random_board(seed)
    made = plan(board, policy, NOW)
    carry_out(board, made)
    for item in heads_before_first_promise(board, made, policy):
        if item.id not in board.pins and not shortfalls(board, policy.quotas, item):
            assert not fits_now(board, item), item


@given(seed=SEEDS)
@MANY
def test_I_S5_a_promised_start_never_moves_back_while_limits_are_kept(seed: int) -> None:
    """Nobody arrives; residents end at their limit or earlier; the promise to the head may only come nearer."""
    board, draw, now = random_board(seed), random.Random(seed), NOW
    policy = policy_named("priority", preemption=Preemption(enabled=False), aging=replace(Policy().aging, cap=0))
    promised: dict[str, int] = {}
    for _ in range(12):
        made = plan(board, policy, now)
        for reserve in made.reserves:
            assert reserve.at <= max(promised.get(reserve.id, reserve.at), now + 1)
            promised[reserve.id] = reserve.at
        for start in made.starts:
            assert now <= max(promised.get(start.id, now), now)
            if start.id in promised:
                assert now <= promised[start.id]
        carry_out(board, made)
        ends = sorted((h.ends_at, h.id) for h in board.holdings.values() if h.ends_at is not None)
        if not ends:
            return
        if draw.random() < 0.3:
            board.ended(draw.choice(ends)[1], now)
        now = max(now, ends[0][0]) if draw.random() < 0.7 else now
        for end, holding_id in ends:
            if end <= now and holding_id in board.holdings:
                board.ended(holding_id, now)
