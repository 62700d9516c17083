"""What people do in the console: keys become commands, rights are honoured, and what is dangerous is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from core.domain.lifecycle import State
from core.views.work import DeploymentCard
from tests.tui.console.scene import Scene, settled, shown, text_of
from tui.app import BursarConsole
from tui.screens.deployment import DeploymentScreen
from tui.screens.frame import Frame
from tui.screens.sure import SureScreen
from tui.widgets.prompt import Prompt
from tui.widgets.table import LineTable

KEYS = {
    " ": "space",
    ":": "colon",
    "/": "slash",
    "-": "minus",
    "=": "equals_sign",
    "!": "exclamation_mark",
    ".": "full_stop",
}


@dataclass
class Desk:
    """Somebody at a console."""

    scene: Scene
    app: BursarConsole
    pilot: Pilot[int]

    async def press(self, *keys: str) -> str:
        for key in keys:
            await self.pilot.press(key)
            await settled(self.app, self.pilot)
        return text_of(self.app)

    async def type(self, words: str) -> str:
        for sign in words:
            await self.pilot.press(KEYS.get(sign, sign))
        return await settled(self.app, self.pilot)

    async def sees(self, words: str) -> str:
        return await shown(self.app, self.pilot, words)

    async def cursor_on(self, name: str) -> None:
        """Put the cursor on the line that shows this name."""
        for table in self.app.screen.query(LineTable):
            for index, key in enumerate(table._keys):
                if any(cell.text.strip() == name for cell in table._cells(index) or ()):
                    table.put_cursor_on(key)
                    await settled(self.app, self.pilot)
                    return
        raise AssertionError(f"no line of {name}:\n{text_of(self.app)}")

    @property
    def screen(self) -> str:
        return text_of(self.app)

    def deployment(self, reference: str) -> DeploymentCard:
        return self.scene.world.bursar.deployments.show(self.scene.ana, reference)

    def offers(self, action: str) -> bool | None:
        """True: can be done; None: shown, out of reach; False: not offered."""
        frame = self.app.screen
        assert isinstance(frame, Frame)
        return frame.check_action("act", (action,))


@asynccontextmanager
async def sitting(scene: Scene, name: str | None, *keys: str, size: tuple[int, int] = (120, 34)) -> AsyncIterator[Desk]:
    app = scene.console(name)
    async with app.run_test(size=size) as pilot:
        await settled(app, pilot)
        desk = Desk(scene, app, pilot)
        await desk.press(*keys)
        yield desk


async def test_a_cancel_is_asked_for_by_the_name_and_shows_its_command_line(scene: Scene) -> None:
    async with sitting(scene, "mia", "3") as desk:
        await desk.cursor_on("evaluate")
        shown = await desk.press("c")
        card = desk.deployment("evaluate")
        assert "Cancel evaluate?" in shown
        assert f"$ bursar cancel {card.id}" in shown
        await desk.type("evil")
        assert "that was another word" in await desk.press("enter")
        assert desk.deployment(card.id).state is State.QUEUED
        await desk.press("ctrl+u")
        await desk.type("evaluate")
        shown = await desk.press("enter")
        assert desk.deployment(card.id).state is State.CANCELLED
        assert f"✓ cancelled  $ bursar cancel {card.id}" in shown


async def test_escape_leaves_a_question_and_nothing_is_done(scene: Scene) -> None:
    async with sitting(scene, "mia", "3") as desk:
        await desk.cursor_on("evaluate")
        await desk.press("c", "escape")
        assert not isinstance(desk.app.screen, SureScreen)
        assert desk.deployment("evaluate").state is State.QUEUED


async def test_marked_ones_are_stopped_together(scene: Scene) -> None:
    async with sitting(scene, "ana", "3") as desk:
        for name in ("evaluate", "notebook"):
            await desk.cursor_on(name)
            await desk.press("space")
        assert "◆ 2 marked" in desk.screen
        await desk.press("s")
        states = [desk.scene.world.bursar.deployments.show(desk.scene.ana, n).state for n in ("evaluate", "notebook")]
        assert states == [State.STOPPED, State.STOPPED]


async def test_marked_ones_are_cancelled_by_typing_how_many(scene: Scene) -> None:
    async with sitting(scene, "ana", "3") as desk:
        ids = []
        for name in ("evaluate", "notebook"):
            ids.append(desk.deployment(name).id)
            await desk.cursor_on(name)
            await desk.press("space")
        assert "type cancel 2 to go on" in await desk.press("c")
        await desk.type("cancel 2")
        await desk.press("enter")
        assert [desk.deployment(one).state for one in ids] == [State.CANCELLED, State.CANCELLED]


async def test_a_member_is_not_offered_what_only_admins_do(scene: Scene) -> None:
    async with sitting(scene, "mia", "6") as desk:
        assert "only admins of an organization decide here" in desk.screen
        assert desk.offers("approve") is False
        await desk.press("5")
        assert [desk.offers(name) for name in ("new_cluster", "drain", "share")] == [False, False, False]
        await desk.press("7")
        assert desk.offers("invite") is False
        await desk.press("8")
        assert (desk.offers("grant"), desk.offers("transfer")) == (False, True)


async def test_what_is_anothers_is_shown_as_out_of_reach_for_a_member(scene: Scene) -> None:
    async with sitting(scene, "mia", "3") as desk:
        await desk.cursor_on("notebook")
        assert desk.offers("cancel") is None
        await desk.cursor_on("evaluate")
        assert desk.offers("cancel") is True
        await desk.cursor_on("prepare")
        assert desk.offers("cancel") is None


async def test_an_approval_lets_it_into_the_queue(scene: Scene) -> None:
    async with sitting(scene, "ana", "6") as desk:
        card = desk.deployment("whole-node")
        shown = await desk.press("a")
        assert desk.deployment(card.id).state is State.QUEUED
        assert "nothing waits for a decision" in shown
        assert "6 Approvals " in shown


async def test_a_rejection_wants_a_reason_and_keeps_the_form_until_it_has_one(scene: Scene) -> None:
    async with sitting(scene, "ana", "6") as desk:
        card = desk.deployment("whole-node")
        assert "reason" in await desk.press("r")
        assert "✗ --reason: is missing" in await desk.press("enter")
        await desk.type("too large")
        assert f"$ bursar reject {card.id} --reason 'too large'" in desk.screen
        await desk.press("enter")
        assert (desk.deployment(card.id).state, desk.deployment(card.id).reason) == (State.REJECTED, "too large")


async def test_a_node_is_drained_and_takes_work_again(scene: Scene) -> None:
    async with sitting(scene, "olga", "5") as desk:
        await desk.cursor_on("node-2")
        assert "◒ draining" in await desk.press("x"), "something still runs there"
        assert (desk.offers("drain"), desk.offers("resume")) == (None, True)
        assert "◒ draining" not in await desk.press("r")


async def test_an_invite_shows_its_code_once(scene: Scene) -> None:
    async with sitting(scene, "ana", "7", "i", "enter") as desk:
        invites = desk.scene.world.bursar.invites.list(desk.scene.ana).items
        assert len(invites) == 4
        assert "the code is shown only now" in desk.screen
        assert "code" in desk.screen


async def test_a_grant_moves_money_and_every_number_opens(scene: Scene) -> None:
    async with sitting(scene, "ana", "8") as desk:
        await desk.cursor_on("mia")
        before = desk.scene.world.bursar.credits.wallet(desk.scene.mia).credits.available_ucr
        await desk.press("t")
        await desk.type("25")
        shown = await desk.press("enter")
        after = desk.scene.world.bursar.credits.wallet(desk.scene.mia).credits.available_ucr
        assert after - before == 25_000_000
        assert "$ bursar grant mia --credits 25" in shown
        assert "statement of mia" in desk.screen
        shown = await desk.press("enter", "enter")
        assert "$ bursar posting" in shown
        assert "wallet mia" in shown


async def test_a_submission_says_at_once_what_it_would_do_and_is_made(scene: Scene) -> None:
    async with sitting(scene, "ana", "4") as desk:
        await desk.type("fresh")
        await desk.press("tab")
        await desk.type("edge")
        await desk.press("tab")
        await desk.type("busybox")
        shown = await desk.sees("✓ fits and starts at once on node-1")
        assert "0.06 cr" in shown
        assert "$ bursar submit fresh --cluster edge --image busybox" in shown
        shown = await desk.press("ctrl+s")
        assert isinstance(desk.app.screen, DeploymentScreen)
        assert "fresh" in shown
        assert desk.deployment("fresh").cluster == "edge"


async def test_a_submission_that_cannot_be_says_why_while_it_is_typed(scene: Scene) -> None:
    async with sitting(scene, "ana", "4") as desk:
        await desk.type("fresh")
        await desk.press("tab")
        await desk.type("edge")
        await desk.press("tab")
        await desk.type("busybox")
        await desk.press(*["tab"] * 5)
        await desk.type("16")
        await desk.sees("✗ no node")


LINES: Sequence[tuple[str, str]] = (
    ("queue", "queue  2 waiting"),
    ("whoami", "$ bursar whoami"),
    ("list state failed", "broken"),
    ("show nothing-there", "✗ no deployment 'nothing-there' here"),
    ("cancle x", "did you mean 'cancel'?"),
)


@pytest.mark.parametrize(("line", "seen"), LINES, ids=[line for line, _ in LINES])
async def test_a_line_behind_the_colon_is_a_verb_or_a_screen(scene: Scene, line: str, seen: str) -> None:
    async with sitting(scene, "ana", "colon") as desk:
        await desk.type(line)
        assert seen in await desk.press("enter")


async def test_a_wrong_line_is_given_back_to_be_put_right(scene: Scene) -> None:
    async with sitting(scene, "ana", "colon") as desk:
        await desk.type("cancle dep")
        await desk.press("enter")
        assert desk.app.screen.query_one(Prompt).is_open
        assert desk.app.screen.query_one(Prompt).query_one(Input).value == "cancle dep"


async def test_a_verb_that_cannot_be_undone_asks_behind_the_colon_too(scene: Scene) -> None:
    async with sitting(scene, "ana", "colon") as desk:
        await desk.type("org remove noa")
        assert "type noa to go on" in await desk.press("enter")
        await desk.press("escape")
        assert "noa" in {member.name for member in desk.scene.world.bursar.organizations.members(desk.scene.ana).items}


async def test_keys_typed_fast_behind_the_colon_are_no_actions(scene: Scene) -> None:
    async with sitting(scene, "ana", "3") as desk:
        await desk.cursor_on("evaluate")
        for key in ("colon", "s", "c", "q"):  # without a pause: stop, cancel, back
            desk.app.simulate_key(key)
        await settled(desk.app, desk.pilot)
        assert desk.app.screen.query_one(Prompt).query_one(Input).value == "scq"
        assert desk.deployment("evaluate").state is State.QUEUED


async def test_a_filter_narrows_as_it_is_typed_and_escape_takes_it_back(scene: Scene) -> None:
    async with sitting(scene, "ana", "3", "slash") as desk:
        shown = await desk.type("owner=noa !state=failed")
        await desk.press("enter")
        assert "deployments  3  /owner=noa !state=failed" in shown
        assert "train-resnet" not in shown
        assert "deployments  10" in await desk.press("escape")


async def test_a_filter_of_an_unknown_field_is_told_beside_it(scene: Scene) -> None:
    async with sitting(scene, "ana", "3", "slash") as desk:
        assert "there is no field" in await desk.type("onwer=noa")


async def test_the_order_goes_round_and_turns_round(scene: Scene) -> None:
    async with sitting(scene, "ana", "3") as desk:
        shown = await desk.press("o")
        names = [line.strip("│ ").replace("▌", " ").split()[1] for line in shown.splitlines() if "dep-" in line]
        assert names == sorted(names)
        assert "name↓" in shown
        assert "name↑" in await desk.press("O")


async def test_the_last_screen_is_one_key_away(scene: Scene) -> None:
    async with sitting(scene, "ana", "3", "5", "minus") as desk:
        assert "deployments  10" in desk.screen
        assert "clusters and nodes" in await desk.press("minus")


async def test_the_palette_finds_screens_verbs_and_deployments(scene: Scene) -> None:
    async with sitting(scene, "ana", "ctrl+p") as desk:
        for sign in "train-res":
            await desk.pilot.press(KEYS.get(sign, sign))
        await desk.sees("train-resnet  ● running")


async def test_a_click_opens_a_screen_and_a_line(scene: Scene) -> None:
    async with sitting(scene, "ana") as desk:
        await desk.pilot.click(offset=(30, 1))
        await settled(desk.app, desk.pilot)
        assert "deployments  10" in desk.screen
        await desk.pilot.click(LineTable, offset=(8, 3))
        await desk.pilot.click(LineTable, offset=(8, 3))
        await settled(desk.app, desk.pilot)
        assert isinstance(desk.app.screen, DeploymentScreen)
