"""The board as its feed moves it: what it refuses, what raises its version, what leaves no trace."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.clock import HOUR, MINUTE
from core.domain.errors import Conflict, Invalid
from core.scheduler.board import Board
from core.scheduler.cycle import plan
from core.scheduler.policy import Policy
from core.scheduler.values import Claim, Pin, Waiting
from tests.scheduler.boards import NOW, job, node, running, started


def test_what_no_placement_could_mean_is_refused_by_the_board() -> None:
    board = Board([node("n", gpus=4)])
    with pytest.raises(Invalid):
        board.add_waiting(job("odd", gpu=1.5))
    with pytest.raises(Invalid):
        board.add_waiting(job("none", replicas=0))


def test_the_same_deployment_does_not_wait_twice() -> None:
    board = Board([node("n")])
    board.add_waiting(job("one"))
    with pytest.raises(Conflict):
        board.add_waiting(job("one"))


def test_each_event_raises_the_version_and_a_pass_does_not() -> None:
    board = Board([node("n")], version=7)
    board.add_waiting(job("one"))
    plan(board, Policy(), NOW)
    assert board.version == 8


def test_a_node_in_use_is_not_removed() -> None:
    n = node("n")
    board = Board([n], [running("busy", n)])
    with pytest.raises(Conflict):
        board.node_removed(n.id)
    board.ended("busy", NOW)
    board.node_removed(n.id)
    assert board.hosts == []


def test_a_device_that_went_away_under_its_user_is_neither_free_nor_forgotten() -> None:
    g = node("g", gpus=2)
    board = Board([g], [running("on the lost one", g, devices=(1,))])
    board.node_changed(replace(g, totals=replace(g.totals, gpu_milli=1000), devices=g.devices[:1]))
    board.add_waiting(job("one", gpu=1))
    board.add_waiting(job("two", gpu=1))
    assert started(board) == ["one"]
    board.ended("on the lost one", NOW)
    assert started(board) == ["one"]


def test_a_pass_may_be_asked_about_an_earlier_instant() -> None:
    """An eviction that is ripe now was not yet then, and what was learned at one time does not stain the other."""
    g = node("g", gpus=2)
    board = Board([g], [running("victim", g, devices=(0, 1), hours=None, priority=10, since=NOW - 9 * MINUTE)])
    board.add_waiting(job("head", gpu=2, priority=90, submitted_at=NOW - 9 * MINUTE))
    for now, victims in ((NOW, 0), (NOW + MINUTE, 1), (NOW, 0), (NOW + MINUTE, 1)):
        assert len(plan(board, Policy(), now).preempts) == victims


def test_a_new_node_is_numbered_by_its_name() -> None:
    a, c = node("a"), node("c")
    board = Board([a, c], [running("busy", a), running("also", c)])
    plan(board, Policy(), NOW)
    board.node_changed(node("b", cpu=1))
    assert [h.node.name for h in board.hosts] == ["a", "b", "c"]
    assert set(board.host_of["id-c"].residents) == {"also"}
    board.add_waiting(job("x"))
    assert started(board) == ["x"]


def test_a_pinned_place_is_free_for_nobody_else() -> None:
    n = node("n", cpu=4)
    head: Waiting = job("head", cpu=3)
    board = Board([n], [], [head, job("quick", cpu=2, priority=100)])
    board.pin(Pin("head", (Claim(n.id, head.resources),), NOW + HOUR))
    assert started(board) == ["head"]


def test_whoever_is_given_more_time_takes_its_pinned_place_for_longer() -> None:
    """The next one is promised that place; a board that was moved says when as one does that is built anew."""
    n = node("n", cpu=4)
    leaves = running("leaves", n, cpu=4, ending_by=NOW + MINUTE, pinned_for="kept")
    kept, waits = job("kept", cpu=4, priority=90), job("waits", cpu=4)
    pin = Pin("kept", (Claim(n.id, kept.resources),), NOW + 10 * MINUTE)
    board = Board([n], [leaves], [kept, waits], pins=[pin])
    soon = plan(board, Policy(), NOW).reserves
    longer = replace(kept, limit_ms=3 * 3_600_000)
    board.change_waiting(longer)
    moved, anew = plan(board, Policy(), NOW), plan(Board([n], [leaves], [longer, waits], pins=[pin]), Policy(), NOW)
    assert moved.reserves == anew.reserves
    assert [late.at - early.at for late, early in zip(moved.reserves, soon, strict=True)] == [2 * HOUR]
