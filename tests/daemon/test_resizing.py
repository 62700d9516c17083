"""A cluster is changed once it is there: never below what is held on it, and it works by the change at once."""

from __future__ import annotations

import pytest

from core.domain.cluster_requests import ClusterChange, NewNode
from core.domain.errors import BursarError, Conflict, Invalid
from core.domain.lifecycle import State
from core.domain.validation import validated
from core.views.work import ClusterCard
from tests.daemon.world import World


@pytest.fixture
def sim(world: World) -> World:
    world.cluster(cpu="8", ram="64", gpu="4")
    return world


def change(world: World, *words: str, node: str | None = None) -> ClusterCard:
    return world.bursar.clusters.change(world.olga, validated(ClusterChange, cluster="sim", change=words, node=node))


def refusal(world: World, *words: str, node: str | None = None) -> BursarError:
    before = world.bursar.clusters.show(world.olga, "sim")
    with pytest.raises(BursarError) as refused:
        change(world, *words, node=node)
    assert world.bursar.clusters.show(world.olga, "sim") == before, "nothing half done"
    return refused.value


def test_B60_a_size_below_use_is_refused_with_who_holds_it(sim: World) -> None:
    first, second = sim.submit("first", cpu="4", gpu="2"), sim.submit("second", cpu="2", gpu="0.5")
    sim.daemon().once()
    for too_little in ("cpu=5", "gpu=1", "gpu=0", "ram=1"):
        refused = refusal(sim, too_little)
        assert isinstance(refused, Conflict) and refused.code == "below_use"
        assert refused.message == f"node-1 is in use: 6 CPU, 2 GiB, 2.5 GPU by {first}, {second}"
    change(sim, "cpu=6", "gpu=3", "ram=2")
    assert sim.bursar.clusters.show(sim.olga, "sim").free.cpu_milli == 0


def test_B60_a_device_in_use_is_not_taken_away_though_there_were_enough_others(sim: World) -> None:
    works = [sim.submit(f"w{number}", gpu="1") for number in range(4)]
    daemon = sim.daemon()
    daemon.once()
    last = next(work for work in works if sim.bursar.deployments.show(sim.olga, work).gpu_devices == ("3",))
    for work in set(works) - {last}:
        sim.bursar.deployments.stop(sim.olga, work)
    daemon.once()
    assert refusal(sim, "gpu=3").message == f"node-1 is in use: 1 CPU, 1 GiB, 1 GPU by {last}"
    sim.bursar.deployments.stop(sim.olga, last)
    daemon.once()
    assert change(sim, "gpu=3").total.gpu_milli == 3_000


def test_what_waits_starts_once_there_is_room_and_the_default_limit_is_of_new_jobs(sim: World) -> None:
    daemon = sim.daemon()
    for number in range(2):
        sim.submit(f"w{number}", cpu="8", kind="job")
    daemon.once()
    waiting = "w1"
    assert sim.state(waiting) is State.QUEUED
    card = change(sim, "cpu=16", "default_hours=3")
    assert (card.total.cpu_milli, card.default_limit_ms) == (16_000, 3 * 3_600_000)
    daemon.once()
    assert sim.state(waiting) is State.RUNNING
    assert sim.row(sim.submit("later", kind="job")).limit_ms == 3 * 3_600_000
    assert ("cluster.change", sim.cluster_row().handle) in sim.events("cluster.")


def test_settings_of_the_driver_are_its_own_to_judge_and_an_empty_one_is_as_by_default(sim: World) -> None:
    assert change(sim, "boot=5s", "seed=7").settings["boot"] == "5s"
    work = sim.submit(hours="1")
    sim.daemon().once()
    assert sim.state(work) is State.STARTING, "it takes five seconds to boot now"
    assert "boot" not in change(sim, "boot=").settings
    assert refusal(sim, "boto=5s").code == "bad_setting"


def test_with_several_nodes_it_is_said_which(sim: World) -> None:
    sim.bursar.clusters.add_node(sim.olga, validated(NewNode, cluster="sim", name="big", cpu="64"))
    assert refusal(sim, "cpu=16").code == "which_node"
    assert refusal(sim, "cpu=16", node="bigger").code == "node_not_found"
    assert change(sim, "cpu=16", node="big").total.cpu_milli == 24_000


@pytest.mark.parametrize("words", [("cpu=-1",), ("cpu=0", "ram=0", "gpu=0", "disk=0"), ("cpu",), (), ("gpu=1.5",)])
def test_B60_what_is_no_size_is_refused(sim: World, words: tuple[str, ...]) -> None:
    with pytest.raises(Invalid):
        change(sim, *words)
