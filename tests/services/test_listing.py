"""Deployments in another order, and for operators those of every organization: each on one page, and on one only."""

from __future__ import annotations

import pytest

from core.domain.errors import Forbidden, Invalid
from core.domain.roles import Caller
from core.views.work import DeploymentLine
from tests.builders import World
from tests.services.conftest import Team


def pages(world: World, who: Caller, size: int, **asked: object) -> list[DeploymentLine]:
    found: list[DeploymentLine] = []
    after = None
    while True:
        page = world.bursar.deployments.list(who, limit=size, after=after, **asked)  # type: ignore[arg-type]
        found += page.items
        after = page.next
        if after is None:
            return found


@pytest.mark.parametrize("size", [1, 2, 200])
def test_sorted_pages_hold_each_once_in_order(small_team: Team, size: int) -> None:
    world = small_team.world
    world.cluster(small_team.admin, cpu=64)
    for number, priority in enumerate((30, 70, 30, 50, 10)):
        world.submit(small_team.admin, f"w{number}", priority=priority)
    by_priority = pages(world, small_team.admin, size, order="priority")
    assert [line.priority for line in by_priority] == [70, 50, 30, 30, 10]
    assert [line.name for line in by_priority if line.priority == 30] == ["w2", "w0"], "the newer first"
    assert [line.name for line in pages(world, small_team.admin, size, order="name")] == ["w0", "w1", "w2", "w3", "w4"]


def test_an_order_that_is_none_is_named(small_team: Team) -> None:
    with pytest.raises(Invalid) as refused:
        small_team.world.bursar.deployments.list(small_team.admin, order="prioriti")
    assert "priority" in (refused.value.hint or "")


def test_an_operator_sees_all_organizations_each_line_with_its_own(small_team: Team) -> None:
    world = small_team.world
    world.cluster(small_team.admin, cpu=64)
    mine = world.submit(small_team.admin, "train")
    founder = world.org(small_team.operator, "speech")
    eva = world.member(founder, "eva", "admin")
    world.cluster(eva, "other")
    world.fund(eva, credits=10)
    theirs = world.submit(eva, "train", "other")
    found = world.bursar.deployments.list_everywhere(small_team.operator, order="owner")
    assert {(line.id, line.org) for line in found.items} == {(mine.id, "vision"), (theirs.id, "speech")}
    with pytest.raises(Forbidden):
        world.bursar.deployments.list_everywhere(small_team.admin)
    assert [line.org for line in world.bursar.deployments.list(eva).items] == [None]


def test_the_queue_is_that_of_the_only_cluster_or_of_the_one_that_is_named(small_team: Team) -> None:
    world, foresight = small_team.world, small_team.world.bursar.foresight
    with pytest.raises(Invalid) as refused:
        foresight.queue(small_team.member)
    assert refused.value.message == "there is no cluster yet"
    world.cluster(small_team.admin)
    assert foresight.queue(small_team.member).items == ()
    assert foresight.forecast(small_team.member).cluster == "rack"
    world.cluster(small_team.admin, "second")
    with pytest.raises(Invalid) as refused:
        foresight.forecast(small_team.member)
    assert refused.value.hint == "say which: rack, second"
