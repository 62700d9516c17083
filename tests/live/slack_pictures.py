"""Draws the story of the README: played against local-slack in virtual time, each block as local-slack was sent it.

python -m tests.live.slack_pictures        draws bot/pictures/*.svg anew
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bot.app import build_app, client_for
from bot.delivery import Courier
from bot.serving import by_socket
from core.clock import DAY, HOUR, MINUTE, SECOND
from core.settings import Approvals
from tests.builders import World
from tests.house.tree import ROOT
from tests.live.slack_drawing import Sheet
from tests.live.slack_servers import ALICE, APP, BOB, CHANNEL, local_slack
from tests.live.slack_watch import Screen

FOLDER = ROOT / "bot" / "pictures"
_ABOUT = "Drawn from the blocks that the bot sent to a local Slack; letters and places are the drawing's, not Slack's."
_CHANNELS = {CHANNEL: "gpu-usage"}
_LATE = HOUR
Message = dict[str, Any]


@dataclass
class Stage:
    world: World
    screen: Screen
    courier: Courier

    async def posted(self) -> None:
        """The daemon acts, and all that follows from it is posted."""
        daemon = self.world.bursar.daemon()
        try:
            daemon.once()
        finally:
            daemon.close()
        for _ in range(8):
            await self.courier.tick()
            await self.courier.round()
            self.world.advance(2 * SECOND)

    async def says(self, user: str, text: str, *words: str) -> Message:
        await self.screen.command(user, CHANNEL, text)
        return await self.sees(*words)

    async def sees(self, *words: str) -> Message:
        found: Message = await self.screen.until(lambda: self.screen.said(*words), " ".join(words))
        return found

    async def presses(self, user: str, message: Message, action: str, *words: str) -> Message:
        await self.screen.press(user, message, action)
        return await self.sees(*words)


async def drawn(folder: Path) -> dict[str, str]:
    """The pictures by their names; `folder` is for what the programs write."""
    home = folder / "home"
    world = World.on(home, approvals=Approvals(policy="always"))
    admin = world.org(world.operator(), "vision")
    world.cluster(admin)
    codes = [str(world.invite(admin, role=role).code) for role in ("admin", "member")]
    with local_slack(folder) as base:
        app, desk = build_app(world.bursar, client_for(str(APP["botToken"]), f"{base}/api/"))
        told_to_end = asyncio.Event()
        serving = asyncio.create_task(by_socket(app, str(APP["appToken"]), told_to_end))
        try:
            async with aiohttp.ClientSession() as session:
                stage = Stage(world, Screen(base, session), Courier(desk, "painter", late_after_us=_LATE))
                await stage.screen.open()
                await stage.screen.until(lambda: stage.screen.connected, "the bot's socket")
                world.bursar.deliveries().follow()
                for user, name, code in ((ALICE, "alice", codes[0]), (BOB, "bob", codes[1])):
                    await stage.says(user, "register", f"You are {name}")
                    await stage.says(user, f"join {code}", "You are in")
                    stage.screen.messages.clear()
                request, approval = await _asked(stage)
                return {"request": request, **await _worked(stage, approval), **await _reported(stage)}
        finally:
            told_to_end.set()
            with suppress(asyncio.CancelledError):
                await serving
            world.close()


async def _asked(stage: Stage) -> tuple[str, Message]:
    """Bob fills in the form; Alice decides. The form as a picture, and what Alice was asked."""
    screen = stage.screen
    form = await screen.until_form(BOB, CHANNEL, "deploy")
    await screen.send_form(BOB, {"name": "train", "cluster": "rack", "image": "train:v2", "gpu": "2", "hours": "3"})
    await screen.until(lambda: "Its card is in" in str(screen.forms), "what became of the form")
    await stage.posted()
    approval = dict(await stage.sees("bob asks for train", "approve"))
    request = _sheet("/bursar deploy: the form", lambda sheet: [sheet.block(block) for block in form["blocks"]])
    await stage.presses(ALICE, approval, "approve", "train is approved")
    return request, approval


async def _worked(stage: Stage, approval: Message) -> dict[str, str]:
    """It runs, comes near its limit, is given more time and given up; one card, everything else in its thread."""
    screen, world = stage.screen, stage.world
    await stage.posted()
    card = await stage.sees("train (dep-", "running")
    world.advance(2 * HOUR + 50 * MINUTE)
    await stage.posted()
    near = await stage.sees("reaches its time limit")
    await stage.presses(BOB, near, "extend", "alice is asked for 1 h more")
    await stage.posted()
    more = dict(await stage.sees("bob asks for 1 h more for train"))
    await stage.presses(ALICE, more, "give_hours", "may run 4 h in all")
    await stage.posted()
    await screen.open_home(BOB)
    await screen.until(lambda: "train" in str(screen.homes.get(BOB)), "bob's home tab")
    home = screen.homes[BOB]["blocks"]
    shown = dict(await stage.sees("train (dep-", "running"))
    await stage.presses(BOB, shown, "cancel", "train", "stopping")
    await stage.posted()
    await stage.sees("train: cancelled", "cost")
    thread = [one for one in screen.messages.values() if one.get("thread_ts") == card["ts"]]

    def work(sheet: Sheet) -> None:
        sheet.message("bursar", "one card, which always shows how it stands", shown["blocks"])
        for one in thread:
            sheet.message("bursar", "in its thread", one["blocks"], thread=True)

    def decide(sheet: Sheet) -> None:
        sheet.message("bursar", "to alice", approval["blocks"])
        sheet.message("bursar", "ten minutes before its limit bob presses [Extend]", more["blocks"])

    at_home = _sheet("Bob's home tab", lambda sheet: [sheet.block(block) for block in home])
    asked = _sheet("Alice's messages: an admin is asked", decide)
    return {"approval": asked, "work": _sheet("Bob's messages: his work", work), "home": at_home}


async def _reported(stage: Stage) -> dict[str, str]:
    """Alice asks for the report, sees it first, and on Monday morning it is in the channel."""
    preview = await stage.says(ALICE, "report here weekly mon 09:00", "only you see this")
    await stage.presses(ALICE, preview, "report_schedule", "rep-", "is on")
    monday = 4 * DAY + 9 * HOUR
    since_thursday = (stage.world.clock.now() - 1_767_225_600 * SECOND) % (7 * DAY)
    stage.world.advance(monday - since_thursday + MINUTE)
    await stage.posted()
    screen = stage.screen
    report = await screen.until(lambda: _in_channel(screen), "the report")
    await screen.until(lambda: _files_below(screen, report), "its files")
    names = sorted(one["name"] for one in _files_below(screen, report))

    def posted(sheet: Sheet) -> None:
        sheet.message("bursar", "Monday 09:00", report["blocks"])
        files = {"type": "section", "text": {"type": "plain_text", "text": "  ".join(names)}}
        sheet.message("bursar", "in its thread", [files], thread=True)

    return {"report": _sheet("#gpu-usage: the weekly report", posted)}


def _in_channel(screen: Screen) -> Message | None:
    posted = (one for one in screen.messages.values() if one["channel"] == CHANNEL and not one.get("ephemeral_to"))
    return next((one for one in posted if "vision: use" in str(one)), None)


def _files_below(screen: Screen, report: Message) -> list[Message]:
    below = (one for one in screen.messages.values() if one.get("thread_ts") == report["ts"])
    return [file for one in below for file in one.get("files") or ()]


def _sheet(title: str, draw: Callable[[Sheet], object]) -> str:
    sheet = Sheet(_CHANNELS)
    sheet.title(title)
    draw(sheet)
    sheet.caption(_ABOUT)
    return sheet.svg(title)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, picture in asyncio.run(drawn(Path(folder))).items():
            (FOLDER / f"{name}.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
