"""An operator at work: in other organizations without going there, and from a node or a GPU to what runs on it."""

from __future__ import annotations

import pytest

from core.domain.lifecycle import State
from core.domain.roles import Caller
from core.views.work import DeploymentCard
from tests.tui.console.scene import Scene
from tests.tui.console.test_acting import Desk, sitting
from tui.screens.clusters import ClustersScreen
from tui.screens.deployment import DeploymentScreen
from tui.screens.deployments import DeploymentsScreen
from tui.widgets.devices import DeviceMap
from tui.widgets.table import LineTable


@pytest.fixture
def bob(scene: Scene) -> Caller:
    """He leads another organization, which shares the cluster; `theirs` waits there."""
    world = scene.world
    bob = world.member(world.org(scene.operator, "sound"), "bob", "admin")
    world.bursar.organizations.switch(scene.operator, "vision")
    world.share(scene.operator, "rack", "sound")
    world.fund(bob, credits=500, gpu_hours=100)
    world.submit(bob, "theirs", gpu=6, hours=4, priority=80)
    return bob


def theirs(desk: Desk, bob: Caller) -> DeploymentCard:
    return desk.scene.world.bursar.deployments.show(bob, "theirs")


async def test_in_the_queue_an_operator_sees_why_anything_waits_and_acts_on_it(scene: Scene, bob: Caller) -> None:
    async with sitting(scene, "olga", "2") as desk:
        await desk.cursor_on("theirs · sound")
        assert "theirs  ◌ queued  number 1" in desk.screen
        await desk.press("p")
        shown = await desk.press("ctrl+u", "9", "0", "enter")
        assert theirs(desk, bob).priority == 90
        assert f"$ bursar --org sound priority {theirs(desk, bob).id} 90 --if-still 80" in shown
        shown = await desk.press("u")
        assert theirs(desk, bob).priority == 80
        assert f"$ bursar --org sound priority {theirs(desk, bob).id} 80 --if-still 90" in shown
        await desk.press("enter")
        assert isinstance(desk.app.screen, DeploymentScreen)
        assert "job of bob in sound" in desk.screen


async def test_an_operator_lists_the_work_of_all_organizations_and_stops_of_each(scene: Scene, bob: Caller) -> None:
    async with sitting(scene, "olga", "3") as desk:
        assert "theirs" not in desk.screen
        shown = await desk.press("A")
        assert "of all organizations" in shown
        for name in ("theirs", "evaluate"):
            await desk.cursor_on(name)
            await desk.press("space")
        await desk.press("s")
        assert theirs(desk, bob).state is State.STOPPED
        assert desk.deployment("evaluate").state is State.STOPPED
        await desk.press("escape")  # the marks
        assert "theirs" not in await desk.press("A")


async def test_who_is_no_operator_has_one_organization(scene: Scene, bob: Caller) -> None:
    async with sitting(scene, "ana", "3") as desk:
        assert "of all organizations" not in await desk.press("A")
        await desk.press("2")
        await desk.cursor_on("other org")
        assert "of another organization: its reasons" in desk.screen
        assert desk.offers("priority") is None


async def test_enter_on_a_node_shows_what_runs_there_and_escape_goes_back(scene: Scene) -> None:
    scene.world.bursar.clusters.set_node_state(scene.operator, "rack", "node-2", "drained")
    async with sitting(scene, "ana", "3", "5") as desk:  # that one has been there before changes nothing
        await desk.cursor_on("node-2")
        running = [name for name in ("train-resnet", "sweep", "notebook") if desk.deployment(name).node == "node-2"]
        assert running, "something runs there"
        assert "◒ draining" in desk.screen
        shown = await desk.press("enter")
        assert isinstance(desk.app.screen, DeploymentsScreen)
        assert "/cluster==rack node==node-2" in shown
        table = desk.app.screen.query_one(LineTable)
        assert sorted(table._keys) == sorted(desk.deployment(name).id for name in running)
        await desk.press("escape")
        assert isinstance(desk.app.screen, ClustersScreen)
        assert "/cluster" not in await desk.press("3")


async def test_a_click_on_a_gpu_leads_to_who_holds_it(scene: Scene) -> None:
    async with sitting(scene, "ana") as desk:
        plan = desk.app.screen.query_one(DeviceMap)
        spot = next(spot for spot in plan.drawn.spots if spot.device.holders)
        await desk.pilot.click(DeviceMap, offset=(spot.begins, spot.line))
        await desk.press()
        await desk.sees(str(spot.device.holders[0].name))
        assert isinstance(desk.app.screen, DeploymentScreen)


async def test_a_click_on_a_free_gpu_leads_to_what_is_on_its_node(scene: Scene) -> None:
    scene.world.bursar.deployments.cancel(scene.mia, "sweep")
    scene.work()
    async with sitting(scene, "ana", "5") as desk:
        await desk.cursor_on("rack")
        plan = desk.app.screen.query_one(DeviceMap)
        spot = next(spot for spot in plan.drawn.spots if not spot.device.holders)
        await desk.pilot.click(DeviceMap, offset=(spot.begins, spot.line))
        await desk.sees(f"node=={spot.device.node}")
        assert isinstance(desk.app.screen, DeploymentsScreen)


async def test_a_line_from_a_shell_is_read_with_the_organization_that_it_names(scene: Scene, bob: Caller) -> None:
    async with sitting(scene, "olga", "colon") as desk:
        await desk.type("bursar --org sound pri")
        assert "priority" in desk.screen and "queue" not in desk.screen.partition("bursar --org")[0].splitlines()[-1]
        await desk.press("ctrl+u")
        await desk.type("bursar --org sound priority theirs 70")
        shown = await desk.press("enter")
        assert "$ bursar --org sound priority theirs 70" in shown
        assert theirs(desk, bob).priority == 70
        await desk.press("escape", "colon")
        await desk.type("bursar org remove bob --org sound")
        assert "type bob to go on" in await desk.press("enter")
        await desk.press("escape", "colon")
        await desk.type("bursar --org nowhere show theirs")
        assert "✗ no organization 'nowhere' of yours" in await desk.press("enter")
