"""Deployments in another order, and for operators those of every organization: each on one page, and on one only."""

from __future__ import annotations

import pytest

from core.domain.browsing import Look
from core.domain.cluster_requests import NewNode
from core.domain.errors import Forbidden, Invalid, NotFound
from core.domain.roles import Caller
from core.domain.validation import validated
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
    found = world.bursar.deployments.list_everywhere(small_team.operator, Look(order="owner"))
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


HOSTILE = [
    ("a wild card", "%", set()),
    ("a wild card for one sign", "tr_in", set()),
    ("a sign that is a wild card elsewhere", "a_b", {"a_b"}),
    ("an escape", "\\", set()),
    ("an escaped wild card", "\\%", set()),
    ("an end of the statement", "';--", set()),
    ("a field with an end of the statement", "name='OR''", set()),
    ("a pattern", "(t+)+$", set()),
    ("the longest", "t" * 200, set()),
    ("no trick", "train", {"train"}),
]


@pytest.mark.parametrize(("text", "names"), [case[1:] for case in HOSTILE], ids=[f"B44 {case[0]}" for case in HOSTILE])
def test_what_is_looked_for_is_taken_by_its_letters(small_team: Team, text: str, names: set[str]) -> None:
    world, browsing = small_team.world, small_team.world.bursar.browsing
    world.cluster(small_team.admin, cpu=64)
    for name in ("train", "a_b", "a-b"):
        world.submit(small_team.admin, name)
    found = browsing.order(small_team.admin, filter=text)
    assert {line.name for line in browsing.lines(small_team.admin, found)} == names


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        pytest.param("t" * 10**6, "too_long", "filter: at most 200 characters (got 1000000)", id="B44 a megabyte"),
        pytest.param(
            "a\x00b", "control_character", "filter: contains control character U+0000 at position 2", id="B44 a NUL"
        ),
        pytest.param("' OR 1=1--", "unknown_field", "filter: there is no field '1'", id="B44 always true"),
        pytest.param("passwd=x", "unknown_field", "filter: there is no field 'passwd'", id="B44 a field of its own"),
    ],
)
def test_what_cannot_be_looked_for_is_refused(small_team: Team, text: str, code: str, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        small_team.world.bursar.browsing.order(small_team.admin, filter=text)
    assert (refused.value.code, refused.value.message) == (code, message)


@pytest.mark.parametrize("size", [-1, 0, 201, 10**9], ids=lambda size: f"B46 {size}")
def test_a_page_has_a_size_that_can_be(small_team: Team, size: int) -> None:
    bursar = small_team.world.bursar
    for ask in (bursar.deployments.list, bursar.operations.audit):
        with pytest.raises(Invalid) as refused:
            ask(small_team.admin, limit=size)
        assert (refused.value.code, refused.value.message) == (
            "out_of_range",
            f"limit: {size} is not between 1 and 200",
        )


@pytest.mark.parametrize("cursor", ["dep-zzzzzz", "' OR 1=1--", "%", "\\", "dep-", "../x"], ids=lambda c: f"B46 {c}")
@pytest.mark.parametrize("order", ["age", "priority"])
def test_a_cursor_that_nobody_gave_is_not_found(small_team: Team, order: str, cursor: str) -> None:
    """One of another organization is as one that is not there."""
    world = small_team.world
    founder = world.org(small_team.operator, "speech")
    world.cluster(founder, "other", cpu=64)
    world.fund(founder, credits=10)
    theirs = world.submit(founder, "theirs", "other")
    for wanted in (cursor, theirs.id, "theirs"):
        with pytest.raises(NotFound) as refused:
            world.bursar.deployments.list(small_team.admin, order=order, after=wanted)
        assert refused.value.code == "deployment_not_found"
        assert refused.value.message.startswith("no deployment ")


def test_a_filter_names_a_node_by_what_is_on_it_now_and_two_signs_mean_that_and_no_more(small_team: Team) -> None:
    world, browsing = small_team.world, small_team.world.bursar.browsing
    world.cluster(small_team.admin, gpu=1)
    for number in (2, 10):
        node = validated(NewNode, cluster="rack", name=f"node-{number}", cpu=4, ram=16, gpu=1)
        world.bursar.clusters.add_node(small_team.admin, node)
    world.fund(small_team.admin, credits=100, gpu_hours=100)
    for name in ("one", "two", "three", "four"):
        world.submit(small_team.admin, name, gpu=1, hours=1)
    daemon = world.bursar.daemon()
    daemon.once()
    daemon.close()

    def fit(text: str) -> set[str]:
        found = browsing.lines(small_team.admin, browsing.order(small_team.admin, filter=text))
        return {line.name for line in found}

    on = {name: world.bursar.deployments.show(small_team.admin, name).node for name in ("one", "two", "three", "four")}
    assert set(on.values()) == {"node-1", "node-2", "node-10", None}
    assert fit("node=node-1") == {name for name, node in on.items() if node in ("node-1", "node-10")}
    assert fit("node==NODE-1") == {name for name, node in on.items() if node == "node-1"}
    assert fit("!node=node") == {name for name, node in on.items() if node is None}
    assert fit("name==thre") == set()
    left = next(name for name, node in on.items() if node == "node-2")
    world.bursar.deployments.cancel(small_team.admin, left)
    daemon = world.bursar.daemon()
    daemon.once()
    daemon.close()
    assert left not in fit("node==node-2"), "it was there, and is no more"


def test_the_work_of_all_organizations_is_listed_for_operators_alone(small_team: Team) -> None:
    world, browsing = small_team.world, small_team.world.bursar.browsing
    world.cluster(small_team.operator_in("vision"))
    bob = world.member(world.org(small_team.operator, "sound"), "bob", "admin")
    world.share(small_team.operator_in("vision"), "rack", "sound")
    for person in (bob, small_team.member):
        world.fund(person, credits=100, gpu_hours=100)
    world.submit(bob, "theirs")
    world.submit(small_team.member, "ours")
    operator = small_team.operator_in("vision")
    found = browsing.order(operator, everywhere=True)
    lines = browsing.lines(operator, found, everywhere=True)
    assert {(line.name, line.org) for line in lines} == {("theirs", "sound"), ("ours", "vision")}
    assert browsing.order(operator, filter="org==sound", everywhere=True) == tuple(
        line.id for line in lines if line.name == "theirs"
    )
    for person in (small_team.admin, small_team.member):
        with pytest.raises(Forbidden):
            browsing.order(person, everywhere=True)
        with pytest.raises(Forbidden):
            browsing.lines(person, found, everywhere=True)
