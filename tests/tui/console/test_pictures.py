"""Each screen as text, at the smallest size that people use and at a usual one, against a picture that was looked at.

A picture that is meant to change is renewed: `python -m tests.tui.console.renew`, then looked at in the diff.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.tui.console.scene import Scene, settled

PICTURES = Path(__file__).parent / "pictures"
SMALL, USUAL = (80, 24), (120, 40)
# name -> who looks, and what is pressed
VIEWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "overview": ("ana", ()),
    "overview-of-a-member": ("mia", ()),
    "queue": ("ana", ("2",)),
    "deployments": ("ana", ("3",)),
    "deployments-marked": ("ana", ("3", "space", "down", "space")),
    "deployment": ("mia", ("3", "down", "down", "enter")),
    "timeline": ("noa", ("3", "down", "down", "down", "enter", "t")),
    "logs": ("mia", ("3", "end", "l")),
    "money-of-a-deployment": ("mia", ("3", "end", "enter", "b")),
    "submit": ("ana", ("4",)),
    "clusters": ("olga", ("5", "down", "down")),
    "approvals": ("ana", ("6",)),
    "approvals-of-a-member": ("mia", ("6",)),
    "people": ("ana", ("7",)),
    "money": ("ana", ("8",)),
    "reports": ("ana", ("9",)),
    "reports-of-a-member": ("mia", ("9", "M", "right_square_bracket", "right_square_bracket")),
    "audit": ("ana", ("a", "down")),
    "health-of-a-member": ("mia", ("h",)),
    "account": ("olga", ("0",)),
    "help": ("ana", ("3", "question_mark")),
    "sure": ("ana", ("3", "down", "down", "down", "c")),
    "form": ("ana", ("6", "r")),
    "prompt": ("ana", ("colon", *"invite c")),
}


# Those that are laid out another way where there is more room.
WIDE = (
    "overview",
    "queue",
    "deployments",
    "deployment",
    "submit",
    "clusters",
    "approvals",
    "people",
    "money",
    "reports",
    "audit",
    "account",
)
DRAWN = [(name, SMALL) for name in VIEWS] + [(name, USUAL) for name in WIDE]


# Which id something gets is chance, and no part of a picture.
_IDS = re.compile(r"\b(dep|inv|clu)-[a-z0-9]{6}\b")


async def picture(scene: Scene, name: str, size: tuple[int, int]) -> str:
    who, keys = VIEWS[name]
    app = scene.console(who)
    async with app.run_test(size=size) as pilot:
        shown = await settled(app, pilot)
        for key in keys:
            await pilot.press(key)
            shown = await settled(app, pilot)
        while (again := await settled(app, pilot)) != shown:  # a line that is wrapped late moves what is below it
            shown = again
        return _IDS.sub(r"\1-······", shown)


def file_of(name: str, size: tuple[int, int]) -> Path:
    return PICTURES / f"{name}-{size[0]}x{size[1]}.txt"


@pytest.mark.parametrize(("name", "size"), DRAWN, ids=lambda value: value if isinstance(value, str) else str(value[0]))
async def test_a_screen_is_as_it_was_drawn(scene: Scene, name: str, size: tuple[int, int]) -> None:
    shown = await picture(scene, name, size)
    assert max(map(len, shown.splitlines())) <= size[0]
    assert shown == file_of(name, size).read_text(encoding="utf-8"), "renew it: python -m tests.tui.console.renew"


def test_no_picture_is_left_of_a_view_that_is_gone() -> None:
    assert {path.name for path in PICTURES.iterdir()} == {file_of(*drawn).name for drawn in DRAWN}
