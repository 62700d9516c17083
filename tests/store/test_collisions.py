"""E13: on PostgreSQL another program's transaction gets into a unit's way, and the server undoes the unit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import make_url

from core.domain.errors import Unavailable
from core.domain.roles import Caller
from core.store.database import Database
from core.store.queries import ledger_checks
from core.views.operations import Verdict
from tests.builders import World, dump, job


@pytest.fixture
def url(fresh_url: Callable[[str], str]) -> str:
    """Of a store that finds a deadlock at once."""
    made = fresh_url("postgresql")
    with stranger_at(made) as stranger:
        stranger.execute(f"ALTER DATABASE {make_url(made).database} SET deadlock_timeout = '20ms'")
    return made


@pytest.fixture
def world(tmp_path: Path, url: str) -> Iterator[World]:
    made = World.on(tmp_path / "home", url)
    yield made
    made.close()


@pytest.fixture
def admin(world: World) -> Caller:
    admin = world.org(world.operator(), "vision")
    world.cluster(admin)
    world.fund(admin, credits=100, gpu_hours=10)
    return admin


def stranger_at(url: str, **options: Any) -> psycopg.Connection[Any]:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True, **options)


@contextmanager
def watching(database: Database, watch: Callable[[psycopg.Cursor[Any], str], None]) -> Iterator[None]:
    """Each statement as it has just been carried out; most of them go to the driver itself."""
    watches = [watch]

    class Watched(psycopg.Cursor[Any]):
        def execute(self, query: Any, *args: Any, **options: Any) -> Self:
            return self._told(query, super().execute(query, *args, **options))

        def executemany(self, query: Any, *args: Any, **options: Any) -> None:
            self._told(query, super().executemany(query, *args, **options))

        def _told(self, query: Any, answer: Any) -> Any:
            for one in watches:
                one(self, str(query))
            return answer

    def put_in(connection: Any, *_: object) -> None:
        connection.cursor_factory = Watched

    event.listen(database.engine, "checkout", put_in)
    try:
        yield
    finally:
        watches.clear()
        event.remove(database.engine, "checkout", put_in)


class Stranger:
    """Somebody at the database's own prompt, who holds a row that a submission needs and wants one that it has.

    He would wait for ever, so it is the submission that the server undoes.
    """

    def __init__(self, url: str, database: Database, times: int) -> None:
        self._connection = stranger_at(url, options="-c deadlock_timeout=1h")
        self._watcher = stranger_at(url)
        self._watching, self._times = watching(database, self._get_in_the_way), times
        self._threads: list[threading.Thread] = []
        self.met = 0

    def __enter__(self) -> Self:
        self._watching.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._watching.__exit__(None, None, None)
        for thread in self._threads:
            thread.join()
        self._connection.close()
        self._watcher.close()

    def _get_in_the_way(self, _cursor: object, statement: str) -> None:
        """Once the submission has a share in the row of the cluster."""
        if self.met == self._times or "INTO deployments" not in statement:
            return
        self.met += 1
        for thread in self._threads:
            thread.join()
        self._connection.execute("BEGIN")
        self._connection.execute("SELECT * FROM balances FOR UPDATE")
        self._threads = [threading.Thread(target=self._want_the_cluster)]
        self._threads[0].start()
        while not self._waits():
            pass

    def _want_the_cluster(self) -> None:
        self._connection.execute("SELECT * FROM clusters FOR UPDATE")
        self._connection.execute("COMMIT")

    def _waits(self) -> bool:
        asked = "SELECT cardinality(pg_blocking_pids(%s)) > 0"
        row = self._watcher.execute(asked, [self._connection.info.backend_pid]).fetchone()
        return bool(row and row[0])


def test_E13_a_unit_that_a_deadlock_undid_is_done_again_as_a_whole(world: World, url: str, admin: Caller) -> None:
    with Stranger(url, world.store, times=2) as stranger:
        made = world.bursar.deployments.submit(admin, job("train"))
    assert stranger.met == 2
    assert [line.id for line in world.bursar.deployments.list(admin).items] == [made.id]
    assert world.bursar.credits.wallet(admin).gpu_hours.held_gpu_ms == 3_600_000
    assert world.bursar.operations.verify_audit(admin).holds
    with world.store.read() as connection:
        findings = ledger_checks.run(connection, world.units.now())
    assert [one for one in findings if one.verdict is Verdict.FAIL] == []


def test_E13_who_is_in_the_way_again_and_again_gets_one_clear_answer_and_nothing_is_changed(
    world: World, url: str, admin: Caller
) -> None:
    before = dump(world.store)
    with Stranger(url, world.store, times=99) as stranger, pytest.raises(Unavailable) as refused:
        world.bursar.deployments.submit(admin, job("train"))
    assert stranger.met == 6
    assert (refused.value.code, refused.value.hint) == ("store_collided", "try again")
    assert "another program changes the store at the same time; nothing was changed" in refused.value.message
    assert dump(world.store) == before


def test_E13_an_order_that_cannot_be_is_done_again_too(world: World, admin: Caller) -> None:
    raised: list[str] = []

    def refuse_once(cursor: psycopg.Cursor[Any], statement: str) -> None:
        if "INTO balances" in statement and not raised:
            raised.append(statement)
            cursor.connection.execute("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'serialization_failure'; END $$")

    with watching(world.store, refuse_once):
        made = world.bursar.deployments.submit(admin, job("train"))
    assert raised
    assert [line.id for line in world.bursar.deployments.list(admin).items] == [made.id]


def test_E13_a_unit_sees_what_the_writer_did_for_whom_it_has_waited_whatever_the_server_is_set_to(url: str) -> None:
    """Where an administrator has made every transaction serializable, it would see the moment before it waited."""
    with stranger_at(url) as stranger:
        name = make_url(url).database
        stranger.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    first, second = Database(url), Database(url)
    seen: list[int] = []

    def look() -> None:
        with second.write() as connection:
            seen.append(connection.execute(text("SELECT count(*) FROM events")).scalar_one())

    waiter = threading.Thread(target=look)
    with first.write() as connection, stranger_at(url) as watcher:
        waiter.start()
        while not _somebody_waits(watcher):
            pass
        connection.execute(text("INSERT INTO events (at, kind, subject, data) VALUES (1, 'test', 'it', '{}')"))
    waiter.join()
    assert seen == [1]
    first.close()
    second.close()


def _somebody_waits(watcher: psycopg.Connection[Any]) -> bool:
    row = watcher.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchone()
    return bool(row and row[0])
