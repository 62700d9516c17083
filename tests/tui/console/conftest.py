"""The team at work, made once and copied for each test; time zone and colours are the same everywhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.console import haste
from tests.tui.console.scene import Scene


async def _let_go_on(_at_least_s: float = 0) -> None:
    """Between two keys a pilot sleeps for 40 ms to see whether there is rest; `settled` asks the gateway itself."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("textual.app.wait_for_idle", _let_go_on)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(scope="package", autouse=True)
def hasty_console() -> Iterator[None]:
    with haste.styles_parsed_once():
        yield


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Closed: only to be copied, or asked for what stands in it."""
    scene = Scene.at_work(tmp_path_factory.mktemp("scene") / "home")
    scene.world.close()
    return scene


@pytest.fixture
def scene(made: Scene, tmp_path: Path) -> Iterator[Scene]:
    copied = made.copied(tmp_path / "home")
    yield copied
    copied.world.close()
