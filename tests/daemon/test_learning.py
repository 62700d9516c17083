"""What the policy `smart` learns from the past is there again after the daemon was started anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.clock import MINUTE
from core.daemon.boards import KeptBoard
from core.domain.lifecycle import State
from core.scheduler.board import Board
from core.scheduler.fragments import mix_of
from core.scheduler.ordering import Closed
from core.scheduler.placement import Shape
from core.scheduler.policy import policy_named
from core.settings import Scheduling
from tests.daemon.world import World

SMART = policy_named("smart")


@pytest.fixture
def smart_world(home: Path, store_url: str) -> Iterator[World]:
    made = World(home, store_url, scheduling=Scheduling(policy="smart"))
    yield made
    made.close()


def board_after_restart(world: World) -> Board:
    daemon = world.daemon()
    assert daemon.lead()
    with world.units.lead(daemon.ground.leadership) as unit:
        return KeptBoard().current(unit, world.cluster_row(), (), SMART)


def test_the_last_runs_of_each_member_order_the_queue_again_after_a_restart(smart_world: World) -> None:
    world = smart_world
    world.cluster(cpu="2")
    ben = world.member("ben")
    daemon = world.daemon()
    for minutes in (5, 7, 9):
        handle = world.submit(f"ran{minutes}", cpu="2", kind="job", hours="4", labels={"sim.duration": f"{minutes}m"})
        for _ in range(12):
            world.pass_time(MINUTE, daemon)
        assert world.state(handle) is State.COMPLETED
    world.submit("busy", cpu="2", kind="service")
    world.pass_time(MINUTE, daemon)
    world.submit("hers", cpu="2", kind="job", hours="4")
    world.submit("his", by=ben, cpu="2", kind="job", hours="3")
    (tender,) = daemon.tenders()
    kept = tender.board.latest
    assert kept is not None
    learned = dict(kept.facts.last_runs)
    daemon.close()

    board = board_after_restart(world)
    assert board.facts.last_runs == learned == {(world.org_id, world.olga.account_id): (7 * 60, 9 * 60)}
    first = next(item for item, _ in board.queue(SMART).walk(world.clock.now(), Closed()))
    assert first.member == world.olga.account_id, "four hours asked for, but eight minutes expected"
    past = board.facts.arrivals
    assert [one.at for one in past] == sorted(one.at for one in past), "as they came"
    assert [(one.ran_ms, one.ended_at is not None) for one in past] == [
        (5 * 60_000, True),
        (7 * 60_000, True),
        (9 * 60_000, True),
        (0, False),
        (0, False),
    ], "a service takes no part, and those that wait are not over"


def test_what_is_usually_asked_for_is_the_mix_by_which_places_are_chosen(smart_world: World) -> None:
    world = smart_world
    world.cluster(cpu="64", gpu="2")
    for number in range(3):
        world.submit(f"half{number}", gpu="0.5", kind="service")
    world.submit("pair", gpu="1", kind="job", hours="1", replicas=2)
    mix = board_after_restart(world).facts.mix
    assert mix is not None
    half, whole = (Shape(world.row(name).resources) for name in ("half0", "pair"))
    assert mix.kinds == mix_of([half] * 3 + [whole] * 2).kinds
