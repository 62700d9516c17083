"""Whoever follows a piece of advice gets what it says."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import MINUTE
from core.scheduler.advice import Advice, higher_priority, patience, shorter_limit, to_start
from core.scheduler.cycle import Pass, plan
from core.scheduler.placement import Shape
from core.scheduler.policy import Policy
from core.scheduler.reach import Reach
from core.scheduler.values import Waiting
from tests.scheduler.boards import NOW, random_board
from tests.scheduler.test_explain import one_org


def advice_for(made: Pass, item: Waiting) -> list[Advice]:
    """All that could be said to one of whom nothing but room is missing."""
    reach = Reach(made.board, Shape.of(item))
    if reach.places < item.replicas or made.place(made.board.class_of(item)) is not None:
        return []
    found: list[Advice | None] = []
    if reach.free < item.replicas:
        found += [*to_start(made, item, reach.hosts, reach.nearest[0]), higher_priority(made, item)]
    elif made.promises.made:
        found.append(shorter_limit(made, item, min(promise.at for promise in made.promises.made)))
    return [advice for advice in found if advice is not None]


@given(seed=st.integers(0, 1_000_000))
@settings(max_examples=80, deadline=None)
def test_whoever_follows_a_piece_of_advice_starts_or_preempts_in_that_pass(seed: int) -> None:
    board, policy = one_org(random_board(seed, crowd=18)), replace(Policy(), backfill_depth=None)
    draw = random.Random(seed)
    for item in list(board.waiting.values()):
        if draw.random() < 0.3:
            board.change_waiting(replace(item, labels=frozenset({"ssd"})))
    with board.trial():
        made = Pass(board, policy, NOW)
        made.run()
        left = [item for item in board.waiting.values() if item.id not in made.done or item.id in _promised(made)]
        given_to = {item.id: advice_for(made, item) for item in left if item.id not in board.pins}
    for waiting_id, pieces in given_to.items():
        before = board.waiting[waiting_id]
        for advice in pieces:
            board.change_waiting(advice.item)
            after = plan(board, policy, NOW)
            helped = {start.id for start in after.starts} | {preempt.for_id for preempt in after.preempts}
            assert waiting_id in helped, advice
        board.change_waiting(before)


def _promised(made: Pass) -> set[str]:
    return {promise.id for promise in made.promises.made}


@given(seed=st.integers(0, 1_000_000))
@settings(max_examples=150, deadline=None)
def test_one_who_is_asked_for_patience_preempts_when_it_was_said_and_not_before(seed: int) -> None:
    board, draw = one_org(random_board(seed, crowd=18)), random.Random(seed)
    for holding in list(board.holdings.values()):
        board.change_holding(replace(holding, started_at=NOW - draw.randrange(12) * MINUTE, limit_ms=None))
    for waiting_id in [i for i in sorted(board.waiting)[1:] if i not in board.pins]:
        board.remove_waiting(waiting_id)
    for item in [i for i in board.waiting.values() if i.id not in board.pins]:
        with board.trial():
            made = Pass(board, Policy(), NOW)
            made.run()
            _, sooner = patience(made, item) if item.id in _promised(made) or not made.promises.made else ("", None)
        if sooner is None or item.id in made.done:
            continue
        assert item.id not in {preempt.for_id for preempt in plan(board, Policy(), NOW).preempts}
        assert item.id in {preempt.for_id for preempt in plan(board, Policy(), sooner).preempts}
