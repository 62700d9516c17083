"""Worlds for the use cases: `world` on both dialects, `small` on SQLite where the dialect cannot matter.

The team that most of them begin with is made once for each dialect, and copied for each test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from core.domain.roles import Caller
from tests.builders import World
from tests.conftest import DIALECTS, NewStore


@pytest.fixture
def world(tmp_path: Path, store_url: str) -> Iterator[World]:
    made = World.on(tmp_path / "home", store_url)
    yield made
    made.close()


@pytest.fixture
def small(tmp_path: Path, fresh_url: NewStore) -> Iterator[World]:
    made = World.on(tmp_path / "home", fresh_url("sqlite"))
    yield made
    made.close()


@dataclass
class Team:
    """An operator, and the organization `vision` with its admin ana and its member mia."""

    world: World
    operator: Caller
    admin: Caller
    member: Caller

    @classmethod
    def of(cls, world: World) -> Team:
        operator = world.operator()
        admin = world.member(world.org(operator, "vision"), "ana", "admin")
        world.bursar.organizations.leave(operator_in_vision(operator))
        return cls(world, operator, admin, world.member(admin, "mia"))

    def operator_in(self, org: str) -> Caller:
        return replace(self.operator, org=org)


def operator_in_vision(operator: Caller) -> Caller:
    return Caller(operator.account_id, operator.session_id, operator.face, "vision")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, lasting_url: NewStore) -> Callable[[str], Team]:
    """By dialect; closed, and only to be copied."""

    @cache
    def make(dialect: str) -> Team:
        team = Team.of(World.on(tmp_path_factory.mktemp("team") / "home", lasting_url(dialect)))
        team.world.close()
        return team

    return make


@pytest.fixture
def a_team(tmp_path: Path, made: Callable[[str], Team], fresh_url: NewStore) -> Iterator[Callable[[str], Team]]:
    worlds: list[World] = []

    def copied(dialect: str) -> Team:
        before = made(dialect)
        worlds.append(before.world.copied(tmp_path / "home", fresh_url(dialect, before.world.settings.database.url)))
        return replace(before, world=worlds[-1])

    yield copied
    for world in worlds:
        world.close()


@pytest.fixture(params=DIALECTS)
def team(request: pytest.FixtureRequest, a_team: Callable[[str], Team]) -> Team:
    return a_team(request.param)


@pytest.fixture
def small_team(a_team: Callable[[str], Team]) -> Team:
    return a_team("sqlite")
