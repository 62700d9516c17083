"""Several at once, told one by one; and what was done last taken back, where anything can take it back."""

from __future__ import annotations

import pytest

from core.domain.changes import PriorityRequest
from core.domain.errors import Conflict
from core.domain.lifecycle import State
from core.domain.requests import NewRole
from core.domain.validation import validated
from tests.tui.console.scene import Scene
from tests.tui.console.test_acting import sitting
from tui import actions
from tui.actions import Command, undo_of_deployment, undo_of_node
from tui.screens.deployments import DeploymentsScreen
from tui.screens.outcomes import OutcomesScreen
from tui.together import Together


def nodes(scene: Scene) -> dict[str, str]:
    return {node.name: node.state for node in scene.world.bursar.clusters.show(scene.operator, "rack").nodes}


async def test_of_several_at_once_those_that_were_not_done_are_told_with_their_reason(scene: Scene) -> None:
    async with sitting(scene, "ana", "3") as desk:
        for name in ("evaluate", "sweep"):
            await desk.cursor_on(name)
            await desk.press("space")
        scene.world.bursar.deployments.cancel(scene.mia, "evaluate")  # by somebody else, behind the screen's back
        await desk.press("c")
        await desk.type("cancel 2")
        shown = await desk.press("enter")
        assert isinstance(desk.app.screen, OutcomesScreen)
        assert "cancel: 1 done, 1 not" in shown
        assert "✗ evaluate" in shown
        assert "✓ sweep" in shown
        assert desk.deployment("sweep").state is State.STOPPING
        await desk.press("escape")
        assert isinstance(desk.app.screen, DeploymentsScreen)


async def test_of_several_at_once_that_were_all_done_a_line_says_so(scene: Scene) -> None:
    async with sitting(scene, "ana", "3") as desk:
        for name in ("evaluate", "notebook"):
            await desk.cursor_on(name)
            await desk.press("space")
        shown = await desk.press("s")
        assert "✓ stop: all 2 done (u undoes)" in shown
        assert isinstance(desk.app.screen, DeploymentsScreen)
        await desk.press("u")
        assert [desk.deployment(name).state for name in ("evaluate", "notebook")] == [State.QUEUED, State.QUEUED]


async def test_another_priority_is_taken_back(scene: Scene) -> None:
    async with sitting(scene, "ana", "3") as desk:
        await desk.cursor_on("evaluate")
        assert "priority*      50 " in await desk.press("p"), "what it is now"
        await desk.type("40")
        shown = await desk.press("enter")
        assert desk.deployment("evaluate").priority == 40
        assert "(u undoes)" in shown
        await desk.press("u")
        assert desk.deployment("evaluate").priority == 50
        assert "nothing to undo" in await desk.press("u")


async def test_what_others_changed_since_is_not_taken_back_with_it(scene: Scene) -> None:
    async with sitting(scene, "ana", "3") as desk:
        await desk.cursor_on("evaluate")
        await desk.press("p")
        await desk.type("40")
        await desk.press("enter")
        changed = validated(PriorityRequest, id="evaluate", priority=65)
        scene.world.bursar.decisions.set_priority(scene.operator, changed)
        shown = await desk.press("u")
        assert "is 65 by now, no longer 40" in shown
        assert desk.deployment("evaluate").priority == 65


async def test_a_form_changes_nothing_but_what_it_was_opened_on(scene: Scene) -> None:
    async with sitting(scene, "ana", "3") as desk:
        await desk.cursor_on("evaluate")
        await desk.press("p")
        changed = validated(PriorityRequest, id="evaluate", priority=65)
        scene.world.bursar.decisions.set_priority(scene.operator, changed)
        await desk.type("40")
        shown = await desk.press("enter")
        assert "is 65 by now, no longer 50" in shown
        assert desk.deployment("evaluate").priority == 65


async def test_another_role_is_taken_back_unless_somebody_else_gave_one_since(scene: Scene) -> None:
    def role_of_mia() -> str:
        return {m.name: m.role.value for m in scene.world.bursar.organizations.members(scene.ana).items}["mia"]

    async with sitting(scene, "ana", "7") as desk:
        await desk.cursor_on("mia")
        await desk.press("r")
        await desk.type("admin")
        await desk.press("ctrl+s")
        assert role_of_mia() == "admin"
        await desk.press("u")
        assert role_of_mia() == "member"
        await desk.press("r")
        await desk.type("admin")
        await desk.press("ctrl+s")
        scene.world.bursar.organizations.set_role(scene.operator, validated(NewRole, user="mia", role="member"))
        assert "is member by now, no longer admin" in await desk.press("u")


async def test_a_node_that_somebody_else_drained_since_stays_drained(scene: Scene) -> None:
    async with sitting(scene, "olga", "5") as desk:
        await desk.cursor_on("node-2")
        await desk.press("c")
        scene.world.bursar.clusters.set_node_state(scene.operator, "rack", "node-2", "drained")
        assert "is drained by now, no longer cordoned" in await desk.press("u")
        assert nodes(scene)["node-2"] == "drained"


