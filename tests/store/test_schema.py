"""The schema: migrations make exactly the tables that the code declares, go both ways, and refuse what is newer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from core.domain.errors import Conflict, Unavailable
from core.store import schema
from core.store.database import Database
from core.store.tables.everything import metadata
from tests.fakes import clean


def test_head_is_the_newest_migration() -> None:
    assert schema.known_versions()[-1] == schema.HEAD


def test_migrations_make_what_the_tables_declare(database: Database) -> None:
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_each_migration_goes_down_and_up_again(database: Database) -> None:
    for version in ["base", *schema.known_versions()]:
        schema.migrate(database, version)
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    schema.migrate(database, "base")
    with database.read() as connection:
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}


def test_E28_a_newer_schema_is_refused_by_name(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Conflict) as refused:
        schema.bring_up_to_date(database)
    assert refused.value.code == "schema_newer"
    assert "9999" in refused.value.message and schema.HEAD in refused.value.message


def test_E27_a_migration_that_fails_leaves_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    schema.migrate(database, "base")

    def fail(*_: object) -> None:
        raise Unavailable("power_cut", "in the middle")

    monkeypatch.setattr("core.store.migrations.append_only.make_append_only", fail)
    monkeypatch.setattr("core.store.schema._run_alembic", _then(schema._run_alembic, fail))
    with pytest.raises(Unavailable):
        schema.migrate(database, schema.HEAD)
    with database.read() as connection:
        assert schema.current_version(connection) is None
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}


def _then(first: Callable[..., None], second: Callable[..., None]) -> Callable[..., None]:
    def both(*args: object) -> None:
        first(*args)
        second(*args)

    return both


def test_a_backup_is_taken_before_a_migration(
    tmp_path: Path, fresh_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(fresh_url("sqlite"))
    monkeypatch.setattr(schema, "HEAD", "next")
    monkeypatch.setattr(schema, "migrate", lambda *_: None)
    schema.bring_up_to_date(database, backup_folder=tmp_path / "backups")
    copies = list((tmp_path / "backups").glob("*.db"))
    database.close()
    assert [copy.stat().st_mode & 0o777 for copy in copies] == [0o600]
    copied = Database(f"sqlite:///{copies[0]}")
    with copied.read() as connection:
        assert schema.current_version(connection) == schema.known_versions()[-1]
    copied.close()


def _bring_up(url: str) -> None:
    database = Database(url, patience_s=60)
    schema.bring_up_to_date(database)
    database.close()


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_processes_that_start_at_once_all_find_the_schema(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if dialect == "sqlite":
        url = f"sqlite:///{tmp_path}/new/bursar.db"
    else:
        url = request.getfixturevalue("postgres_server").create("empty_for_race", "template1")
    processes = [clean.Process(target=_bring_up, args=(url,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
