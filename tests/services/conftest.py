"""Worlds for the use cases: `world` on both dialects, `small` on SQLite where the dialect cannot matter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from core.domain.roles import Caller
from tests.builders import World


@pytest.fixture
def world(tmp_path: Path, store_url: str) -> Iterator[World]:
    made = World.on(tmp_path / "home", store_url)
    yield made
    made.close()


@pytest.fixture
def small(tmp_path: Path, fresh_url: Callable[[str], str]) -> Iterator[World]:
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


@pytest.fixture
def team(world: World) -> Team:
    return Team.of(world)


@pytest.fixture
def small_team(small: World) -> Team:
    return Team.of(small)
