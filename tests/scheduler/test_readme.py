"""The worked picture of core/scheduler/README.md, number by number."""

from __future__ import annotations

from core.clock import HOUR, MINUTE
from core.scheduler.board import Board
from core.scheduler.cycle import plan
from core.scheduler.decisions import Code
from core.scheduler.explain import explain
from core.scheduler.policy import Policy
from tests.scheduler.boards import NOW, carry_out, job, node, running

N1, N2 = node("n1", gpus=4), node("n2", gpus=4)


def picture() -> Board:
    board = Board(
        [N1, N2],
        [
            running("a", N1, devices=(0, 1), hours=None, priority=40),
            running("b", N1, devices=(2, 3), hours=2, priority=60),
            running("c", N2, devices=(0, 1, 2), hours=1.5, priority=60),
        ],
    )
    board.add_waiting(job("urgent", gpu=2, hours=1, priority=90))
    board.add_waiting(job("train", gpu=4, hours=2, priority=60))
    board.add_waiting(job("sweep", gpu=0.5, hours=2, priority=50, submitted_at=NOW - 1))
    board.add_waiting(job("eval", gpu=0.5, hours=0.5, priority=50))
    return board


def test_the_worked_picture_is_what_a_pass_decides() -> None:
    board = picture()
    made = plan(board, Policy(), NOW)
    (preempt,), (reserve,), (start,) = made.preempts, made.reserves, made.starts
    assert (preempt.for_id, preempt.victims, preempt.claims[0].shares) == ("urgent", ("a",), ((0, 1000), (1, 1000)))
    assert preempt.grace_until == NOW + 2 * MINUTE
    assert (reserve.id, reserve.at, reserve.claims[0].node_id) == ("train", NOW + HOUR // 2, N2.id)
    assert (start.id, start.claims[0].node_id, start.claims[0].shares) == ("eval", N2.id, ((3, 500),))


def test_the_one_left_over_is_told_why_and_what_would_help() -> None:
    promised = explain(picture(), Policy(), NOW)["sweep"].blockers[0]
    assert (promised.code, promised.holders) == (Code.PROMISED, ("train",))
    assert promised.suggestion == "would start now with a time limit of 30 m"


def test_the_preemptor_starts_on_its_pinned_place_once_the_victim_is_gone() -> None:
    board = picture()
    made = plan(board, Policy(), NOW)
    carry_out(board, made)
    board.ended("a", NOW + MINUTE)
    assert plan(board, Policy(), NOW + MINUTE).starts[0].id == "urgent"
