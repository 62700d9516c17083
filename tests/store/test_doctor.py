"""The doctor finds nothing in a good store and each planted fault in a bad one, on both dialects."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from core.clock import SECOND
from core.domain.roles import Caller
from core.store.queries import checks
from core.views.operations import Diagnosis, Finding, Verdict
from tests.builders import World, dump

pytestmark = pytest.mark.usefixtures("durable")  # the doctor asks whether the store is


@pytest.fixture
def world(tmp_path: Path, store_url: str) -> Iterator[World]:
    made = World.on(tmp_path / "home", store_url)
    yield made
    made.close()


@pytest.fixture
def operator(world: World) -> Caller:
    """Of an installation in which something has happened already."""
    operator = world.operator()
    admin = world.org(operator, "vision")
    world.member(admin, "mia")
    world.org(operator, "speech")
    world.cluster(admin)
    world.fund(admin, credits=100, gpu_hours=10)
    world.submit(admin, "train")
    world.advance(SECOND)
    return operator


def found(diagnosis: Diagnosis, check_id: str) -> list[Finding]:
    return [finding for finding in diagnosis.findings if finding.id == check_id]


def test_a_good_store_has_no_fault(world: World, operator: Caller) -> None:
    before = dump(world.store)
    diagnosis = world.bursar.operations.doctor(operator)
    failing = [finding.check for finding in diagnosis.findings if finding.verdict is Verdict.FAIL]
    # The throw-away server of the tests runs without fsync to be quick, and the doctor rightly says so.
    assert failing == ([] if world.store.is_sqlite else ["durability (fsync)"])
    assert {finding.id for finding in diagnosis.findings} >= {rule.id for rule in checks.PEOPLE} | {
        "I-A2",
        "I-A3",
        "I-D1",
    }
    assert dump(world.store) == before


FAULTS: dict[str, tuple[str, ...]] = {
    "I-T5": ("UPDATE memberships SET role = 'member'",),
    "I-T6": ("UPDATE accounts SET disabled_at = 1 WHERE name = 'mia'",),
    "I-T1": (
        "UPDATE invites SET org_id = (SELECT id FROM orgs WHERE name = 'speech')",
    ),
    "I-A4": (
        "INSERT INTO audit SELECT seq + 1, at - 1, actor, face, org_id, verb, target, before, after, previous, hash "
        "FROM audit WHERE seq = (SELECT max(seq) FROM audit)",
    ),
}  # fmt: skip


def test_every_rule_of_people_has_a_planted_fault() -> None:
    assert {rule.id for rule in checks.PEOPLE} == FAULTS.keys()


@pytest.mark.parametrize("rule", checks.PEOPLE, ids=lambda rule: rule.id)
def test_a_planted_fault_is_found_named_and_what_mends_it_is_said(
    world: World, operator: Caller, rule: checks.MustBeEmpty
) -> None:
    with world.store.write() as connection:
        for statement in FAULTS[rule.id]:
            connection.execute(text(statement))
    diagnosis = world.bursar.operations.doctor(operator)
    (finding,) = found(diagnosis, rule.id)
    assert (finding.verdict, finding.check, finding.repair) == (Verdict.FAIL, rule.check, rule.repair)
    assert finding.message.startswith("broken by ")
    assert diagnosis.verdict is Verdict.FAIL


def test_I_A2_a_broken_chain_is_found(world: World, operator: Caller) -> None:
    with world.store.write() as connection:
        trigger = "audit_no_update" if world.store.is_sqlite else "audit_append_only ON audit"
        connection.execute(text(f"DROP TRIGGER {trigger}"))
        connection.execute(text("UPDATE audit SET actor = 'mallory' WHERE seq = 2"))
    (finding,) = found(world.bursar.operations.doctor(operator), "I-A2")
    assert finding.verdict is Verdict.FAIL
    assert "row 2" in finding.message
    assert finding.repair


def test_I_A3_a_chain_that_was_cut_off_is_found_by_what_a_backup_remembers(world: World, operator: Caller) -> None:
    if world.store.path is None:
        pytest.skip("PostgreSQL keeps its own backups")
    made = world.bursar.operations.backup(operator)
    (before,) = found(world.bursar.operations.doctor(operator), "I-A3")
    assert (before.verdict, before.message) == (Verdict.OK, "what backups remember is all there (1 compared)")
    with world.store.write() as connection:
        connection.execute(text("DROP TRIGGER audit_no_delete"))
        connection.execute(text(f"DELETE FROM audit WHERE seq = {made.audit_rows}"))
    diagnosis = world.bursar.operations.doctor(operator)
    (chain,), (anchor,) = found(diagnosis, "I-A2"), found(diagnosis, "I-A3")
    assert chain.verdict is Verdict.OK, "what is left of it holds"
    assert anchor.verdict is Verdict.FAIL
    assert anchor.message == f"{Path(made.path).name} remembers row {made.audit_rows}, which is not there any more"


def test_I_D2_another_schema_than_the_programs_is_found(world: World, operator: Caller) -> None:
    with world.store.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    (finding,) = found(world.bursar.operations.doctor(operator), "I-D2")
    assert finding.verdict is Verdict.FAIL
    assert "0000" in finding.message


def test_I_D1_a_reference_to_nothing_is_found(world: World, operator: Caller) -> None:
    if world.store.path is None:
        pytest.skip("PostgreSQL lets no reference be broken while it runs")
    with closing(sqlite3.connect(world.store.path, isolation_level=None)) as stranger:  # who does not ask for the rule
        stranger.execute("UPDATE memberships SET account_id = 'nobody' WHERE role = 'member'")
    finding = next(f for f in world.bursar.operations.doctor(operator).findings if f.check == "references")
    assert finding.verdict is Verdict.FAIL


def test_ENV_2_a_store_that_others_can_read_is_told(world: World, operator: Caller) -> None:
    path = world.store.path
    if path is None:
        pytest.skip("PostgreSQL keeps its own files")
    path.chmod(0o644)
    (finding,) = found(world.bursar.operations.doctor(operator), "ENV-2")
    assert finding.verdict is Verdict.WARN
    assert finding.repair == f"chmod 600 {path}"
