"""Nodes of a cluster whose driver asks each engine apart: where each one is, and who may say so."""

from __future__ import annotations

import pytest

from core.domain.cluster_requests import NewCluster, NewNode
from core.domain.errors import Conflict, Forbidden, Invalid
from core.domain.validation import validated
from core.views.work import ClusterCard
from tests.services.conftest import Team, operator_in_vision


def made(team: Team, **settings: str) -> ClusterCard:
    words = [f"{name}={value}" for name, value in {"host": "unix:///run/a.sock", **settings}.items()]
    request = validated(NewCluster, name="farm", driver="docker", cpu=4, ram=8, set=words)
    return team.world.bursar.clusters.create(operator_in_vision(team.operator), request)


def node(name: str, *words: str, cpu: int = 2) -> NewNode:
    return validated(NewNode, cluster="farm", name=name, cpu=cpu, set=words)


def test_each_node_has_its_engine(team: Team) -> None:
    made(team)
    as_operator = operator_in_vision(team.operator)
    card = team.world.bursar.clusters.add_node(as_operator, node("big", "host=tcp://127.0.0.1:2375"))
    assert [one.name for one in card.nodes] == ["big", "node-1"]
    settings = {name: value for name, value in card.settings.items() if name != "machine"}
    assert settings == {"host": "unix:///run/a.sock", "host.big": "tcp://127.0.0.1:2375"}
    audit = team.world.bursar.operations.audit(as_operator).items[0]
    assert audit.verb == "cluster.add_node"
    assert audit.after is not None and "tcp://127.0.0.1:2375" in str(audit.after)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "say where it is"),
        (("hots=unix:///run/b.sock",), "'hots' cannot be set for a node"),
        (("network=none",), "'network' cannot be set for a node"),
        (("host=unix:///run/a.sock",), "would be one engine"),
        (("host=tcp://10.0.0.7:2376",), "open to whoever reaches it"),
        (("host=http://x",), "not an engine's address"),
    ],
)
def test_B24_what_is_no_engine_of_its_own_is_refused_and_changes_nothing(
    small_team: Team, words: tuple[str, ...], told: str
) -> None:
    before = made(small_team)
    as_operator = operator_in_vision(small_team.operator)
    with pytest.raises(Invalid, match=told):
        small_team.world.bursar.clusters.add_node(as_operator, node("big", *words))
    after = small_team.world.bursar.clusters.show(as_operator, "farm")
    assert (after.settings, after.nodes) == (before.settings, before.nodes)


def test_B24_an_admin_names_no_engine(small_team: Team) -> None:
    made(small_team)
    with pytest.raises(Forbidden) as refused:
        small_team.world.bursar.clusters.add_node(small_team.admin, node("big", "host=unix:///run/b.sock"))
    assert refused.value.code == "driver_for_operators"


def test_a_driver_without_settings_of_nodes_takes_none(small_team: Team) -> None:
    small_team.world.cluster(small_team.admin)
    with pytest.raises(Invalid, match="cannot be set for a node"):
        small_team.world.bursar.clusters.add_node(
            small_team.admin, validated(NewNode, cluster="rack", name="n2", cpu=1, set=["host=unix:///run/b.sock"])
        )
    request = validated(NewNode, cluster="rack", name="n2", cpu=1)
    assert "n2" in [one.name for one in small_team.world.bursar.clusters.add_node(small_team.admin, request).nodes]


def test_a_name_is_taken_once(small_team: Team) -> None:
    made(small_team)
    with pytest.raises(Conflict):
        small_team.world.bursar.clusters.add_node(
            operator_in_vision(small_team.operator), node("node-1", "host=unix:///run/b.sock")
        )
