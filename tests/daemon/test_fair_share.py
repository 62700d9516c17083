"""With the policy `fair`, who has used more falls behind, and the settled use of the past counts."""

from __future__ import annotations

from pathlib import Path

from core.clock import HOUR
from core.domain.lifecycle import State
from core.settings import Scheduling
from tests.daemon.world import RICH, World


def test_settled_use_puts_its_owner_behind(home: Path, store_url: str) -> None:
    world = World(home, store_url, scheduling=Scheduling(policy="fair", aging_most=0))
    try:
        greedy, modest = world.member("greedy", RICH), world.member("modest", RICH)
        world.cluster(gpu="1")
        world.submit("long", by=greedy, gpu="1", hours="8")
        daemon = world.daemon()
        world.pass_time(0, daemon)
        world.pass_time(8 * HOUR, daemon)
        blocker = world.submit("blocker", gpu="1", hours="1")
        world.pass_time(0, daemon)
        assert world.state(blocker) is State.RUNNING
        first = world.submit("first", by=greedy, gpu="1", hours="1")
        second = world.submit("second", by=modest, gpu="1", hours="1")
        queue = world.bursar.foresight.queue(world.olga, "sim").items
        assert [line.name for line in queue] == ["second", "first"], "asked for later, and served before"
        world.pass_time(HOUR, daemon)
        assert (world.state(first), world.state(second)) == (State.QUEUED, State.RUNNING)
    finally:
        world.close()
