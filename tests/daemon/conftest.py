"""Worlds for the tests of the daemon: one on SQLite for each test, and where it matters one on each dialect."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.world import World


@pytest.fixture
def home(tmp_path: Path, sqlite_at_head: Path) -> Path:
    """A home with a store at the schema's head."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    shutil.copy(sqlite_at_head, home / "bursar.db")
    (home / "bursar.db").chmod(0o600)
    return home


@pytest.fixture
def world(home: Path) -> Iterator[World]:
    made = World(home)
    yield made
    made.close()


@pytest.fixture
def either_world(home: Path, store_url: str) -> Iterator[World]:
    """The same on SQLite and on PostgreSQL."""
    made = World(home, store_url)
    yield made
    made.close()
