"""Questions that are asked again and again find their way by an index, however much has ended long ago."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.domain.lifecycle import FINAL
from core.store.fixed import Fixed
from core.store.queries import touched, wallets
from core.store.repositories import deployments, ledger, runs
from core.store.tables import work
from tests.builders import World

# What is asked, and by which index SQLite finds each table that grows.
WAYS = {
    "names that live": (deployments._living_named(False), ["uq_deployments_living_name"]),
    "deployments by id": (deployments._by_ids(True), ["sqlite_autoindex_deployments_1"]),
    "their dependencies": (
        deployments._dependencies_of(True),
        ["sqlite_autoindex_dependencies_1", "sqlite_autoindex_deployments_1"],
    ),
    "places that are held": (runs._allocations_of(True), ["uq_allocations_open"]),
    "runs that are open": (runs._open_of(True), ["uq_runs_open"]),
    "what a wallet pays for": (runs._OPEN_OF_WALLET, ["ix_deployments_owner_id_state", "uq_runs_open"]),
    "what a treasury pays for": (runs._OPEN_OF_TREASURY, ["ix_deployments_org_id_state", "uq_runs_open"]),
    "at which rates": (runs._RATES_OF_WALLET, ["ix_deployments_owner_id_state", "uq_runs_open"]),
    "what is set aside": (ledger._HELD, ["ix_postings_deployment_id", "sqlite_autoindex_entries_1"]),
    "what runs have cost": (ledger._CHARGED, ["ix_postings_run_id", "sqlite_autoindex_entries_1"]),
    "postings by key": (ledger._FINGERPRINTS, ["sqlite_autoindex_postings_1"]),
    "what news name": (touched._NAMED, ["sqlite_autoindex_deployments_2"]),
    "who waits for them": (touched._WAITING, ["ix_dependencies_after_id", "sqlite_autoindex_deployments_1"]),
    "who pays for them": (wallets._PAYING_FOR, ["sqlite_autoindex_deployments_2"]),
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.on(tmp_path / "home", f"sqlite:///{tmp_path}/store.db")
    yield made
    made.close()


@pytest.mark.parametrize("asked", WAYS)
def test_what_is_asked_by_keys_is_found_by_an_index(world: World, asked: str) -> None:
    statement, wanted = WAYS[asked]
    found = [step for step in plan_of(world, statement) if "json_each" not in step and "INDEX" in step]
    assert [step.split("INDEX ")[1].split(" ")[0] for step in found] == wanted
    assert not [step for step in plan_of(world, statement) if step.startswith("SCAN") and "json_each" not in step]


def plan_of(world: World, statement: Fixed) -> list[str]:
    with world.store.read() as connection:
        text, form, preset = statement._for(connection)
        given = defaultdict(lambda: "x", {"keys": "[]", **preset})
        rows = connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {text}", form(given))
        return [str(row[3]) for row in rows.fetchall()]


def test_what_the_index_of_living_names_calls_over_is_what_the_table_of_states_does() -> None:
    listed = str(work.LIVING).partition("(")[2].rstrip(")").split(",")
    assert sorted(listed) == sorted(f"'{state.value}'" for state in FINAL)
