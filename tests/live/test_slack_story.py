"""The whole story against local-slack: register, join, ask by a form, approve by a button, run, cancel, report.

The bot and the daemon are the real programs, in processes of their own, over one SQLite file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from core.clock import SystemClock
from core.domain.lifecycle import State
from core.ids import RandomIds
from tests.builders import World, quick_settings
from tests.live.slack_servers import ALICE, APP, BOB, CHANNEL, child, local_slack
from tests.live.slack_watch import Screen

pytestmark = pytest.mark.live


@pytest.fixture
def base(tmp_path: Path) -> Iterator[str]:
    with local_slack(tmp_path) as url:
        yield url


class Story:
    """Alice, who will be admin, and Bob, before one screen that shows what both see."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen

    async def begin(self, user: str, name: str, code: str) -> None:
        screen = self.screen
        await screen.command(user, CHANNEL, "list")
        await screen.until(lambda: screen.said("register", to=user), "how to begin")
        await screen.command(user, CHANNEL, "register")
        await screen.until(lambda: screen.said(f"You are {name}", to=user), f"{name}'s account")
        await screen.command(user, CHANNEL, f"join {code}")
        await screen.until(lambda: screen.said("You are in", "vision", to=user), f"{name} in the organization")

    async def ask_by_a_form(self) -> None:
        screen = self.screen
        wanted = {"name": "train", "cluster": "rack", "image": "busybox"}
        await screen.until_form(BOB, CHANNEL, "deploy")
        await screen.send_form(BOB, {**wanted, "gpu": "16"})
        await screen.until(lambda: screen.form_errors, "what is wrong with 16 GPUs")
        assert "no node can hold" in screen.form_errors.get("gpu", ""), screen.form_errors
        await screen.send_form(BOB, {**wanted, "gpu": "1", "hours": "1"})

    async def approve_by_a_button(self) -> None:
        screen = self.screen
        asked = await screen.until(lambda: screen.said("bob asks for train", "approve"), "the approval")
        await screen.press(ALICE, asked, "approve")
        await screen.until(lambda: screen.said("train", "approved by alice"), "bob's notice")

    async def watch_and_cancel(self) -> None:
        screen = self.screen
        card = await screen.until(lambda: screen.said("train (dep-", "▶ running"), "the card that says it runs")
        await screen.command(BOB, CHANNEL, "list mine")
        await screen.until(lambda: screen.said("train", "running", to=BOB), "the list")
        await screen.open_home(BOB)
        await screen.until(lambda: "train" in str(screen.homes.get(BOB)), "bob's home tab")
        await screen.press(BOB, card, "cancel")
        await screen.until(lambda: screen.said("train: cancelled", "cost"), "the end with its cost")

    async def report(self) -> None:
        screen = self.screen
        await screen.command(ALICE, CHANNEL, "report here daily 09:00")
        preview = await screen.until(lambda: screen.said("only you see this"), "the preview")
        await screen.press(ALICE, preview, "report_schedule")
        made = await screen.until(lambda: screen.said("rep-", "is on"), "the schedule")
        await screen.command(ALICE, CHANNEL, f"report run {str(made['text']).split()[0]}")
        report = await screen.until(self._report, "the report in the channel")
        await screen.until(
            lambda: any(m.get("thread_ts") == report["ts"] and m.get("files") for m in screen.messages.values()),
            "its files in the thread",
        )

    def _report(self) -> dict[str, Any] | None:
        in_channel = (m for m in self.screen.messages.values() if m["channel"] == CHANNEL and not m.get("ephemeral_to"))
        return next((m for m in in_channel if "vision: use" in str(m)), None)


async def test_register_join_ask_approve_run_cancel_and_report(base: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    world = World.of(quick_settings(home), SystemClock(), RandomIds())
    admin = world.org(world.operator(), "vision")
    world.cluster(admin)
    codes = [str(world.invite(admin, role=role).code) for role in ("admin", "member")]
    bursar: list[str | Path] = [sys.executable, "-m", "tui", "--home", str(home)]
    variables = {
        "SLACK_BOT_TOKEN": str(APP["botToken"]),
        "SLACK_APP_TOKEN": str(APP["appToken"]),
        "SLACK_API_URL": f"{base}/api/",
        "BURSAR_APPROVALS_POLICY": "always",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    bot, daemon = ((name, [*bursar, name]) for name in ("bot", "daemon"))
    with child(bot[1], tmp_path, bot[0], **variables), child(daemon[1], tmp_path, daemon[0], **variables):
        async with aiohttp.ClientSession() as session:
            story = Story(Screen(base, session))
            await story.screen.open()
            await story.screen.until(lambda: story.screen.connected, "the bot's socket")
            await story.begin(ALICE, "alice", codes[0])
            await story.begin(BOB, "bob", codes[1])
            await story.ask_by_a_form()
            await story.approve_by_a_button()
            await story.watch_and_cancel()
            await story.report()
    (line,) = world.bursar.deployments.list(admin, states=(State.CANCELLED.value,)).items
    assert (line.name, line.owner) == ("train", "bob")
    assert world.bursar.operations.verify_audit(world.log_in("olga")).holds
    world.close()
