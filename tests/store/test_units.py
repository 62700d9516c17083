"""A unit of work is kept as a whole or not at all, whatever happens in its midst, and readers see one moment."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError

from core.clock import ManualClock, SystemClock
from core.domain.audit import first_break
from core.domain.errors import Unavailable
from core.domain.requests import Joining, NewOrg
from core.ids import RandomIds, SeqIds
from core.settings import Accounts
from core.store.database import Database
from core.store.repositories.journal import Audit
from core.store.scope import unscoped
from core.store.units import Units
from tests.builders import NOBODY, World, changed_tables, dump, job, quick_settings
from tests.fakes import at_once, at_once_in_processes


class PowerCut(Exception):
    """What a use case does not expect."""


@pytest.fixture
def world(tmp_path: Path, store_url: str) -> Iterator[World]:
    made = World.on(tmp_path / "home", store_url, accounts=Accounts(free_attempts=100))
    yield made
    made.close()


def units_on(database: Database) -> Units:
    return Units(database, ManualClock(), SeqIds())


def add_account(units: Units, name: str) -> None:
    with units.write(NOBODY) as unit:
        unit.accounts.add(id=unit.ids.new(), name=name, password_hash=None, operator=False, now=unit.now)
        unit.record("account.create", name)


def test_a_use_case_that_fails_in_its_midst_leaves_nothing(database: Database) -> None:
    before = dump(database)
    with pytest.raises(PowerCut), units_on(database).write(NOBODY) as unit:
        unit.accounts.add(id="1", name="ana", password_hash=None, operator=False, now=unit.now)
        unit.record("account.create", "ana")
        raise PowerCut
    assert dump(database) == before
    add_account(units_on(database), "ana")
    assert changed_tables(before, dump(database)) == {"accounts", "audit", "events"}


def test_a_reader_sees_one_moment_of_the_store(database: Database) -> None:
    units = units_on(database)
    with units.read(NOBODY) as unit:
        assert unit.accounts.by_name("ana") is None
        add_account(units, "ana")
        assert unit.accounts.by_name("ana") is None
    with units.read(NOBODY) as unit:
        assert unit.accounts.by_name("ana") is not None


def test_what_a_read_unit_writes_is_not_kept(database: Database) -> None:
    before = dump(database)
    try:
        with units_on(database).read(NOBODY) as unit:
            unit.accounts.add(id="1", name="ana", password_hash=None, operator=False, now=unit.now)
    except DBAPIError as refused:
        assert "read-only" in str(refused)  # PostgreSQL does not even begin
    assert dump(database) == before


# Cut at each statement: the first ones that a use case sends get through, and then the store is gone.


@contextmanager
def cut_before(engine: Engine, statement_number: int) -> Iterator[list[int]]:
    sent = [0]

    def count(*_: Any) -> None:
        sent[0] += 1
        if sent[0] > statement_number:
            raise PowerCut

    event.listen(engine, "before_cursor_execute", count)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", count)


def make_org(world: World) -> Callable[[], object]:
    operator = world.operator()
    return lambda: world.bursar.organizations.create(operator, NewOrg(name="vision"))


def join_by_code(world: World) -> Callable[[], object]:
    code = world.invite(world.org(world.operator(), "vision")).code
    mia = world.person("mia")
    return lambda: world.bursar.invites.join(mia, Joining(code=code))


def submit_a_job(world: World) -> Callable[[], object]:
    admin = world.org(world.operator(), "vision")
    world.cluster(admin)
    world.fund(admin, credits=100, gpu_hours=10)
    return lambda: world.bursar.deployments.submit(admin, job("train", key="k-1"))


def stop_a_job(world: World) -> Callable[[], object]:
    submit_a_job(world)()
    admin = world.log_in("olga")
    return lambda: world.bursar.deployments.stop(admin, "train")


# Tries count before they are judged, in a unit of their own.
KEPT_BY = {join_by_code: {"throttles"}}


@pytest.mark.parametrize("prepare", [make_org, join_by_code, submit_a_job, stop_a_job], ids=lambda f: f.__name__)
def test_E6_a_use_case_that_is_cut_at_any_statement_leaves_all_or_nothing(
    world: World, prepare: Callable[[World], Callable[[], object]]
) -> None:
    act = prepare(world)
    before = dump(world.store)
    cuts = 0
    while True:
        with cut_before(world.store.engine, cuts):
            try:
                act()
                break
            except PowerCut:
                cuts += 1
        assert changed_tables(before, dump(world.store)) <= KEPT_BY.get(prepare, set())
    assert cuts >= 8
    after = dump(world.store)
    assert {"audit", "events"} <= changed_tables(before, after)
    assert world.bursar.operations.verify_audit(world.log_in("olga")).holds


def test_a_use_case_is_one_commit(world: World) -> None:
    admin = world.org(world.operator(), "vision")
    world.cluster(admin)
    world.fund(admin, credits=100, gpu_hours=10)
    commits: list[int] = []
    event.listen(world.store.engine, "commit", lambda _connection: commits.append(1))
    world.invite(admin)
    assert len(commits) == 1
    world.submit(admin, "train")
    assert len(commits) == 2
    world.bursar.organizations.members(admin)
    assert len(commits) == 2


def test_E10_when_the_answer_to_the_commit_is_lost_the_same_key_finds_the_first_result(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = world.org(world.operator(), "vision")
    world.cluster(admin)
    world.fund(admin, credits=100, gpu_hours=10)
    dialect = world.store.engine.dialect
    really_commit = dialect.do_commit

    def commit_and_hang_up(connection: Any) -> None:
        really_commit(connection)
        assert dialect.dbapi is not None
        raise dialect.dbapi.OperationalError("unable to open: the server closed the connection unexpectedly")

    asked = job("train", key="k-1")
    with monkeypatch.context() as patch:
        patch.setattr(dialect, "do_commit", commit_and_hang_up)
        with pytest.raises(Unavailable):
            world.bursar.deployments.submit(admin, asked)
    first = world.bursar.deployments.submit(admin, asked)
    assert [line.id for line in world.bursar.deployments.list(admin).items] == [first.id]
    assert world.bursar.credits.wallet(admin).gpu_hours.held_gpu_ms == 3_600_000


# When the store itself cannot


@pytest.fixture
def on_sqlite(tmp_path: Path, fresh_url: Callable[[str], str]) -> Iterator[World]:
    world = World.on(tmp_path / "home", fresh_url("sqlite"))
    yield world


def test_E12_a_store_that_another_program_holds_is_said_to_be_busy(fresh_url: Callable[[str], str]) -> None:
    database = Database(fresh_url("sqlite"), patience_s=0.05)
    units = units_on(database)
    assert database.path is not None
    with closing(sqlite3.connect(database.path, isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable) as refused:
            add_account(units, "ana")
        stranger.execute("ROLLBACK")
    assert refused.value.code == "store_busy"
    add_account(units, "ana")
    database.close()


def test_E14_a_full_disk_loses_nothing_and_work_goes_on_once_there_is_room(on_sqlite: World) -> None:
    world = on_sqlite
    admin = world.org(world.operator(), "vision")
    pages = _pragma(world.store, "page_count")
    _pragma(world.store, f"max_page_count={pages}")
    made = []
    with pytest.raises(Unavailable) as refused:
        while True:
            made.append(world.invite(admin).id)
    assert refused.value.code == "disk_full"
    assert {card.id for card in world.bursar.invites.list(admin).items} == set(made)
    _pragma(world.store, f"max_page_count={pages + 100}")
    world.invite(admin)
    assert world.bursar.operations.verify_audit(admin).holds
    assert _pragma(world.store, "integrity_check") == "ok"


def _pragma(database: Database, pragma: str) -> Any:
    """On the one connection that the pool keeps, since such a limit is the connection's."""
    with database.engine.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {pragma}").scalar()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "its first page is garbage": lambda whole: b"\x07" * 4096 + whole[4096:],
    "its pages but the first are garbage": lambda whole: whole[:4096] + b"\xff" * (len(whole) - 4096),
    "half of it is missing": lambda whole: whole[: len(whole) // 2],
    "it is another file": lambda _: b"Dear diary, today I was taken for a database. " * 200,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_E18_a_damaged_store_is_named_and_left_as_it_is(on_sqlite: World, damage: Callable[[bytes], bytes]) -> None:
    on_sqlite.operator()
    on_sqlite.close()
    path = on_sqlite.store.path
    assert path is not None
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    with pytest.raises(Unavailable) as refused:
        on_sqlite.reopened().bursar.organizations.list(on_sqlite.log_in("olga"))
    assert refused.value.code == "store_damaged"
    assert "restore a backup" in (refused.value.hint or "")
    assert path.read_bytes() == damaged


def test_E19_nothing_is_written_once_the_file_is_another_or_gone(on_sqlite: World, tmp_path: Path) -> None:
    world, path = on_sqlite, on_sqlite.store.path
    assert path is not None
    operator = world.operator()
    world.bursar.operations.backup(operator, tmp_path / "copy.db")
    path.rename(tmp_path / "moved.db")
    for _ in range(2):
        with pytest.raises(Unavailable) as refused:
            world.bursar.organizations.create(operator, NewOrg(name="vision"))
        assert refused.value.code == "store_replaced"
        with pytest.raises(Unavailable):
            world.bursar.organizations.list(operator)
        (tmp_path / "copy.db").rename(path) if not path.exists() else None
    world.close()
    (tmp_path / "moved.db").replace(path)


def test_E9_a_connection_that_was_cut_while_it_was_idle_is_not_noticed(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite: there is no connection to cut")
    units = units_on(database)
    add_account(units, "ana")
    _cut_all_but_own(database)
    add_account(units, "ben")
    with units.read(NOBODY) as unit:
        assert unit.accounts.by_name("ben") is not None


def test_E9_a_connection_that_is_cut_in_a_unit_leaves_nothing_and_the_next_one_works(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite: there is no connection to cut")
    units = units_on(database)
    before = dump(database)
    with pytest.raises(Unavailable) as refused, units.write(NOBODY) as unit:
        unit.accounts.add(id="1", name="ana", password_hash=None, operator=False, now=unit.now)
        _cut_all_but_own(database)
        unit.record("account.create", "ana")
    assert refused.value.code == "store_unreachable"
    assert dump(database) == before
    add_account(units, "ana")


def _cut_all_but_own(database: Database) -> None:
    with database.engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


def test_B50_a_store_that_does_not_answer_is_named_without_its_password() -> None:
    database = Database("postgresql://bursar:hunter2@/nowhere?host=/nonexistent")
    with pytest.raises(Unavailable) as refused:
        add_account(units_on(database), "ana")
    assert refused.value.code == "store_unreachable"
    assert "/nonexistent" in refused.value.message
    assert "hunter2" not in repr(refused.value) + refused.value.message + str(refused.value.hint)


def test_I_M3_an_error_of_the_store_does_not_repeat_what_was_to_be_stored(database: Database) -> None:
    with pytest.raises(Exception, match="accounts") as failed, units_on(database).write(NOBODY) as unit:
        for _ in range(2):
            unit.accounts.add(id="1", name="ana", password_hash="canary-7f3a", operator=False, now=unit.now)
    assert "canary-7f3a" not in str(failed.value)


def test_a_mistake_in_a_query_is_not_called_a_trouble_of_the_store(database: Database) -> None:
    with pytest.raises(Exception, match="no_such_table") as failed, database.read() as connection:
        connection.execute(text("SELECT * FROM no_such_table"))
    assert not isinstance(failed.value, Unavailable)
    assert isinstance(failed.value, OperationalError) or not database.is_sqlite


# Sixteen writers

WRITERS, EACH = 16, 6


def write_again_and_again(world: World, number: int) -> str:
    for turn in range(EACH):
        with world.units.write(NOBODY) as unit:
            unit.record("test.write", f"{number}/{turn}")
    return "done"


@pytest.mark.parametrize("in_processes", [False, True], ids=["threads", "processes"])
def test_sixteen_writers_at_once_all_finish_and_leave_no_hole_in_the_chain(
    store_url: str, tmp_path: Path, in_processes: bool
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    world = World.of(quick_settings(home, store_url), SystemClock(), RandomIds())
    if in_processes:
        outcomes = at_once_in_processes(home, store_url, write_again_and_again, WRITERS)
    else:
        outcomes = at_once(world, write_again_and_again, range(WRITERS))
    with world.store.read() as connection:
        rows = list(Audit(connection, unscoped("all that was written")).from_the_beginning())
    world.close()
    assert outcomes == ["done"] * WRITERS
    assert [row.seq for row in rows] == list(range(1, WRITERS * EACH + 1))
    assert first_break(rows) is None
    turns = [row.target.split("/") for row in rows]
    for number in range(WRITERS):
        assert [int(turn) for writer, turn in turns if int(writer) == number] == list(range(EACH))


def _write_in_a_child(world: World) -> None:
    add_account(Units(world.store, SystemClock(), RandomIds()), "child")


def test_E29_a_forked_child_uses_connections_of_its_own(world: World) -> None:
    """Both write on afterwards: a connection that two processes shared would break, or mix their units."""
    units = Units(world.store, SystemClock(), RandomIds())
    add_account(units, "before")
    child = multiprocessing.get_context("fork").Process(target=_write_in_a_child, args=(world,))
    child.start()
    add_account(units, "beside")
    child.join()
    add_account(units, "after")
    assert child.exitcode == 0
    with world.store.read() as connection:
        rows = list(Audit(connection, unscoped("all that was written")).from_the_beginning())
    assert {row.target for row in rows} == {"before", "beside", "child", "after"}
    assert first_break(rows) is None
