"""Shells on machines where something has been done already: once for all tests that begin there, copied for each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.builders import copy_of
from tests.conftest import NewStore
from tests.tui.cli.shell import PASSWORD, Shell

Deed = Callable[[Shell], object]


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """People read instants in their own time; here that is UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def machine(home: Path, sqlite_at_head: Path) -> Shell:
    home.mkdir(mode=0o700)
    copy_of(sqlite_at_head, home / "bursar.db")
    return Shell(home)


@pytest.fixture
def shell(tmp_path: Path, sqlite_at_head: Path) -> Shell:
    return machine(tmp_path / "home", sqlite_at_head)


@pytest.fixture(scope="session")
def after(
    tmp_path_factory: pytest.TempPathFactory, sqlite_at_head: Path, lasting_url: NewStore
) -> Callable[..., Shell]:
    """(dialect, *deeds): only to be copied. Without a dialect the store lies in the home, as most people have it."""

    @cache
    def make(dialect: str | None, *deeds: Deed) -> Shell:
        home = tmp_path_factory.mktemp("machine") / "home"
        shell = Shell(home, BURSAR_DATABASE_URL=lasting_url(dialect)) if dialect else machine(home, sqlite_at_head)
        for deed in deeds:
            deed(shell)
        return shell

    return make


@pytest.fixture
def settled(tmp_path: Path, after: Callable[..., Shell], fresh_url: NewStore) -> Callable[..., Shell]:
    """The same for one test to go on from."""

    def copied(dialect: str | None, *deeds: Deed) -> Shell:
        made = after(dialect, *deeds)
        url = fresh_url(dialect, made.environ["BURSAR_DATABASE_URL"]) if dialect else None
        return made.copied(tmp_path / "home", url)

    return copied


@pytest.fixture
def team(settled: Callable[..., Shell]) -> Shell:
    """An operator `olga`, who has made the organization `vision`, and her member `ben`; olga is logged in."""
    return settled(None, make_a_team)


def make_a_team(shell: Shell) -> None:
    shell.done("init --operator olga --password-stdin", stdin=[PASSWORD])
    shell.log_in("olga")
    shell.done("org create vision")
    code = shell.done("invite create --json").json["code"]
    shell.done("register ben --password-stdin", stdin=[PASSWORD])
    shell.log_in("ben")
    shell.done(f"join {code}")
    shell.log_in("olga")


@pytest.fixture
def as_ben(team: Shell) -> Callable[[], Shell]:
    def change() -> Shell:
        team.log_in("ben")
        return team

    return change
