"""A deletion is taken back within its window: whole, or with one sentence that says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.clock import DAY, HOUR
from core.domain.errors import Conflict, NotFound
from core.domain.lifecycle import State
from core.settings import Retention
from tests.daemon.world import World


@pytest.fixture
def sim(world: World) -> World:
    world.cluster()
    return world


def deleted(world: World, name: str = "vm", **asked: str) -> str:
    handle = world.submit(name, kind="vm", image="debian-12", **asked)
    daemon = world.daemon()
    daemon.once()
    world.clock.advance(HOUR)
    world.bursar.deployments.delete(world.olga, handle)
    daemon.once()
    assert world.state(handle) is State.DELETED
    return handle


def test_a_machine_comes_back_stopped_and_starts_again_with_its_disk(sim: World) -> None:
    vm = deleted(sim)
    ended = sim.row(vm).ended_at
    cost = sim.cost(vm)
    (step,) = sim.bursar.deployments.show(sim.olga, vm).next
    assert (step.action, step.state) == ("undelete", State.STOPPED)
    card = sim.bursar.deployments.undelete(sim.olga, vm)
    assert (card.state, sim.row(vm).ended_at, sim.cost(vm)) == (State.STOPPED, ended, cost)
    sim.bursar.deployments.start(sim.olga, vm)
    sim.daemon().once()
    assert sim.state(vm) is State.RUNNING
    assert sim.control().ever_created() == 1, "it is the same machine, switched on again"


def test_a_name_that_is_in_use_by_now_is_one_clear_conflict(sim: World) -> None:
    vm = deleted(sim)
    other = sim.submit("vm", kind="vm", image="debian-12")
    with pytest.raises(Conflict) as refused:
        sim.bursar.deployments.undelete(sim.olga, vm)
    assert (refused.value.code, refused.value.message) == ("name_taken", f"name already used by {other}")
    sim.bursar.deployments.cancel(sim.olga, other)
    assert sim.bursar.deployments.undelete(sim.olga, vm).state is State.STOPPED


def test_what_is_not_deleted_cannot_be_undeleted(sim: World) -> None:
    web = sim.submit("web")
    with pytest.raises(Conflict) as refused:
        sim.bursar.deployments.undelete(sim.olga, web)
    assert refused.value.message == "cannot undelete a deployment that is queued"
    with pytest.raises(NotFound):
        sim.bursar.deployments.undelete(sim.olga, "nothing")


def test_after_its_window_it_stays_a_tombstone(home: Path) -> None:
    world = World(home, retention=Retention(undelete_ms=2 * DAY // 1000))
    world.cluster()
    vm = deleted(world)
    world.clock.advance(2 * DAY - 1)
    world.bursar.deployments.undelete(world.olga, vm)
    world.bursar.deployments.delete(world.olga, vm)
    world.clock.advance(2 * DAY)
    with pytest.raises(Conflict) as refused:
        world.bursar.deployments.undelete(world.olga, vm)
    assert refused.value.code == "too_late"
    world.close()


def test_what_was_swept_away_has_lost_what_it_ran_and_stays_so(home: Path) -> None:
    sim = World(home, retention=Retention(terminated_ms=DAY // 1000))
    sim.cluster()
    ran = sim.submit("ran", hours="1", labels={"sim.duration": "1m"})
    daemon = sim.daemon()
    daemon.once()
    sim.pass_time(HOUR, daemon)
    never = sim.submit("never", hours="1", cpu="8")
    sim.bursar.deployments.cancel(sim.olga, never)
    sim.clock.advance(2 * DAY)
    assert set(daemon.cleanup(apply=True).tombstones) == {ran, never}
    for handle in (ran, never):
        with pytest.raises(Conflict) as refused:
            sim.bursar.deployments.undelete(sim.olga, handle)
        assert refused.value.code == "too_late"
    sim.close()
