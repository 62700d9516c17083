"""`python -m tests.tui.pictures`: draws the main screens of the running console, for the README, into tui/pictures.

What is on them is the week of the demonstration, played in virtual time up to the same instant each time.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.bootstrap import Bursar, build
from core.clock import MINUTE
from core.demo.cast import ORGS, fill
from core.demo.clock import DemoClock
from core.demo.stage import WEEK, Stage
from core.domain.requests import Login
from core.domain.roles import anonymous
from core.domain.validation import validated
from core.domain.workloads import SubmitRequest
from core.ids import SeqIds, chance
from core.settings import Accounts, Approvals, Settings, read_private, write_private
from tests.builders import PASSWORD
from tests.tui.console.scene import settled
from tui.app import BursarConsole
from tui.cli.place import Place
from tui.gateway import Gateway
from tui.theme import LIGHT

FOLDER = Path(__file__).parents[2] / "tui" / "pictures"
SIZE = (120, 36)
NOW = 1_768_208_400_000_000  # Monday, 12 January 2026, nine in the morning
_SEED = 7
_ACCOUNTS = Accounts(bcrypt_cost=4, session_lifetime_ms=30 * 86_400_000)  # a week is longer than a session lasts
_FONTS = "ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace"
_PAUSE_S = 0.4  # longer than the submit form waits for the next key
_SUBMIT = (*"protein", "tab", *"hopper", "tab", *"fold", "tab", "tab", "tab", *"16", "tab", *"128", "tab", *"4")

# What people ask for on that morning: more than there is.
MORNING = (
    ("grace", "pretrain-base", 8, "6", 60),
    ("linus", "sweep-lr", 4, "2", 50),
    ("mei", "asr-large", 8, "5", 50),
    ("ada", "eval-nightly", 2, "0.5", 40),
    ("grace", "distill-small", 4, "3", 50),
    ("omar", "tts-finetune", 4, "4", 50),
    ("linus", "sweep-wd", 4, "2", 50),
    ("grace", "pretrain-long", 8, "12", 70),
    ("ada", "ablate-heads", 2, "1.5", 50),
)

# name -> what is pressed, and whether it is drawn in the light theme
VIEWS: dict[str, tuple[tuple[str, ...], bool]] = {
    "overview": ((), False),
    "overview-light": ((), True),
    "queue": (("2", "down"), False),
    "deployments": (("3", "space", "down", "space", "down"), False),
    "deployment": (("3", "o", "o", "o", "o", "end", "enter"), False),
    "submit": (("4", *_SUBMIT, "tab", "tab", "tab", *"6"), False),
    "approvals": (("6",), False),
    "money": (("8",), False),
    "reports": (("9", "left"), False),
}


@contextmanager
def installation(home: Path) -> Iterator[Bursar]:
    """The demonstration's two organizations after a week of work."""
    home.mkdir(mode=0o700)
    clock = DemoClock(NOW - WEEK)
    settings = Settings(home=home, accounts=_ACCOUNTS, approvals=Approvals(policy="above_limits"))
    bursar = build(settings, clock=clock, ids=SeqIds())
    daemon = bursar.daemon()
    try:
        callers = fill(bursar, PASSWORD, real_processes=None)
        began = NOW - 40 * MINUTE
        Stage(bursar, daemon, clock, callers, chance(_SEED)).play_past(began, goes_on=lambda: True)
        for number, (who, name, gpu, hours, priority) in enumerate(MORNING):
            clock.reach(began + number * 4 * MINUTE)
            asked = validated(
                SubmitRequest, name=name, cluster="hopper", image=f"ghcr.io/lab/{name.partition('-')[0]}:2.1",
                cpu=str(4 * gpu), ram=str(32 * gpu), gpu=str(gpu), hours=hours, priority=priority,
            )  # fmt: skip
            bursar.deployments.submit(callers[who], asked)
            daemon.lead()
            daemon.round()
        clock.reach(NOW)
        daemon.lead()
        daemon.round()
        yield bursar
    finally:
        daemon.close()
        bursar.close()


def console(bursar: Bursar, home: Path, name: str) -> BursarConsole:
    session = bursar.accounts.login(anonymous("console"), validated(Login, name=name, password=PASSWORD))
    place = Place(
        home=home,
        token=session.access_token,
        open=lambda: bursar,
        read_private=read_private,
        write_private=write_private,
    )
    return BursarConsole(Gateway(place, lambda _trace: None), lambda: NOW, beat_s=0)


async def picture(app: BursarConsole, keys: tuple[str, ...], *, light: bool = False) -> str:
    """The screen after these keys, as SVG that looks nothing up elsewhere."""
    if light:
        app.theme = LIGHT.name
    async with app.run_test(size=SIZE) as pilot:
        app.leads_here = True  # the daemon above serves in this process, as it does in a console
        await settled(app, pilot)
        for key in keys:
            await pilot.press(key)
        await pilot.pause(_PAUSE_S)
        await settled(app, pilot)
        return _alone(app.export_screenshot(title="bursar"))


def _alone(svg: str) -> str:
    """Without remarks and the fonts that it would fetch; with the fonts that every reader has."""
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"@font-face\s*\{[^}]*\}\s*", "", svg)
    return re.sub(r"font-family:\s*[^;]*;", f"font-family: {_FONTS};", svg)


def main(names: list[str]) -> None:
    os.environ.update(TZ="UTC", TEXTUAL_ANIMATIONS="none")
    time.tzset()
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, installation(Path(folder) / "home") as bursar:
        for name in names or VIEWS:
            keys, light = VIEWS[name]
            app = console(bursar, Path(folder) / "home", ORGS[0].admin)
            (FOLDER / f"{name}.svg").write_text(asyncio.run(picture(app, keys, light=light)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
