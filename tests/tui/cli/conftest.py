from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tui.cli.shell import PASSWORD, Shell


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """People read instants in their own time; here that is UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def shell(tmp_path: Path, sqlite_at_head: Path) -> Shell:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    shutil.copy(sqlite_at_head, home / "bursar.db")
    (home / "bursar.db").chmod(0o600)
    return Shell(home)


@pytest.fixture
def team(shell: Shell) -> Shell:
    """An operator `olga`, who has made the organization `vision`, and her member `ben`; olga is logged in."""
    shell.done("init --operator olga --password-stdin", stdin=[PASSWORD])
    shell.log_in("olga")
    shell.done("org create vision")
    code = shell.done("invite create --json").json["code"]
    shell.done("register ben --password-stdin", stdin=[PASSWORD])
    shell.log_in("ben")
    shell.done(f"join {code}")
    shell.log_in("olga")
    return shell


@pytest.fixture
def as_ben(team: Shell) -> Callable[[], Shell]:
    def change() -> Shell:
        team.log_in("ben")
        return team

    return change
