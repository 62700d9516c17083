"""History is added to and never edited: triggers refuse, and who gets around them is found by the chain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from core.clock import ManualClock
from core.domain.audit import first_break
from core.domain.roles import Caller
from core.ids import SeqIds
from core.store.database import Database
from core.store.repositories.journal import Audit
from core.store.scope import unscoped
from core.store.units import Units
from tests.builders import NOBODY, World, dump

APPEND_ONLY = ("audit", "postings", "entries")


@pytest.fixture
def world(tmp_path: Path, store_url: str) -> Iterator[World]:
    made = World.on(tmp_path / "home", store_url)
    yield made
    made.close()


@pytest.fixture
def operator(world: World) -> Caller:
    """Who has left a dozen rows of history and money behind."""
    operator = world.operator()
    admin = world.org(operator, "vision")
    world.fund(admin, credits=10, gpu_hours=1)
    for _ in range(8):
        world.invite(admin)
    return operator


def refuses(database: Database, statement: str) -> str:
    with pytest.raises(DBAPIError) as refused, database.write() as connection:
        connection.execute(text(statement))
    return str(refused.value)


EDITS = (
    "UPDATE {table} SET seq = seq",
    "UPDATE {table} SET seq = seq WHERE seq = (SELECT min(seq) FROM {table})",
    "DELETE FROM {table}",
    "DELETE FROM {table} WHERE seq = (SELECT max(seq) FROM {table})",
)


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_I_L12_history_is_neither_changed_nor_deleted(world: World, operator: Caller, table: str) -> None:
    before = dump(world.store)
    assert before[table]
    for statement in EDITS:
        assert "append-only" in refuses(world.store, statement.format(table=table))
    assert dump(world.store) == before


def test_I_L12_history_is_not_emptied_by_truncate(world: World, operator: Caller) -> None:
    if world.store.is_sqlite:
        pytest.skip("SQLite knows no TRUNCATE")
    for table in APPEND_ONLY:
        assert "append-only" in refuses(world.store, f"TRUNCATE {table} CASCADE")


def test_I_L12_a_row_is_not_replaced_either(world: World, operator: Caller) -> None:
    """SQLite's REPLACE deletes without asking delete triggers, unless recursive triggers are on."""
    if not world.store.is_sqlite:
        pytest.skip("PostgreSQL knows no REPLACE; ON CONFLICT updates, which its trigger sees")
    before = dump(world.store)
    with pytest.raises(DBAPIError), world.store.write() as connection:
        connection.execute(
            text("INSERT OR REPLACE INTO audit SELECT seq, 0, actor, face, org_id, verb, target, "
                 "before, after, previous, hash FROM audit WHERE seq = 3")
        )  # fmt: skip
    assert dump(world.store) == before


# With the triggers gone


def without_triggers(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        for verb in ("update", "delete"):
            connection.execute(text(f"DROP TRIGGER audit_no_{verb}"))
    else:
        connection.execute(text("DROP TRIGGER audit_append_only ON audit"))


TAMPERING: dict[str, tuple[str, int, str]] = {
    "a row's author is changed": ("UPDATE audit SET actor = 'mallory' WHERE seq = 4", 4, "changed"),
    "a row's amount is changed": ("UPDATE audit SET after = '{}' WHERE seq = 4", 4, "changed"),
    "a row's instant is changed": ("UPDATE audit SET at = at + 1 WHERE seq = 4", 4, "changed"),
    "a row is deleted": ("DELETE FROM audit WHERE seq = 4", 4, "missing"),
    "the first row is deleted": ("DELETE FROM audit WHERE seq = 1", 1, "missing"),
    "a row is deleted and the next takes its number": (
        "DELETE FROM audit WHERE seq = 4; UPDATE audit SET seq = 4 WHERE seq = 5",
        4,
        "does not follow",
    ),
    "a row's hash is changed": ("UPDATE audit SET hash = previous WHERE seq = 4", 4, "changed"),
    "a row is slipped in": (
        "INSERT INTO audit SELECT 100, at, actor, face, org_id, verb, target, before, after, previous, hash "
        "FROM audit WHERE seq = 4",
        0,
        "missing",
    ),
}


@pytest.mark.parametrize("how", TAMPERING)
@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_I_A2_the_chain_finds(world: World, operator: Caller, how: str) -> None:
    assert_found(world, operator, how)


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_I_A2_the_chain_finds_on_postgresql_too(world: World, operator: Caller) -> None:
    assert_found(world, operator, "a row is deleted and the next takes its number")


def assert_found(world: World, operator: Caller, how: str) -> None:
    statements, broken_at, word = TAMPERING[how]
    whole = world.bursar.operations.verify_audit(operator)
    assert whole.holds
    with world.store.write() as connection:
        without_triggers(connection)
        for statement in statements.split("; "):
            connection.execute(text(statement))
    verdict = world.bursar.operations.verify_audit(operator)
    assert not verdict.holds
    assert verdict.broken_at == (broken_at or whole.rows + 1)
    assert word in verdict.message


@pytest.mark.parametrize("left", [0, 5])
def test_I_A3_a_tail_that_was_cut_off_is_told_by_the_head_that_was_shown_before(
    world: World, operator: Caller, left: int
) -> None:
    """The chain that is left holds by itself: only a head written down elsewhere tells that there was more."""
    shown = world.bursar.operations.verify_audit(operator)
    with world.store.write() as connection:
        without_triggers(connection)
        connection.execute(text(f"DELETE FROM audit WHERE seq > {left}"))
    verdict = world.bursar.operations.verify_audit(operator)
    assert verdict.holds
    assert verdict.rows == left < shown.rows
    assert verdict.head != shown.head
    world.invite(world.log_in("olga"))
    assert world.bursar.operations.verify_audit(operator).head != shown.head


def test_the_head_of_a_chain_that_only_grew_is_still_in_it(world: World, operator: Caller) -> None:
    shown = world.bursar.operations.verify_audit(operator)
    world.invite(operator)
    with world.store.read() as connection:
        hashes = [row.hash for row in Audit(connection, unscoped("a test")).from_the_beginning()]
    assert hashes[shown.rows - 1] == shown.head


def test_I_A2_numbers_follow_each_other_across_units_and_within_one(database: Database) -> None:
    units = Units(database, ManualClock(), SeqIds())
    for changes in (1, 3, 0, 2):
        with units.write(NOBODY) as unit:
            for number in range(changes):
                unit.record("test", str(number))
    with database.read() as connection:
        rows = list(Audit(connection, unscoped("a test")).from_the_beginning())
    assert [row.seq for row in rows] == [1, 2, 3, 4, 5, 6]
    assert first_break(rows) is None


def test_what_is_recorded_is_in_the_feed_too(world: World, operator: Caller) -> None:
    with world.store.read() as connection:
        told = connection.execute(text("SELECT kind, subject FROM events ORDER BY seq")).all()
        kept = connection.execute(text("SELECT verb, target FROM audit ORDER BY seq")).all()
    assert [tuple(row) for row in told] == [tuple(row) for row in kept]
