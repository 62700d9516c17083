"""Questions that are asked again and again find their way by an index, however much has ended long ago."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from core.domain.browsing import Look
from core.domain.lifecycle import FINAL
from core.store.fixed import Fixed
from core.store.queries import board, touched, wallets
from core.store.repositories import deployments, ledger, runs
from core.store.tables import work
from tests.builders import World, job

# What is asked, and by which index SQLite finds each table that grows.
WAYS = {
    "names that live": (deployments._living_named(False), ["uq_deployments_living_name"]),
    "deployments by id": (deployments._by_ids(True), ["sqlite_autoindex_deployments_1"]),
    "their dependencies": (
        deployments._dependencies_of(True),
        ["sqlite_autoindex_dependencies_1", "sqlite_autoindex_deployments_1"],
    ),
    "what one of an organization follows": (
        deployments._dependencies_of(False),
        ["sqlite_autoindex_dependencies_1", "sqlite_autoindex_deployments_1"],
    ),
    "places that are held": (runs._allocations_of(True), ["uq_allocations_open"]),
    "on what models": (runs._gpu_models_of(True), ["uq_allocations_open", "sqlite_autoindex_nodes_1"]),
    "who waits at all": (board._FIRST_WAITING, ["ix_deployments_cluster_id_state"]),
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


class Anything(dict[str, object]):
    def __missing__(self, name: str) -> str:
        return "[]" if name == "keys" else "x"


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
        text, in_order, preset = statement._for(connection)
        rows = connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {text}", in_order(Anything(preset)))
        return [str(row[3]) for row in rows.fetchall()]


def test_a_whole_id_a_living_name_and_what_is_in_a_living_state_are_found_by_an_index(world: World) -> None:
    admin = world.org(world.operator(), "vision")
    world.cluster(admin)
    world.fund(admin, credits=100, gpu_hours=100)
    card = world.bursar.deployments.submit(admin, job("train"))
    here = world.bursar.deployments
    ways = {
        "the id": (lambda: here.show(admin, card.id), "sqlite_autoindex_deployments_2"),
        "the name": (lambda: here.show(admin, "train"), "sqlite_autoindex_deployments_2"),
        "what waits for a yes": (lambda: world.bursar.decisions.approvals(admin), "ix_deployments_org_id_state"),
        "the state": (lambda: here.list(admin, states=("queued", "running")), "ix_deployments_org_id_state"),
    }
    besides = ("uq_", "sqlite_autoindex_deployments_1 ")  # who lives by that name, and what it follows
    for by, (look, wanted) in ways.items():
        steps = [step for step in steps_of(world, look) if " deployments" in step]
        assert not [step for step in steps if step.startswith("SCAN")], by
        found = [step for step in steps if not any(index in step for index in besides)]
        assert found and all(f"INDEX {wanted} " in step for step in found), by


def test_a_page_of_many_goes_by_age_and_one_of_few_by_what_they_are(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = world.operator()
    admin = world.org(operator, "vision")
    world.cluster(admin)
    world.fund(admin, credits=100, gpu_hours=100)
    cards = [world.bursar.deployments.submit(admin, job(f"train-{number}")) for number in range(4)]
    newest_first = [card.id for card in reversed(cards)]

    def pages(**asked: Any) -> list[str]:
        found, after = [], None
        while True:
            page = world.bursar.deployments.list(admin, limit=3, after=after, **asked)
            found += [line.id for line in page.items]
            if page.next is None:
                return found
            after = page.next

    def ways(**asked: Any) -> list[str]:
        steps = steps_of(world, lambda: world.bursar.deployments.list(admin, **asked))
        return [step for step in steps if "SEARCH deployments" in step and "ix_deployments" in step]

    for most, ordered_by in ((5, "ix_deployments_org_id_state"), (4, "ix_deployments_org_id_id")):
        monkeypatch.setattr(deployments, "_MOST_PUT_IN_ORDER", most)
        assert pages(states=("queued",)) == pages() == newest_first
        assert f"INDEX {ordered_by} " in ways(states=("queued",))[-1]
    assert "ix_deployments_owner_id_state" in ways(mine=True)[0], "counted by whose they are"
    steps = steps_of(world, lambda: world.bursar.deployments.list_everywhere(operator, Look(("queued",), limit=3)))
    assert any("INDEX ix_deployments_cluster_id_state " in step for step in steps), "they are counted so"
    assert any(step.startswith("SCAN deployments") for step in steps), f"and gone through by age: {steps}"
    assert not [step for step in steps if "TEMP B-TREE FOR ORDER BY" in step]


def steps_of(world: World, look: Callable[[], object]) -> list[str]:
    """How SQLite found what was looked up."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, text: str, given: object, *_: object) -> None:
        asked.append((text, given))

    engine = world.store.engine
    event.listen(engine, "before_cursor_execute", note)
    look()
    event.remove(engine, "before_cursor_execute", note)
    with world.store.read() as connection:
        cursor = connection.connection.cursor()
        plans = [cursor.execute(f"EXPLAIN QUERY PLAN {text}", given).fetchall() for text, given in asked]
    return [str(row[3]) for rows in plans for row in rows]


def test_what_the_index_of_living_names_calls_over_is_what_the_table_of_states_does() -> None:
    listed = str(work.LIVING).partition("(")[2].rstrip(")").split(",")
    assert sorted(listed) == sorted(f"'{state.value}'" for state in FINAL)