async def test_what_is_suspended_goes_on_by_its_own_key_or_by_undo(scene: Scene) -> None:
    async with sitting(scene, "ana", "3") as desk:
        await desk.cursor_on("train-resnet")
        assert (desk.offers("suspend"), desk.offers("resume")) == (True, None)
        shown = await desk.press("z")
        assert desk.deployment("train-resnet").state is State.SUSPENDED
        assert "✓ suspended (u undoes)" in shown
        await desk.press("Z")
        assert desk.deployment("train-resnet").state is State.RUNNING
        await desk.press("z", "u")
        assert desk.deployment("train-resnet").state is State.RUNNING


async def test_a_deletion_is_taken_back_as_long_as_it_can_be(scene: Scene) -> None:
    async with sitting(scene, "ana", "3") as desk:
        await desk.cursor_on("broken")
        await desk.press("ctrl+d")
        await desk.type("broken")
        assert "(u undoes)" in await desk.press("enter")
        await desk.press("u")
        assert desk.deployment("broken").state is State.STOPPED


async def test_what_is_deleted_is_found_by_its_state_and_brought_back_by_its_key(scene: Scene) -> None:
    scene.world.bursar.deployments.delete(scene.ana, "broken")
    async with sitting(scene, "ana", "3", "slash") as desk:
        assert "broken" not in desk.screen
        await desk.type("state=deleted")
        assert "broken" in await desk.press("enter")
        await desk.cursor_on("broken")
        await desk.press("U")
        assert desk.deployment("broken").state is State.STOPPED


async def test_a_cluster_is_paused_and_takes_work_again(scene: Scene) -> None:
    def state() -> str:
        return scene.world.bursar.clusters.show(scene.operator, "edge").state

    async with sitting(scene, "olga", "5") as desk:
        await desk.cursor_on("edge")
        assert (desk.offers("pause"), desk.offers("unpause")) == (True, None)
        assert "◑ paused" in await desk.press("z")
        await desk.press("u")
        assert state() == "up"
        await desk.press("z", "Z")
        assert state() == "up"


async def test_a_form_is_for_all_that_are_marked(scene: Scene) -> None:
    async with sitting(scene, "ana", "3") as desk:
        for name in ("evaluate", "pretrain"):
            await desk.cursor_on(name)
            await desk.press("space")
        assert "2 things" in await desk.press("p")
        assert "and 1 more" in await desk.type("30")
        assert "✓ priority: all 2 done" in await desk.press("enter")
        assert [desk.deployment(name).priority for name in ("evaluate", "pretrain")] == [30, 30]
        await desk.press("u")
        assert [desk.deployment(name).priority for name in ("evaluate", "pretrain")] == [50, 70]


async def test_a_drained_node_is_brought_back_into_the_state_it_was_in(scene: Scene) -> None:
    async with sitting(scene, "olga", "5") as desk:
        await desk.cursor_on("node-2")
        await desk.press("c", "x")
        assert nodes(scene)["node-2"] == "drained"
        await desk.press("u")
        assert nodes(scene)["node-2"] == "cordoned"
        await desk.press("u")
        assert nodes(scene)["node-2"] == "up"


async def test_a_cancellation_is_not_offered_to_be_undone(scene: Scene) -> None:
    async with sitting(scene, "mia", "3") as desk:
        await desk.cursor_on("evaluate")
        await desk.press("c")
        await desk.type("evaluate")
        shown = await desk.press("enter")
        assert "✓ cancelled" in shown
        assert "u undoes" not in shown
        assert "nothing to undo" in await desk.press("u")
        assert desk.deployment("evaluate").state is State.CANCELLED


@pytest.mark.parametrize("action", [actions.CANCEL, actions.EXTEND, actions.APPROVE, actions.COMPLETE])
def test_what_cannot_be_brought_back_has_no_undo(action: actions.Action) -> None:
    assert undo_of_deployment(action, "dep-1", 50) is None


def test_an_undo_can_be_read_by_its_verb() -> None:
    undos = [undo_of_deployment(a, "dep-1", 50) for a in (actions.PRIORITY, actions.STOP, actions.START)]
    undos += [undo_of_node("rack", "node-1", state) for state in ("up", "cordoned", "drained")]
    lines = [undo.line for undo in undos if undo is not None and undo.values]
    assert lines == [
        "bursar priority dep-1 50",
        "bursar start dep-1",
        "bursar stop dep-1",
        "bursar cluster resume rack node-1",
        "bursar cluster cordon rack node-1",
        "bursar cluster drain rack node-1",
    ]
    assert undo_of_node("rack", "node-1", "down") is None


def test_the_whole_is_over_when_each_has_turned_out_in_whatever_order() -> None:
    commands = [Command(actions.CANCEL.verb, {"deployment": (name,)}) for name in ("a", "b", "a")]
    together = Together(commands)
    assert not together.settle(Command(actions.CANCEL.verb, {"deployment": ("a",)}))
    assert together.settle(commands[2])
    assert together.settle(commands[0], Conflict("x", "it is over"))
    assert not together.is_over
    assert together.settle(commands[1])
    assert together.is_over
    assert [outcome.command for outcome in together.outcomes] == commands
    assert together.summary == "cancel: 2 done, 1 not"
