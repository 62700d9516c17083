"""The rules of placement, order, quotas and dependencies, case by case; each case is named by a sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import HOUR, MINUTE
from core.domain.errors import Invalid
from core.domain.resources import Resources
from core.scheduler.board import Board
from core.scheduler.cycle import plan
from core.scheduler.facts import Usage
from core.scheduler.ordering import Closed
from core.scheduler.placement import refuse_impossible
from core.scheduler.policy import Aging, Policy, Quota, Quotas, policy_named
from core.scheduler.values import Claim, Dependency, Device, Gate, NodeState
from tests.scheduler.boards import NOW, amount, carry_out, job, node, running, service, started

# -- faults that must not come back --------------------------------------------------------------------------------


def test_two_deployments_of_one_gpu_book_exactly_two() -> None:
    board = Board([node("g", gpus=4)])
    for name in ("one", "two"):
        board.add_waiting(job(name, gpu=1))
    carry_out(board, plan(board, Policy(), NOW))
    assert sum(board.host_of["id-g"].free.gpus) == 2000
    assert board.held_by("lab").gpu_milli == 2000
    for name in ("one", "two"):
        board.ended(name, NOW)
    assert board.host_of["id-g"].free.gpus == [1000] * 4
    assert board.held_by("lab").gpu_milli == 0


def test_equal_priorities_are_served_by_submission_then_by_id() -> None:
    board = Board([node("g", cpu=4)])
    for name, submitted in (("b", NOW), ("a", NOW), ("c", NOW - 1)):
        board.add_waiting(job(name, cpu=2, submitted_at=submitted))
    assert started(board) == ["c", "a"]


def test_an_impossible_request_is_refused_with_the_largest_that_could() -> None:
    nodes = [node("small", gpus=4), node("large", gpus=8)]
    with pytest.raises(Invalid) as refused:
        refuse_impossible(nodes, job("wish", gpu=16, priority=9))
    assert refused.value.message == "no node can hold 16 GPUs; the largest has 8"


REFUSED = [
    ("a model that no node has", {"gpu": 1, "gpu_models": frozenset({"h100"})}, "no node has a GPU of model h100"),
    ("a label that no node has", {"labels": frozenset({"ssd"})}, "no node has the labels ssd"),
    ("more replicas than all nodes hold", {"gpu": 8, "replicas": 3}, "the cluster cannot hold 3 replicas"),
    ("more memory than any node has", {"ram": 9999}, "no node can hold 9999 GiB; the largest has"),
    ("more CPUs than any node has", {"cpu": 9999}, "no node can hold 9999 CPUs; the largest has"),
    (
        "disk where there is less",
        {"resources": Resources(1000, 1024, 0, 2_000_000)},
        "no node can hold 1953.1 GiB of disk; the largest has",
    ),
]


@pytest.mark.parametrize(("what", "wish", "message"), REFUSED, ids=[what for what, *_ in REFUSED])
def test_is_refused_at_submission(what: str, wish: dict[str, object], message: str) -> None:
    with pytest.raises(Invalid) as refused:
        refuse_impossible([node("a", gpus=8), node("b", gpus=8)], job("wish", **wish))  # type: ignore[arg-type]
    assert refused.value.message.startswith(message)


@pytest.mark.parametrize(
    ("wish", "hint"),
    [
        (
            Resources(1000, 1024, 1000, 0),
            "leave gpu out, or an operator gives it some: bursar cluster set CLUSTER gpu=N",
        ),
        (
            Resources(1000, 1024, 0, 10),
            "leave disk out, or an operator gives it some: bursar cluster set CLUSTER disk=N",
        ),
    ],
)
def test_what_no_node_has_any_of_is_named_with_what_would_help(wish: Resources, hint: str) -> None:
    with pytest.raises(Invalid) as refused:
        refuse_impossible([replace(node("n"), totals=Resources(8000, 8192, 0, 0))], job("wish", resources=wish))
    assert refused.value.message.endswith("; none has any")
    assert refused.value.hint == hint


def test_a_cluster_of_totals_alone_can_have_half_a_gpu() -> None:
    totals = Resources(8000, 16 * 1024, 1500, 0)
    board = Board([replace(node("t"), totals=totals, devices=(Device(), Device(milli=500)))])
    board.add_waiting(job("whole", gpu=1))
    board.add_waiting(job("half", gpu=0.5))
    assert [c.shares for s in plan(board, Policy(), NOW).starts for c in s.claims] == [((1, 500),), ((0, 1000),)]


# -- placement -----------------------------------------------------------------------------------------------------


def test_a_share_lies_inside_one_device_and_goes_where_the_least_is_left() -> None:
    g = node("g", gpus=3)
    board = Board([g], [running("a", g, devices=(0,), share=500), running("b", g, devices=(1,), share=250)])
    board.add_waiting(job("half", gpu=0.5))
    board.add_waiting(job("most", gpu=0.75))
    shares = {s.id: s.claims[0].shares for s in plan(board, Policy(), NOW).starts}
    assert shares == {"half": ((0, 500),), "most": ((1, 750),)}


def test_shares_that_add_up_are_not_a_device() -> None:
    g = node("g", gpus=2)
    board = Board([g], [running("a", g, devices=(0,), share=500), running("b", g, devices=(1,), share=500)])
    board.add_waiting(job("whole", gpu=1))
    assert started(board) == []


def test_one_who_wants_no_gpu_keeps_off_the_gpu_nodes() -> None:
    board = Board([node("g", gpus=4), node("z")])
    board.add_waiting(job("cpu"))
    assert plan(board, Policy(), NOW).starts[0].claims[0].node_id == "id-z"


@pytest.mark.parametrize("state", [NodeState.CORDONED, NodeState.DRAINED, NodeState.DOWN])
def test_a_node_that_is_not_up_takes_nothing_new(state: NodeState) -> None:
    board = Board([node("g", state=state)])
    board.add_waiting(job("any"))
    assert started(board) == []
    board.node_changed(node("g"))
    assert started(board) == ["any"]


def test_a_gang_starts_whole_or_not_at_all() -> None:
    g, h = node("g", gpus=2), node("h", gpus=2)
    board = Board([g, h], [running("busy", g, devices=(0,), hours=None, priority=90)])
    board.add_waiting(job("gang", gpu=1, replicas=4))
    assert started(board) == []
    board.ended("busy", NOW)
    assert len(plan(board, Policy(), NOW).starts[0].claims) == 4


def test_a_gang_that_spreads_takes_a_node_for_each() -> None:
    board = Board([node("a", gpus=4), node("b", gpus=4)])
    board.add_waiting(job("gang", gpu=1, replicas=2, spread=True))
    assert {c.node_id for c in plan(board, Policy(), NOW).starts[0].claims} == {"id-a", "id-b"}


def test_foreign_use_is_not_free() -> None:
    g = node("g", gpus=2)
    board = Board([g], foreign=[Claim(g.id, amount(gpu=1), ((0, 1000),))])
    board.add_waiting(job("pair", gpu=2))
    assert started(board) == []
    board.foreign_changed(g.id, None)
    assert started(board) == ["pair"]


# -- backfill ------------------------------------------------------------------------------------------------------


def two_thirds_taken(**more: object) -> Board:
    g = node("g", cpu=3)
    return Board([g], [running("busy", g, cpu=2, hours=2, priority=90, **more)])  # type: ignore[arg-type]


def test_backfill_takes_what_is_over_before_the_promised_start_and_leaves_the_rest() -> None:
    board = two_thirds_taken()
    board.add_waiting(job("head", cpu=3, priority=60))
    board.add_waiting(job("long", cpu=1, hours=1.1))
    board.add_waiting(job("short", cpu=1, hours=1))
    made = plan(board, Policy(), NOW)
    assert [(r.id, r.at) for r in made.reserves] == [("head", NOW + HOUR)]
    assert [s.id for s in made.starts] == ["short"]


def test_a_service_is_backfilled_only_beside_what_the_head_needs() -> None:
    board = two_thirds_taken()
    board.add_waiting(job("head", cpu=2.5, priority=60))
    board.add_waiting(service("large", cpu=1))
    board.add_waiting(service("small", cpu=0.5))
    assert started(board) == ["small"]


def test_a_head_without_a_foreseeable_start_blocks_nobody() -> None:
    g = node("g", cpu=3)
    board = Board([g], [running("for ever", g, cpu=2, hours=None, priority=90)])
    board.add_waiting(job("head", cpu=3, priority=60))
    board.add_waiting(service("small", cpu=1))
    made = plan(board, Policy(), NOW)
    assert made.reserves == () and [s.id for s in made.starts] == ["small"]


def test_an_overdue_end_keeps_the_promise_within_reach() -> None:
    board = two_thirds_taken(since=NOW - 5 * HOUR)
    board.add_waiting(job("head", cpu=3))
    assert plan(board, Policy(), NOW).reserves[0].at == NOW + 1


def test_without_backfill_nothing_passes_a_blocked_head() -> None:
    board = two_thirds_taken()
    board.add_waiting(job("head", cpu=3, priority=60))
    board.add_waiting(job("short", cpu=1, hours=0.5))
    assert started(board, policy_named("priority", backfill=False)) == []


def test_several_promises_are_kept_at_once() -> None:
    board = two_thirds_taken()
    board.add_waiting(job("first", cpu=3, hours=1, priority=60))
    board.add_waiting(job("second", cpu=3, hours=1, priority=55))
    board.add_waiting(job("short", cpu=1, hours=1))
    made = plan(board, policy_named("priority", reservations=2), NOW)
    assert [(r.id, r.at) for r in made.reserves] == [("first", NOW + HOUR), ("second", NOW + 2 * HOUR)]
    assert [s.id for s in made.starts] == ["short"]


# -- holding back --------------------------------------------------------------------------------------------------

HELD_BACK = [
    ("while a gate is closed", {"gates": (Gate("awaiting_approval"),)}),
    ("while what it follows is alive", {"after": (Dependency("other"),)}),
    ("when what it follows failed", {"after": (Dependency("other", succeeded=False),)}),
    ("before its own start time", {"not_before": NOW + 1}),
]


@pytest.mark.parametrize(("when", "facts"), HELD_BACK, ids=[when for when, _ in HELD_BACK])
def test_waits_and_blocks_nobody(when: str, facts: dict[str, object]) -> None:
    board = Board([node("n", cpu=1)])
    board.add_waiting(job("held", priority=100, **facts))  # type: ignore[arg-type]
    board.add_waiting(job("free", priority=1))
    assert started(board) == ["free"]


def test_I_S1_nothing_starts_before_its_approval() -> None:
    board = Board([node("n")])
    asked = job("asked", gates=(Gate("awaiting_approval"),))
    board.add_waiting(asked)
    assert started(board) == []
    board.change_waiting(replace(asked, gates=()))
    assert started(board) == ["asked"]


def test_a_dependency_that_need_not_succeed_is_met_by_any_end() -> None:
    board = Board([node("n")])
    board.add_waiting(job("any", after=(Dependency("other", needs_success=False, succeeded=False),)))
    assert started(board) == ["any"]


def test_one_whose_dependency_failed_is_doomed_by_name() -> None:
    board = Board([node("n")])
    board.add_waiting(job("child", after=(Dependency("parent", succeeded=False),)))
    (doom,) = plan(board, Policy(), NOW).dooms
    assert (doom.id, doom.dependency) == ("child", "parent")


def test_its_own_start_time_lets_it_in_by_itself() -> None:
    board = Board([node("n")])
    board.add_waiting(job("later", not_before=NOW + MINUTE))
    assert started(board) == []
    assert started(board, now=NOW + MINUTE) == ["later"]


# -- quotas --------------------------------------------------------------------------------------------------------


def test_a_quota_makes_wait_and_lets_others_pass() -> None:
    g = node("g", gpus=4)
    board = Board([g], [running("held", g, devices=(0, 1))])
    quotas = Quotas(each_member=Quota(gpu_milli=3000))
    board.add_waiting(job("over", gpu=2, priority=90))
    board.add_waiting(job("within", gpu=1, priority=80))
    board.add_waiting(job("other", gpu=1, member="bob", priority=10))
    assert started(board, policy_named("priority", quotas=quotas)) == ["within", "other"]


def test_the_org_quota_counts_all_its_members() -> None:
    board = Board([node("g", gpus=4)])
    quotas = Quotas(orgs={"lab": Quota(deployments=1)})
    for name, member in (("a", "ann"), ("b", "bob")):
        board.add_waiting(job(name, member=member))
    board.add_waiting(job("c", org="shop"))
    assert started(board, policy_named("priority", quotas=quotas)) == ["a", "c"]


# -- aging and fair share ------------------------------------------------------------------------------------------


def order(board: Board, policy: Policy, now: int = NOW) -> list[str]:
    return [item.id for item, _ in board.queue(policy).walk(now, Closed())]


def test_aging_lifts_by_one_point_in_ten_minutes_and_stops_at_the_cap() -> None:
    board = Board([node("n", cpu=1)])
    board.add_waiting(job("old", priority=10, submitted_at=NOW - 390 * MINUTE))
    board.add_waiting(job("new", priority=50))
    assert order(board, Policy()) == ["new", "old"]
    assert order(board, Policy(), NOW + 20 * MINUTE) == ["new", "old"]  # both gained two
    board.add_waiting(job("newer", priority=50, submitted_at=NOW + 20 * MINUTE))
    assert order(board, Policy(), NOW + 20 * MINUTE) == ["new", "old", "newer"]
    board.add_waiting(job("high", priority=51, submitted_at=NOW + 1000 * MINUTE))
    assert order(board, Policy(), NOW + 1000 * MINUTE) == ["new", "newer", "high", "old"]


def test_aging_counts_only_while_eligible() -> None:
    board = Board([node("n", cpu=1)])
    board.add_waiting(job("approved late", submitted_at=NOW - HOUR, eligible_since=NOW))
    board.add_waiting(job("submitted later", submitted_at=NOW - MINUTE))
    assert order(board, Policy()) == ["submitted later", "approved late"]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 4), st.integers(1, 240)), min_size=1, max_size=25))
@settings(max_examples=40, deadline=None)
def test_I_S7_one_is_passed_only_by_higher_ones_and_starts_within_the_stated_bound(
    crowd: list[tuple[int, int, int]],
) -> None:
    """A stream of small jobs that never rank above cap + base cannot keep a large job waiting for ever.

    Bound: the time to the cap, plus the limits of all that stand before it then, plus what runs.
    """
    policy = policy_named("priority", aging=Aging(step_ms=60_000, cap=50))
    board, now = Board([node("n", cpu=4)]), NOW
    board.add_waiting(job("large", cpu=4, hours=1, priority=0))
    cap_at = NOW + 50 * MINUTE
    longest = max(minutes for *_, minutes in crowd) * MINUTE
    number = 0
    for step in range(2000):
        priority, cpu, minutes = crowd[step % len(crowd)]
        if len(board.waiting) < 6:
            board.add_waiting(job(f"s{number}", cpu=cpu, hours=minutes / 60, priority=priority, submitted_at=now))
            number += 1
        carry_out(board, plan(board, policy, now))
        if "large" in board.holdings:
            break
        now = min(h.ends_at for h in board.holdings.values() if h.ends_at is not None)
        for holding in [h for h in board.holdings.values() if h.ends_at is not None and h.ends_at <= now]:
            board.ended(holding.id, now)
    assert "large" in board.holdings
    assert now <= cap_at + longest + 6 * longest


def test_whoever_used_more_falls_back_and_use_fades() -> None:
    board = Board([node("n", cpu=1)], usage={("lab", "ann"): Usage(1000, NOW), ("lab", "bob"): Usage(0, NOW)})
    board.add_waiting(job("ann", member="ann", submitted_at=NOW - MINUTE))
    board.add_waiting(job("bob", member="bob"))
    assert order(board, policy_named("priority")) == ["ann", "bob"]
    assert order(board, policy_named("fair")) == ["bob", "ann"]


def test_a_burst_of_a_hundred_gains_nothing_because_holds_count_at_once() -> None:
    board = Board([node("n", cpu=4)])
    for i in range(100):
        board.add_waiting(job(f"burst{i:03}", member="ann", hold=100, submitted_at=NOW - 2))
    for i in range(4):
        board.add_waiting(job(f"calm{i}", member="bob", hold=100, submitted_at=NOW - 1))
    assert started(board, policy_named("fair")) == ["calm0", "calm1", "calm2", "calm3"]


# -- the feed ------------------------------------------------------------------------------------------------------
