"""The command that draws the README's pictures: what it writes is a whole picture, and the README shows no other."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.tui import pictures
from tests.tui.console.scene import Scene

ROOT = Path(__file__).parents[2]
_SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene.at_work(tmp_path / "home")


def words_of(svg: str) -> str:
    root = ElementTree.fromstring(svg)
    return " ".join("".join(part.itertext()) for part in root.iter(f"{_SVG}text")).replace("\xa0", " ")


@pytest.mark.parametrize("light", [False, True])
async def test_a_picture_is_of_the_running_console_and_needs_nothing_from_elsewhere(scene: Scene, light: bool) -> None:
    svg = await pictures.picture(scene.console("ana"), ("3",), light=light)
    assert "train-resnet" in words_of(svg)
    addresses = set(re.findall(r"https?://[^\s\"')]+", svg))
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert ("#fbfcfd" in svg) == light
    scene.world.close()


def test_the_readme_shows_pictures_that_are_drawn_and_no_picture_is_left_over() -> None:
    shown = set(re.findall(r"tui/pictures/([\w-]+)\.svg", (ROOT / "README.md").read_text(encoding="utf-8")))
    kept = {path.stem for path in pictures.FOLDER.iterdir()}
    assert shown
    assert shown <= kept == set(pictures.VIEWS)


@pytest.mark.live
def test_the_command_draws_the_demonstration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "FOLDER", tmp_path / "pictures")
    pictures.main(["overview", "queue"])
    drawn = {path.stem: words_of(path.read_text(encoding="utf-8")) for path in (tmp_path / "pictures").iterdir()}
    assert set(drawn) == {"overview", "queue"}
    assert "hopper" in drawn["overview"]
    assert "why it waits" in drawn["queue"]
