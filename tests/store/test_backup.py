"""A copy of the store is whole or not there, whoever writes meanwhile; it is its owner's alone."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from core.domain.errors import Conflict, Forbidden, Invalid, Unavailable
from core.domain.roles import Caller
from core.settings import Settings
from core.store.backup import copy_sqlite
from core.store.database import Database
from tests.builders import World, copy_of, dump
from tests.fakes import patient


@pytest.fixture
def world(tmp_path: Path, fresh_url: Callable[[str], str]) -> Iterator[World]:
    made = World.on(tmp_path / "home", fresh_url("sqlite"))
    yield made
    made.close()


@pytest.fixture
def operator(world: World) -> Caller:
    return world.operator()


def test_a_copy_holds_all_that_the_store_held(world: World, operator: Caller, tmp_path: Path) -> None:
    world.org(operator, "vision")
    made = world.bursar.operations.backup(operator, tmp_path / "copy.db")
    copied = Database(f"sqlite:///{made.path}")
    assert dump(copied) == dump(world.store)
    copied.close()
    verdict = world.bursar.operations.verify_audit(operator)
    assert (made.audit_rows, made.audit_head) == (verdict.rows, verdict.head)


def test_what_is_said_of_a_copy_is_true_of_the_file(world: World, operator: Caller, tmp_path: Path) -> None:
    made = world.bursar.operations.backup(operator, tmp_path / "copy.db")
    content = (tmp_path / "copy.db").read_bytes()
    assert (made.bytes, made.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600


def test_a_store_brought_back_from_a_copy_works_on(world: World, operator: Caller, tmp_path: Path) -> None:
    admin = world.org(operator, "vision")
    world.bursar.operations.backup(operator, tmp_path / "copy.db")
    invite = world.invite(admin)
    world.close()
    home = tmp_path / "elsewhere"
    home.mkdir(mode=0o700)
    (home / "keys.json").write_bytes(world.settings.key_file.read_bytes())
    (home / "keys.json").chmod(0o600)
    copy_of(tmp_path / "copy.db", home / "bursar.db")
    again = World.of(Settings(home=home, accounts=world.settings.accounts), world.clock, world.ids)
    assert again.bursar.organizations.show(admin).name == "vision"
    assert invite.id not in [card.id for card in again.bursar.invites.list(admin).items]
    assert again.bursar.operations.verify_audit(operator).holds
    again.close()


def test_a_copy_made_while_others_write_is_one_moment_of_the_store(
    world: World, operator: Caller, tmp_path: Path
) -> None:
    admin = world.org(operator, "vision")
    patient(world)
    go_on = threading.Event()
    go_on.set()

    def write() -> None:
        while go_on.is_set():
            world.invite(admin)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        copies = [Path(world.bursar.operations.backup(operator, tmp_path / f"{n}.db").path) for n in range(4)]
    finally:
        go_on.clear()
        writer.join()
    for copy in copies:
        with closing(sqlite3.connect(copy)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            made = connection.execute("SELECT count(*) FROM invites").fetchone()
            assert made == connection.execute("SELECT count(*) FROM audit WHERE verb = 'invite.create'").fetchone()


def test_nobody_who_writes_waits_for_a_copy(world: World, operator: Caller, tmp_path: Path) -> None:
    admin = world.org(operator, "vision")
    before = dump(world.store)["invites"]
    written: list[str] = []

    def write_in_its_midst() -> int:
        if not written:
            written.append(world.invite(admin).id)
        return 0

    def watch(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("VACUUM"):
            connection.connection.driver_connection.set_progress_handler(write_in_its_midst, 100)

    event.listen(world.store.engine, "before_cursor_execute", watch)
    world.bursar.operations.backup(operator, tmp_path / "copy.db")
    assert written, "it was written while the copy was being made"
    assert written == [card.id for card in world.bursar.invites.list(admin).items]
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copied:
        assert copied.execute("SELECT count(*) FROM invites").fetchone() == (len(before),), "of the moment it began"


def test_a_file_that_is_there_is_never_overwritten(world: World, operator: Caller, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("precious")
    with pytest.raises(Conflict) as refused:
        world.bursar.operations.backup(operator, tmp_path / "copy.db")
    assert refused.value.code == "backup_exists"
    assert (tmp_path / "copy.db").read_text() == "precious"


def test_E68_a_copy_that_cannot_be_finished_leaves_no_file_at_all(
    world: World, operator: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "backups"

    def fail(_path: Path) -> None:
        assert [path.name.startswith(".copy.db.partial") for path in folder.iterdir()] == [True]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.store.backup._make_durable", fail)
    with pytest.raises(Unavailable) as refused:
        world.bursar.operations.backup(operator, folder / "copy.db")
    assert "No space left" in refused.value.message
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(world: World, operator: Caller, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(Unavailable) as refused:
        world.bursar.operations.backup(operator, tmp_path / "file" / "copy.db")
    assert refused.value.code == "backup_impossible"
    assert str(tmp_path / "file") in refused.value.message


def test_only_operators_copy_the_store(world: World, operator: Caller, tmp_path: Path) -> None:
    admin = world.member(world.org(operator, "vision"), "ana", "admin")
    with pytest.raises(Forbidden):
        world.bursar.operations.backup(admin, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_a_postgresql_store_is_left_to_its_own_tools(fresh_url: Callable[[str], str], tmp_path: Path) -> None:
    database = Database(fresh_url("postgresql"))
    with pytest.raises(Invalid) as refused:
        copy_sqlite(database, tmp_path / "copy.db")
    assert "pg_dump" in (refused.value.hint or "")
    database.close()
