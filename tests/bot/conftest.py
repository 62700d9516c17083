"""A scene for each test, on a store of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from tests.bot.fake_slack import FakeSlack
from tests.bot.scene import Scene
from tests.builders import copy_of


@pytest.fixture(autouse=True)
def bolt_asks_the_fake_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bolt makes a client of its own for each request, and asks with it once; there is no port for it."""

    async def auth_test(_client: AsyncWebClient, **_given: Any) -> Any:
        return await FakeSlack().api_call("auth.test")

    monkeypatch.setattr(AsyncWebClient, "auth_test", auth_test)


@pytest.fixture
def on_either_store(tmp_path: Path, store_url: str) -> Iterator[Scene]:
    """For what the two dialects could see differently."""
    made = Scene.made(tmp_path / "home", store_url)
    yield made
    made.close()
    assert made.bugs.found == []


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, sqlite_at_head: Path) -> Scene:
    """Closed: only to be copied."""
    home = tmp_path_factory.mktemp("scene") / "home"
    home.mkdir(mode=0o700)
    copy_of(sqlite_at_head, home / "bursar.db")
    scene = Scene.made(home)
    scene.close()
    return scene


@pytest.fixture
def scene(made: Scene, tmp_path: Path) -> Iterator[Scene]:
    copied = made.copied(tmp_path / "home")
    yield copied
    copied.close()
    assert copied.bugs.found == []
