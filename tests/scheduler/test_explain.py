"""Reasons are numbers, name nobody of another org, and are all of them: clear what is listed and it starts."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import HOUR, MINUTE
from core.scheduler.board import Board
from core.scheduler.cycle import plan
from core.scheduler.decisions import Blocker, Code
from core.scheduler.explain import ANOTHER_ORG, OUTSIDE, explain
from core.scheduler.ordering import Closed
from core.scheduler.policy import Policy, Quota, Quotas, policy_named
from core.scheduler.values import Claim, Dependency, Gate, NodeState
from tests.scheduler.boards import NOW, amount, carry_out, job, node, random_board, running, service

G4 = node("g4", gpus=4)
G2 = node("g2", gpus=2)


def one_org(board: Board) -> Board:
    """The same board with all in one org, so that every holder is named."""
    return Board(
        [h.node for h in board.hosts],
        [replace(h, org="lab") for h in board.holdings.values()],
        [replace(w, org="lab") for w in board.waiting.values()],
        pins=list(board.pins.values()),
        last_ended_at=board.last_ended_at,
    )


def codes(board: Board, name: str, policy: Policy | None = None, now: int = NOW) -> list[Code]:
    return [b.code for b in explain(board, policy or Policy(), now, [name])[name].blockers]


HELD_BACK = (Code.GATE, Code.DEPENDENCY, Code.NOT_BEFORE)
QUOTA = (Code.QUOTA_MEMBER, Code.QUOTA_ORG)
HELD = (Code.CAPACITY, Code.FRAGMENTED)


def clear(board: Board, policy: Policy, name: str, blockers: tuple[Blocker, ...]) -> Policy:
    """Do what the blockers say would help: end the holders, let nobody stand before it, raise the quota."""
    queued = [i.id for i, _ in board.queue(policy).walk(NOW, Closed())]
    ahead = queued[: queued.index(name)] if name in queued else queued
    for blocker in blockers:
        if blocker.code in HELD_BACK:
            board.change_waiting(replace(board.waiting[name], gates=(), after=(), not_before=None))
        elif blocker.code in QUOTA:
            policy = replace(policy, quotas=Quotas())
        elif blocker.code in HELD:
            for holder in set(blocker.holders) & board.holdings.keys():
                board.ended(holder, NOW)
            for holder in set(blocker.holders) & board.waiting.keys() - {name}:
                board.remove_waiting(holder)
        elif blocker.code in (Code.AHEAD, Code.PROMISED):
            for other in set(ahead) & board.waiting.keys():
                board.remove_waiting(other)
    return policy


FINAL = {Code.IMPOSSIBLE, Code.NODES_AWAY}


@given(seed=st.integers(0, 1_000_000), quota=st.booleans())
@settings(max_examples=60, deadline=None)
def test_whatever_waits_starts_in_the_next_pass_once_its_listed_blockers_are_cleared(seed: int, quota: bool) -> None:
    quotas = Quotas(each_member=Quota(gpu_milli=2000, deployments=4)) if quota else Quotas()
    policy = policy_named("priority", quotas=quotas)
    board = one_org(random_board(seed))
    draw = random.Random(seed)
    for item in list(board.waiting.values()):
        held_back = draw.choice(({}, {}, {"gates": (Gate("held"),)}, {"not_before": NOW + HOUR}))
        board.change_waiting(replace(item, **held_back))
    for lapsed in plan(board, policy, NOW).unpins:
        board.unpin(lapsed.id)
    for name, explained in explain(board, policy, NOW).items():
        if explained.starts:
            assert name in {s.id for s in plan(board, policy, NOW).starts}
            continue
        assert explained.blockers, name
        listed = {b.code for b in explained.blockers}
        if listed & FINAL or Code.PREEMPTING in listed:
            continue
        after = one_org(board)
        cleared = clear(after, policy, name, explained.blockers)
        assert name in {s.id for s in plan(after, cleared, NOW).starts}, (name, explained)


@given(seed=st.integers(0, 1_000_000))
@settings(max_examples=60, deadline=None)
def test_an_explanation_names_nobody_of_another_org(seed: int) -> None:
    board = random_board(seed)
    carry_out(board, plan(board, Policy(), NOW))
    owner = {i: h.org for i, h in board.holdings.items()} | {i: w.org for i, w in board.waiting.items()}
    for name, explained in explain(board, Policy(), NOW).items():
        for blocker in explained.blockers:
            assert all(i in (ANOTHER_ORG, OUTSIDE) or owner[i] == owner[name] for i in blocker.holders)
            text = blocker.detail + blocker.suggestion
            assert not any(i in text for i, org in owner.items() if org != owner[name])


def test_all_blockers_come_at_once() -> None:
    board = Board([G4], [running("busy", G4, devices=(0, 1, 2), hours=None)])
    gate = Gate("credits_short", need=6000, have=0, unit="gpu_ms", suggestion="6.0 GPU-hours short")
    board.add_waiting(
        job("many", gpu=2, gates=(gate,), after=(Dependency("other"),), not_before=NOW + HOUR, priority=10)
    )
    policy = policy_named("priority", quotas=Quotas(each_member=Quota(gpu_milli=4000)))
    assert codes(board, "many", policy) == [
        Code.GATE,
        Code.DEPENDENCY,
        Code.NOT_BEFORE,
        Code.QUOTA_MEMBER,
        Code.CAPACITY,
        Code.NO_FORESEEABLE_START,
    ]


def test_need_have_holder_and_earliest_change_are_given() -> None:
    board = Board([G4], [running("mine", G4, devices=(0, 1)), running("theirs", G4, devices=(2,), org="shop")])
    board.add_waiting(job("wish", gpu=4, priority=50))
    (blocker,) = explain(board, Policy(), NOW)["wish"].blockers
    assert (blocker.need, blocker.have, blocker.unit) == (4000, 1000, "gpu_milli")
    assert blocker.holders == ("mine", ANOTHER_ORG)
    assert blocker.earliest == NOW + HOUR
    assert blocker.suggestion == "would start now with 1 GPU"


def test_advice_names_the_priority_at_which_it_would_preempt() -> None:
    board = Board([G2], [running("busy", G2, devices=(0, 1), hours=None, priority=50)])
    board.add_waiting(job("wish", gpu=1, priority=50))
    explained = explain(board, Policy(), NOW)["wish"]
    assert explained.blockers[0].suggestion == "at priority 60 it would preempt 1 deployment"
    assert [b.code for b in explained.blockers] == [Code.CAPACITY, Code.NO_FORESEEABLE_START]
    board.change_waiting(replace(board.waiting["wish"], priority=60))
    assert plan(board, Policy(), NOW).preempts[0].victims == ("busy",)


def test_advice_names_the_limit_with_which_it_would_be_backfilled() -> None:
    board = Board([G4], [running("busy", G4, devices=(0, 1, 2), hours=1.5, priority=90)])
    board.add_waiting(job("head", gpu=4, priority=90))
    board.add_waiting(job("long", gpu=1, hours=4, priority=10))
    explained = explain(board, Policy(), NOW)["long"]
    assert [b.code for b in explained.blockers] == [Code.PROMISED, Code.AHEAD]
    assert explained.blockers[0].suggestion == "would start now with a time limit of 30 m"
    board.change_waiting(replace(board.waiting["long"], limit_ms=30 * 60_000))
    assert [s.id for s in plan(board, Policy(), NOW).starts] == ["long"]


def test_free_but_not_together_is_called_fragmented() -> None:
    board = Board(
        [node("a", gpus=2), node("b", gpus=2)],
        [running("x", node("a"), devices=(0,), hours=1.5), running("y", node("b"), devices=(1,), hours=1.5)],
    )
    board.add_waiting(job("pair", gpu=2))
    assert codes(board, "pair") == [Code.FRAGMENTED]


def test_drained_nodes_and_impossible_requests_have_their_own_codes() -> None:
    board = Board([node("a", gpus=2, state=NodeState.DRAINED)])
    board.add_waiting(job("fits", gpu=2))
    board.add_waiting(job("never", gpu=16))
    assert codes(board, "fits") == [Code.NODES_AWAY]
    assert codes(board, "never") == [Code.IMPOSSIBLE]


def test_use_outside_is_named_as_such() -> None:
    board = Board([G2], foreign=[Claim(G2.id, amount(gpu=2), ((0, 1000), (1, 1000)))])
    board.add_waiting(job("wish", gpu=1))
    assert explain(board, Policy(), NOW)["wish"].blockers[0].holders == (OUTSIDE,)


def test_one_whose_victims_are_leaving_says_until_when() -> None:
    board = Board([G2], [running("victim", G2, devices=(0, 1), hours=None, priority=10)])
    board.add_waiting(job("head", gpu=2, priority=90))
    carry_out(board, plan(board, Policy(), NOW))
    (blocker,) = explain(board, Policy(), NOW + MINUTE)["head"].blockers
    assert (blocker.code, blocker.holders, blocker.earliest) == (Code.PREEMPTING, ("victim",), NOW + 2 * MINUTE)


def test_one_for_whom_the_next_pass_will_evict_is_told_what_it_lacks() -> None:
    held = [running(f"v{i}", G2, devices=(i,), hours=None, priority=10) for i in range(2)]
    board = Board([G2], held)
    for name in ("first", "second"):
        board.add_waiting(job(name, gpu=1, priority=90))
    one_each = policy_named("priority", preemption=replace(Policy().preemption, heads_per_pass=1))
    assert [p.for_id for p in plan(board, one_each, NOW).preempts] == ["first"]
    told = explain(board, one_each, NOW)["second"]
    assert [b.code for b in told.blockers] == [Code.CAPACITY, Code.AHEAD]
    assert told.blockers[1].holders == ("first",)


def test_position_counts_from_one_in_the_order_of_the_queue() -> None:
    board = Board([G2], [running("busy", G2, devices=(0, 1))])
    for name, priority in (("second", 50), ("first", 60), ("third", 40)):
        board.add_waiting(service(name, gpu=1, priority=priority, submitted_at=NOW))
    positions = {name: e.position for name, e in explain(board, Policy(), NOW).items()}
    assert positions == {"first": 1, "second": 2, "third": 3}
