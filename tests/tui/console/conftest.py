"""The team at work, made once and copied for each test; time zone and colours are the same everywhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.console.scene import Scene


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.delenv("NO_COLOR", raising=False)
    # A pilot sleeps for this long, twice a key, to see whether there is rest; `settled` asks the gateway itself.
    monkeypatch.setattr("textual._wait.SLEEP_GRANULARITY", 0.004)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


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
