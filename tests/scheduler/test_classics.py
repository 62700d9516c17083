"""Against independent yardsticks: EASY backfill start by start, and whole small worlds played to their end."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import HOUR, MINUTE
from core.scheduler import guard
from core.scheduler.board import Board
from core.scheduler.cycle import plan
from core.scheduler.guard import VirtualEasy
from core.scheduler.ordering import Closed
from core.scheduler.policy import Policy, Smart, policy_named
from core.scheduler.values import Waiting
from tests.bench import machine
from tests.bench.logs import Job, figures, generated
from tests.bench.machine import Replay, quiet
from tests.scheduler.boards import NOW, carry_out, job, node, random_board, random_item, running
from tests.scheduler.test_pass import rebuilt


def random_log(seed: int, count: int, procs: int, *, exact: bool = False) -> list[Job]:
    """No two instants are equal, so that no tie has to be broken."""
    draw = random.Random(seed)
    jobs, now = [], 0.0
    for i in range(count):
        now = round(now + draw.expovariate(1 / 300) + 0.001, 3)
        run = round(draw.lognormvariate(6, 1.5) + draw.random(), 3)
        estimate = run if exact else round(run * draw.choice((1.001, 1.5, 3, 10)) + draw.random(), 3)
        jobs.append(Job(f"{i:04}", now, run, estimate, draw.randrange(1, procs + 1), f"u{i % 7}"))
    return jobs


def easy_by_hand(jobs: list[Job], procs: int) -> dict[str, float]:
    """Counting only: one number of free processors, one reservation for the head. Written without the scheduler."""
    starts: dict[str, float] = {}
    queue: list[Job] = []
    running_now: list[tuple[float, float, int]] = []  # real end, estimated end, processors
    coming = list(jobs)
    while coming or running_now:
        now = min([j.submit for j in coming[:1]] + [end for end, _, _ in running_now])
        running_now = [r for r in running_now if r[0] > now]
        while coming and coming[0].submit <= now:
            queue.append(coming.pop(0))
        free = procs - sum(n for _, _, n in running_now)
        for waiting in list(queue):
            head = queue[0]
            fits = waiting.n <= free
            if fits and waiting is not head:
                later, shadow = free, now
                for _, estimated, n in sorted(running_now, key=lambda r: r[1]):
                    later, shadow = later + n, estimated
                    if later >= head.n:
                        break
                fits = now + waiting.est <= shadow or waiting.n <= later - head.n
            if fits:
                starts[waiting.id] = now
                queue.remove(waiting)
                free -= waiting.n
                running_now.append((now + waiting.run, now + waiting.est, waiting.n))
    return starts


@pytest.mark.parametrize("seed", range(4))
def test_backfill_is_easy_start_by_start(seed: int) -> None:
    procs = 32
    jobs = random_log(seed, 250, procs)
    Replay(jobs, quiet(policy_named("priority")), 1, procs, gpus=False).run()
    expected = easy_by_hand(jobs, procs)
    assert {j.id: round(j.start, 3) for j in jobs} == {i: round(at, 3) for i, at in expected.items()}
    assert any(a.start > b.start for a, b in pairwise(jobs)), "nobody was backfilled"


@pytest.mark.parametrize("seed", range(3))
def test_the_virtual_easy_of_the_guard_waits_as_long_as_easy_does(seed: int) -> None:
    procs = 32
    jobs = random_log(seed, 200, procs, exact=True)
    starts = easy_by_hand(jobs, procs)
    virtual = VirtualEasy()
    for one in jobs:
        share = one.n * VirtualEasy.WHOLE // procs
        virtual.arrive(one.id, round(one.submit * 1e6), share, round(one.est * 1e6))
    virtual.worst_until(10**15)
    longest = max(starts[j.id] - j.submit for j in jobs)
    assert virtual.longest_wait == pytest.approx(longest * 1e6, abs=10)


def test_the_virtual_easy_learns_when_something_ends_early() -> None:
    virtual = VirtualEasy()
    virtual.arrive("a", 0, VirtualEasy.WHOLE, 100)
    virtual.arrive("b", 0, VirtualEasy.WHOLE, 100)
    virtual.learn("a", 40, 40)
    virtual.worst_until(50)
    assert virtual.longest_wait == 40


@pytest.mark.parametrize(("looked_at", "longest"), [(2, 198), (1, 207)])
def test_the_virtual_easy_looks_only_so_far_behind_its_head(
    monkeypatch: pytest.MonkeyPatch, looked_at: int, longest: int
) -> None:
    monkeypatch.setattr(guard, "LOOKED_AT", looked_at)
    half, virtual = VirtualEasy.WHOLE // 2, VirtualEasy()
    virtual.arrive("runs", 0, half, 100)
    virtual.arrive("head", 1, VirtualEasy.WHOLE, 100)
    virtual.arrive("wide", 2, VirtualEasy.WHOLE, 10)
    virtual.arrive("small", 3, half, 50)  # fits beside what runs, until the head can start
    assert virtual.worst_until(1000) == longest


# -- smart ---------------------------------------------------------------------------------------------------------


def order(board: Board, policy: Policy, now: int) -> list[str]:
    return [item.id for item, _ in board.queue(policy).walk(now, Closed())]


def test_smart_serves_the_least_expected_work_first_within_a_priority() -> None:
    board = Board([node("n", cpu=4)])
    board.add_waiting(job("long", hours=8))
    board.add_waiting(job("wide", cpu=4, hours=1))
    board.add_waiting(job("small", hours=1))
    board.add_waiting(job("urgent", cpu=4, hours=8, priority=60))
    assert order(board, policy_named("smart"), NOW) == ["urgent", "small", "wide", "long"]


def test_smart_learns_from_what_the_last_runs_of_a_member_took() -> None:
    n = node("n", cpu=4)
    board, policy = Board([n], [running("before", n, since=NOW - MINUTE, hours=8)]), policy_named("smart")
    board.add_waiting(job("hers", hours=8))
    board.add_waiting(job("his", hours=4, member="bob"))
    assert order(board, policy, NOW) == ["his", "hers"]
    board.ended("before", NOW)
    assert order(board, policy, NOW) == ["hers", "his"]


def test_smart_puts_the_overdue_first_and_promises_more_of_them() -> None:
    n = node("n", cpu=4)
    board = Board([n], [running("busy", n, cpu=4, hours=40, since=NOW - HOUR, priority=90)])
    policy = policy_named("smart", smart=Smart(tiny_permille=0))
    for i in range(3):
        board.add_waiting(job(f"old{i}", cpu=4, hours=8, submitted_at=NOW - (9 - i) * HOUR))
    board.add_waiting(job("new", cpu=2, hours=1))
    assert order(board, policy, NOW - 3 * HOUR)[0] == "new"
    assert order(board, policy, NOW) == ["old0", "old1", "old2", "new"]
    assert [r.id for r in plan(board, policy, NOW).reserves] == ["old0", "old1", "old2", "new"]


@given(seed=st.integers(0, 1_000_000))
@settings(max_examples=60, deadline=None)
def test_smart_keeps_its_order_whatever_comes_and_goes_and_shows_the_same_to_whoever_asks_for_less(seed: int) -> None:
    """Kept from event to event it is the order of a queue built anew; of some classes it is the same order."""
    draw = random.Random(seed)
    policy = policy_named("smart", smart=Smart(percent=0, tiny_permille=draw.choice((0, 200))))
    board = random_board(seed, crowd=25)
    first = order(board, policy, NOW)
    for holding_id in draw.sample(sorted(board.holdings), len(board.holdings) // 2):
        board.ended(holding_id, NOW)
    for waiting_id in draw.sample(first, len(first) // 3):
        board.remove_waiting(waiting_id)
    for i in range(draw.randrange(5)):
        board.add_waiting(random_item(draw, f"late{i}", NOW - draw.randrange(12) * HOUR))
    after = order(board, policy, NOW)
    if not policy.smart.tiny_permille:  # what is tiny is learned from the way that things came
        assert after == order(rebuilt(board, seed), policy, NOW)
    queue = board.queue(policy)
    assert [queue.ahead_of(board.waiting[i], NOW) for i in after] == list(range(len(after)))
    some = draw.sample(list(board.classes.values()), len(board.classes) // 2)
    shown = [item.id for item, _ in queue.walk(NOW, Closed(), some)]
    assert shown == [i for i in after if board.class_of(board.waiting[i]) in some]


def test_smart_shows_nothing_more_of_a_class_that_is_closed_on_the_way() -> None:
    board = Board([node("n")])
    for i in range(4):
        board.add_waiting(job(f"wide{i}", cpu=4))
        board.add_waiting(job(f"small{i}", cpu=1))
    closed, shown = Closed(), []
    for item, klass in board.queue(policy_named("smart")).walk(NOW, closed, list(board.classes.values())):
        shown.append(item.id)
        closed.classes.add(klass)
    assert shown == ["small0", "wide0"]


@given(seed=st.integers(0, 1_000_000))
@settings(max_examples=30, deadline=None)
def test_I_S8_smart_too_is_deterministic_and_leaves_no_trace(seed: int) -> None:
    board, policy = random_board(seed), policy_named("smart")
    first = plan(board, policy, NOW)
    assert plan(board, policy, NOW) == first
    carry_out(board, first)
    for host in board.hosts:
        assert not host.free.is_overbooked()


@pytest.mark.parametrize(("remembers", "most"), [(2000, 1.15), (0, 9.0)], ids=["by the store", "by nothing"])
def test_smart_keeps_the_longest_wait_in_bounds_though_it_is_started_anew_every_six_hours(
    monkeypatch: pytest.MonkeyPatch, remembers: int, most: float
) -> None:
    """Without the last arrivals of the store, who waits long would be overtaken by ever more who seem tiny."""
    monkeypatch.setattr(machine, "MOST_ARRIVALS", remembers)
    longest = []
    for anew_every in (None, 6 * 3600):
        log = generated(1500)
        replayed = Replay(log, quiet(policy_named("smart")), 1, 128, gpus=False)
        replayed.anew_every = anew_every
        replayed.run()
        longest.append(figures(log, 128)["longest"])
    assert replayed.rebuilt > 25
    assert longest[1] <= most * longest[0]
    assert remembers or longest[1] > 2 * longest[0], "or there would be no need to remember"


def test_smart_waits_less_than_easy_on_a_busy_log_and_everybody_starts() -> None:
    log = random_log(5, 400, 32)
    Replay(log, quiet(policy_named("priority")), 1, 32, gpus=False).run()
    easy = figures(log, 32)
    Replay(log, quiet(policy_named("smart")), 1, 32, gpus=False).run()
    assert all(j.end > 0 for j in log)
    assert figures(log, 32)["bsld"] < easy["bsld"]


# -- small worlds with preemption ----------------------------------------------------------------------------------


@given(seed=st.integers(0, 1_000_000))
@settings(max_examples=12, deadline=None)
def test_I_S6_in_a_world_with_preemption_evictions_do_not_chain_and_everything_ends(seed: int) -> None:
    draw, now = random.Random(seed), NOW
    board = Board([node("a", cpu=16, gpus=4), node("b", cpu=8, gpus=2)])
    items: dict[str, Waiting] = {}
    done: set[str] = set()
    evicted_at: dict[str, int] = {}
    coming = [
        (
            NOW + draw.randrange(0, 600) * MINUTE,
            f"d{i:02}",
            draw.choice((10, 50, 50, 70, 90)),
            draw.choice((1, 1, 2, 4)),
        )
        for i in range(40)
    ]
    coming.sort()
    for _ in range(3000):
        while coming and coming[0][0] <= now:
            at, name, priority, gpu = coming.pop(0)
            items[name] = job(name, gpu=gpu, hours=draw.choice((0.5, 1, 3)), priority=priority, submitted_at=at)
            board.add_waiting(items[name])
        made = plan(board, Policy(), now)
        for preempt in made.preempts:
            asker = preempt.for_id
            assert asker not in evicted_at or board.last_ended_at > evicted_at[asker]
            assert all(board.holdings[v].priority <= items[asker].priority - 10 for v in preempt.victims)
            assert all(board.holdings[v].preemptions < 3 for v in preempt.victims)
        carry_out(board, made)
        if not (coming or board.waiting or board.holdings):
            break
        instants = [at for at, *_ in coming[:1]]
        instants += [h.ends_at for h in board.holdings.values() if h.ends_at is not None]
        instants += [h.started_at + 10 * MINUTE for h in board.holdings.values()]
        now = min(i for i in instants if i > now)
        for holding in [h for h in board.holdings.values() if h.ends_at is not None and h.ends_at <= now]:
            board.ended(holding.id, now)
            if holding.pinned_for is None:
                done.add(holding.id)
                continue
            evicted_at[holding.id] = now
            again = replace(items[holding.id], preempted_at=now, preemptions=holding.preemptions + 1)
            board.add_waiting(again)
    assert done == set(items) and not coming
    assert all(host.free.cpu == host.node.totals.cpu_milli for host in board.hosts)
    assert board.held_by("lab").deployments == 0
