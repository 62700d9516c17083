"""The whole story against local-slack: register, join, ask by a form, approve by a button, run, cancel, report.

The bot and the daemon are the real programs, in processes of their own, over one SQLite file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from core.clock import SystemClock
from core.domain.lifecycle import State
from core.ids import RandomIds
from tests.builders import World, quick_settings
from tests.live.slack_servers import ALICE, APP, BOB, CHANNEL, child, local_slack
from tests.live.slack_watch import Screen

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]


@pytest.fixture
def base(tmp_path: Path) -> Iterator[str]:
    with local_slack(tmp_path) as url:
        yield url


async def test_a_member_registers_asks_by_a_form_is_approved_runs_and_cancels_and_a_report_comes(
    base: str, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    world = World.of(quick_settings(home), SystemClock(), RandomIds())
    admin = world.org(world.operator(), "vision")
    world.cluster(admin)
    codes = [world.invite(admin, role=role).code for role in ("admin", "member")]
    bursar = [sys.executable, "-m", "tui", "--home", str(home)]
    variables = {
        "SLACK_BOT_TOKEN": str(APP["botToken"]),
        "SLACK_APP_TOKEN": str(APP["appToken"]),
        "SLACK_API_URL": f"{base}/api/",
        "BURSAR_APPROVALS_POLICY": "always",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    with (
        child([*bursar, "bot"], tmp_path, "bot", **variables),
        child([*bursar, "daemon"], tmp_path, "daemon", **variables),
    ):
        async with aiohttp.ClientSession() as session:
            screen = Screen(base, session)
            await screen.open()
            await screen.until(lambda: screen.connected, "the bot's socket")
            for user, name, code in ((ALICE, "alice", codes[0]), (BOB, "bob", codes[1])):
                await screen.command(user, CHANNEL, "list")
                await screen.until(lambda user=user: screen.said("register", to=user), "how to begin")
                await screen.command(user, CHANNEL, "register")
                await screen.until(lambda u=user, n=name: screen.said(f"You are {n}", to=u), f"{name}'s account")
                await screen.command(user, CHANNEL, f"join {code}")
                await screen.until(lambda u=user: screen.said("vision", "members", to=u), f"{name} joined")
            await screen.command(BOB, CHANNEL, "deploy")
            await screen.until(lambda: screen.forms, "the form")
            await screen.send_form(BOB, {"name": "train", "cluster": "rack", "image": "busybox", "gpu": "16"})
            await screen.until(lambda: screen.form_errors, "what is wrong with 16 GPUs")
            assert "no node can hold" in screen.form_errors["name"]
            await screen.send_form(
                BOB, {"name": "train", "cluster": "rack", "image": "busybox", "gpu": "1", "hours": "1"}
            )
            asked = await screen.until(lambda: screen.said("bob asks for train", "approve"), "the approval")
            await screen.press(ALICE, asked, "approve")
            await screen.until(lambda: screen.said("train", "approved by alice"), "bob's notice")
            await screen.until(lambda: screen.said("train (dep-", "▶ running"), "the card that says it runs")
            card = screen.said("train (dep-", "▶ running")
            assert card is not None
            await screen.command(BOB, CHANNEL, "list mine")
            await screen.until(lambda: screen.said("train", "running", to=BOB), "the list")
            await screen.open_home(BOB)
            await screen.until(lambda: "train" in str(screen.homes.get(BOB)), "bob's home tab")
            await screen.press(BOB, card, "cancel")
            await screen.until(lambda: screen.said("train: cancelled", "cost"), "the end with its cost")
            await screen.command(ALICE, CHANNEL, "report here daily 09:00")
            preview = await screen.until(lambda: screen.said("only you see this"), "the preview")
            await screen.press(ALICE, preview, "report_schedule")
            made = await screen.until(lambda: screen.said("rep-", "is on"), "the schedule")
            handle = str(made["text"]).split()[0]
            await screen.command(ALICE, CHANNEL, f"report run {handle}")
            report = await screen.until(
                lambda: next(
                    (
                        m
                        for m in screen.messages.values()
                        if m["channel"] == CHANNEL and "vision: use" in str(m) and not m.get("ephemeral_to")
                    ),
                    None,
                ),
                "the report in the channel",
            )
            await screen.until(
                lambda: any(m.get("thread_ts") == report["ts"] and m.get("files") for m in screen.messages.values()),
                "its files in the thread",
            )
    (line,) = world.bursar.deployments.list(admin, states=(State.CANCELLED.value,)).items
    assert (line.name, line.owner) == ("train", "bob")
    assert world.bursar.operations.verify_audit(world.log_in("olga")).holds
    world.close()
