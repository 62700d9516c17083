"""Who follows the feed is woken by what others commit, can be woken by hand, and reads every event once."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from core.clock import ManualClock
from core.ids import SeqIds
from core.store import feed
from core.store.database import Database
from core.store.feed import Feed
from core.store.repositories import journal
from core.store.repositories.journal import Change

PATIENCE_S = 240.0
NOW = ManualClock().now()


@pytest.fixture
def follower(database: Database) -> Iterator[Feed]:
    made = Feed(database, 0.01)
    yield made
    made.close()


def note(database: Database, target: str) -> None:
    with database.write() as connection:
        journal.write(connection, [Change(NOW, "ann", "test", None, "test.note", target, None, {"id": SeqIds().new()})])


def test_what_another_commits_ends_the_wait(database: Database, follower: Feed) -> None:
    other = Database(database.url)
    writer = threading.Thread(target=note, args=(other, "one"))
    writer.start()
    assert follower.wait(PATIENCE_S)
    writer.join()
    other.close()
    with database.read() as connection:
        assert [event.subject for event in feed.behind(connection, 0)] == ["one"]


def test_what_was_committed_before_the_wait_ends_it_too(database: Database, follower: Feed) -> None:
    note(database, "one")
    assert follower.wait(PATIENCE_S)
    assert not follower.wait(0.03), "told once"


def test_it_can_be_woken_by_hand_from_another_thread(follower: Feed) -> None:
    waker = threading.Thread(target=follower.wake)
    waker.start()
    assert follower.wait(PATIENCE_S)
    waker.join()


def test_a_transaction_that_writes_nothing_wakes_nobody(database: Database, follower: Feed) -> None:
    with database.write() as connection:
        connection.execute(text("SELECT 1"))
    assert not follower.wait(0.05)


def test_events_are_read_once_and_in_order_and_a_gap_is_known(database: Database) -> None:
    for name in ("one", "two", "three"):
        note(database, name)
    with database.read() as connection:
        seen = feed.behind(connection, 0)
        assert [event.subject for event in seen] == ["one", "two", "three"]
        assert feed.behind(connection, seen[1].seq) == seen[2:]
        assert feed.newest(connection) == seen[2].seq
        assert feed.is_kept(connection, 0)
    with database.write() as connection:
        connection.execute(text("DELETE FROM events WHERE subject = 'one'"))
    with database.read() as connection:
        assert not feed.is_kept(connection, 0)
        assert feed.is_kept(connection, seen[0].seq)


def test_it_hears_again_after_its_connection_was_cut(fresh_url: object) -> None:
    database = Database(fresh_url("postgresql"))  # type: ignore[operator]
    follower = Feed(database, 0.01)
    with database.write() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    assert follower.wait(PATIENCE_S), "something may have been missed"
    while follower.wait(0.05):
        continue  # until it listens again
    note(database, "one")
    assert follower.wait(PATIENCE_S)
    follower.close()
    database.close()
