"""Clusters: who makes them, who sees them, and what of them others learn."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.domain.cluster_requests import NewCluster, NewNode, Sharing
from core.domain.engines import GpuFound
from core.domain.errors import BursarError
from core.domain.resources import Resources
from core.domain.roles import Caller
from core.domain.validation import validated
from tests.builders import World, dump
from tests.drivers.docker_rig import SDK_LEAVES_SOCKETS
from tests.services.conftest import Team


@pytest.fixture
def other(small_team: Team) -> Caller:
    """The admin of another organization, `speech`."""
    founder = small_team.world.org(small_team.operator, "speech")
    return small_team.world.member(founder, "eva", "admin")


def refusal(call: Callable[[], object]) -> BursarError:
    with pytest.raises(BursarError) as refused:
        call()
    return refused.value


def refusal_or_none(call: Callable[[], object]) -> str | None:
    try:
        call()
    except BursarError as refused:
        return refused.code
    return None


def in_vision(team: Team) -> Caller:
    return replace(team.operator, org="vision")


def test_totals_make_one_node_and_all_of_it_is_free(small_team: Team) -> None:
    card = small_team.world.cluster(small_team.admin, cpu=64, ram=256, gpu=8)
    assert card.total == card.free == Resources(64_000, 256 * 1024, 8_000, 0)
    assert card.used == Resources()
    (node,) = card.nodes
    assert (node.name, node.state, len(node.gpus)) == ("node-1", "up", 8)
    assert (card.org, card.driver, card.version) == ("vision", "scripted", 1)


def test_admins_make_clusters_only_with_the_drivers_that_are_theirs(small_team: Team) -> None:
    create = small_team.world.bursar.clusters.create
    shell = validated(NewCluster, name="shell", driver="process", cpu=1)
    refused = refusal(lambda: create(small_team.admin, shell))
    assert (refused.kind, refused.code) == ("forbidden", "driver_for_operators")
    assert refusal(lambda: create(small_team.member, shell)).code == "not_allowed"
    assert create(in_vision(small_team), shell).driver == "process"


@SDK_LEAVES_SOCKETS
def test_by_itself_discovery_asks_what_this_host_has_and_tells_who_does_not_answer(
    small_team: Team, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = f"unix://{tmp_path}/nobody.sock"
    monkeypatch.setattr("core.drivers.docker.driver.sockets_here", lambda: (url,))
    clusters = small_team.world.bursar.clusters
    silent, machine = clusters.discover(in_vision(small_team)).items
    assert (silent.driver, dict(silent.settings), silent.total.is_nothing()) == ("docker", {"host": url}, True)
    assert "does not answer" in (silent.trouble or "")
    assert (machine.driver, dict(machine.settings), machine.trouble) == ("process", {}, None)
    assert machine.total.cpu_milli > 0
    assert clusters.discover(small_team.admin).items == (), "only what they may make a cluster of"
    given = refusal(lambda: clusters.discover(in_vision(small_team), None, {"host": url}))
    assert given.code == "settings_without_driver"
    gc.collect()  # before another test could be blamed for what the library left open


@pytest.mark.parametrize(("models", "node_has"), [(("H200", "H200"), "h200"), (("H200", "L4"), None)])
def test_a_machine_with_gpus_of_several_models_promises_none_of_them(
    small_team: Team, monkeypatch: pytest.MonkeyPatch, models: tuple[str, str], node_has: str | None
) -> None:
    gpus = tuple(GpuFound(f"GPU-{index}", index, model) for index, model in enumerate(models))
    monkeypatch.setattr("core.drivers.nvml.find_gpus", lambda _library: gpus)
    card = small_team.world.bursar.clusters.create(
        in_vision(small_team), validated(NewCluster, name="box", driver="process", set={"trust": "members"})
    )
    (node,) = card.nodes
    assert (node.gpu_model, [slot.id for slot in node.gpus]) == (node_has, ["GPU-0", "GPU-1"])
    asked = refusal_or_none(
        lambda: small_team.world.submit(small_team.member, "work", "box", gpu=1, gpu_model="H200", command=["true"])
    )
    assert asked == (None if node_has else "impossible_request")


def test_a_driver_that_is_not_there_is_told_with_those_that_are(small_team: Team) -> None:
    refused = refusal(lambda: small_team.world.cluster(in_vision(small_team), driver="scriptd"))
    assert refused.code == "unknown_driver"
    assert "scripted" in (refused.hint or "")


def test_a_name_is_taken_within_the_organization_alone(small_team: Team, other: Caller) -> None:
    small_team.world.cluster(small_team.admin, "rack")
    assert refusal(lambda: small_team.world.cluster(small_team.admin, "rack")).code == "cluster_name_taken"
    assert small_team.world.cluster(other, "rack").org == "speech"


def test_a_cluster_of_another_organization_is_not_there(small_team: Team, other: Caller) -> None:
    card = small_team.world.cluster(small_team.admin, "rack")
    for word in ("rack", card.id, card.id[:7]):
        theirs = refusal(lambda w=word: small_team.world.bursar.clusters.show(other, w))
        assert (theirs.kind, theirs.code) == ("not_found", "cluster_not_found")
    assert small_team.world.bursar.clusters.list(other).items == ()


def test_who_may_use_a_cluster_sees_what_is_free_and_not_who_else_is_there(small_team: Team, other: Caller) -> None:
    world = small_team.world
    world.cluster(small_team.admin, "rack", set=["seed=7"])
    assert refusal(lambda: world.share(small_team.admin, "rack", "speech")).code == "not_allowed"
    world.share(in_vision(small_team), "rack", "speech")
    assert refusal(lambda: world.share(in_vision(small_team), "rack", "speech")).code == "already_shared"
    seen = world.bursar.clusters.show(other, "rack")
    assert (seen.org, seen.shared_with, dict(seen.settings)) == ("another organization", (), {})
    assert seen.free == seen.total
    own = world.bursar.clusters.show(small_team.admin, "rack")
    assert (own.org, own.shared_with) == ("vision", ("speech",))
    assert dict(own.settings)["seed"] == "7"
    world.fund(other, credits=100, gpu_hours=10)
    assert world.submit(other, "theirs").cluster == "rack"


@pytest.mark.parametrize("verb", ["add_node", "set_node_state", "delete"])
def test_a_cluster_that_is_only_shared_is_not_theirs_to_change(small_team: Team, other: Caller, verb: str) -> None:
    clusters = small_team.world.bursar.clusters
    small_team.world.cluster(small_team.admin, "rack")
    small_team.world.share(in_vision(small_team), "rack", "speech")
    calls: dict[str, Callable[[Caller], object]] = {
        "add_node": lambda who: clusters.add_node(who, validated(NewNode, cluster="rack", name="node-2", cpu=1)),
        "set_node_state": lambda who: clusters.set_node_state(who, "rack", "node-1", "drained"),
        "delete": lambda who: clusters.delete(who, "rack"),
    }
    before = dump(small_team.world.store)
    refused = refusal(lambda: calls[verb](other))
    assert (refused.kind, refused.code) == ("forbidden", "not_your_cluster")
    assert "vision" not in refused.message
    assert dump(small_team.world.store) == before
    assert calls[verb](small_team.admin)


def test_nodes_are_added_and_drained_under_their_names(small_team: Team) -> None:
    clusters = small_team.world.bursar.clusters
    small_team.world.cluster(small_team.admin, "rack")
    node = validated(NewNode, cluster="rack", name="node-2", cpu=8, ram=16)
    card = clusters.add_node(small_team.admin, node)
    assert [one.name for one in card.nodes] == ["node-1", "node-2"]
    assert card.total.cpu_milli == 72_000
    assert refusal(lambda: clusters.add_node(small_team.admin, node)).code == "node_name_taken"
    assert refusal(
        lambda: clusters.add_node(small_team.admin, validated(NewNode, cluster="rack", name="node-3"))
    ).code == "node_without_size"  # fmt: skip
    drained = clusters.set_node_state(small_team.admin, "rack", "node-2", "drained")
    assert [one.state for one in drained.nodes] == ["up", "drained"]
    assert drained.version > card.version
    assert refusal(lambda: clusters.set_node_state(small_team.admin, "rack", "node-9", "up")).code == "node_not_found"


def test_a_cluster_in_use_is_not_deleted_and_the_others_in_it_are_counted_not_named(
    small_team: Team, other: Caller
) -> None:
    world = small_team.world
    world.cluster(small_team.admin, "rack")
    world.share(in_vision(small_team), "rack", "speech")
    for who in (small_team.member, other):
        world.fund(who, credits=100, gpu_hours=10)
    mine, theirs = world.submit(small_team.member, "mine"), world.submit(other, "theirs")
    refused = refusal(lambda: world.bursar.clusters.delete(small_team.admin, "rack"))
    assert refused.code == "cluster_in_use"
    assert mine.id in refused.message and "1 of other organizations" in refused.message
    assert theirs.id not in refused.message and "speech" not in refused.message
    world.bursar.deployments.cancel(small_team.member, mine.id)
    world.bursar.deployments.cancel(other, theirs.id)
    assert "deleted" in world.bursar.clusters.delete(small_team.admin, "rack").message
    assert refusal(lambda: world.bursar.clusters.show(small_team.admin, "rack")).code == "cluster_not_found"
    assert world.bursar.deployments.show(small_team.member, mine.id).cluster == "rack"
    assert world.cluster(small_team.admin, "rack").version == 1


def test_only_operators_share_and_only_with_what_is_there(small_team: Team) -> None:
    world: World = small_team.world
    world.cluster(small_team.admin, "rack")
    asked = validated(Sharing, cluster="rack", org="nowhere")
    assert refusal(lambda: world.bursar.clusters.share(in_vision(small_team), asked)).code == "org_not_found"
