"""What the doctor asks of a store: every check has an answer, and a store that was just made has nothing broken."""

from __future__ import annotations

from core.store.database import Database
from core.store.queries import checks
from core.store.repositories.journal import Audit
from core.store.scope import unscoped
from core.views.operations import Verdict


def test_the_engine_answers_also_after_the_audit_was_read_in_portions(database: Database) -> None:
    with database.read() as connection:
        assert list(Audit(connection, unscoped("the doctor reads it all")).from_the_beginning()) == []
        found = checks.engine(database, connection)
    assert found
    assert all(finding.message for finding in found)


def test_a_new_store_breaks_no_rule(database: Database) -> None:
    with database.read() as connection:
        found = [checks.schema(connection), *checks.run(connection, checks.PEOPLE)]
    assert {finding.verdict for finding in found} == {Verdict.OK}
