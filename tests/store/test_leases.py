"""One leader at a time: a dead one is followed at once, a slow one writes nothing late, a living one is left alone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from core.clock import SECOND, ManualClock
from core.domain.errors import Conflict
from core.ids import SeqIds
from core.store.database import Database
from core.store.leases import Leadership, current
from core.store.units import Units
from tests.fakes import clean

PATIENCE_S = 240.0
LIFETIME = 15 * SECOND
NOW = ManualClock().now()


class Candidates:
    """Makes candidates, and lets them go at the end as a process would that ends."""

    def __init__(self) -> None:
        self._made: list[Leadership] = []

    def __call__(self, database: Database, name: str) -> Leadership:
        self._made.append(Leadership(database, name, LIFETIME))
        return self._made[-1]

    def end(self) -> None:
        for one in self._made:
            one.resign()


@pytest.fixture
def candidate(database: Database, other: Database) -> Iterator[Candidates]:
    made = Candidates()
    yield made
    made.end()


@pytest.fixture
def other(store_url: str) -> Iterator[Database]:
    """The store as another process has it open."""
    opened = Database(store_url)
    yield opened
    opened.close()


def leader_of(database: Database) -> tuple[str, int]:
    with database.read() as connection:
        held = current(connection)
    assert held is not None
    return held.owner, held.epoch


def write_as(leadership: Leadership, database: Database) -> None:
    clock = ManualClock()
    leadership.boot = clock.boot()
    with Units(database, clock, SeqIds()).lead(leadership) as unit:
        unit.record("test.led", "something")


def test_who_comes_first_leads_and_the_next_waits_until_the_lease_is_over(
    database: Database, other: Database, candidate: Candidates
) -> None:
    first, second = candidate(database, "first"), candidate(other, "second")
    assert first.seek(NOW)
    assert not second.seek(NOW + LIFETIME - 1)
    assert leader_of(database) == ("first", 1)
    assert second.seek(NOW + LIFETIME)
    assert leader_of(database) == ("second", 2)


def test_E20_of_two_that_seek_again_and_again_only_one_leads(
    database: Database, other: Database, candidate: Candidates
) -> None:
    first, second = candidate(database, "first"), candidate(other, "second")
    for second_now in range(NOW, NOW + 4 * LIFETIME, SECOND):
        assert first.seek(second_now)
        assert not second.seek(second_now)
    assert leader_of(database) == ("first", 1)


def test_who_resigns_is_followed_at_once(database: Database, other: Database, candidate: Candidates) -> None:
    first, second = candidate(database, "first"), candidate(other, "second")
    assert first.seek(NOW)
    first.resign()
    assert second.seek(NOW)
    assert not first.seek(NOW)
    assert leader_of(database) == ("second", 2)


def test_E21_one_that_was_paused_can_write_nothing_late(
    database: Database, other: Database, candidate: Candidates
) -> None:
    paused, next_one = candidate(database, "paused"), candidate(other, "next")
    assert paused.seek(NOW)
    write_as(paused, database)
    assert next_one.seek(NOW + LIFETIME)
    with pytest.raises(Conflict) as refused:
        write_as(paused, database)
    assert refused.value.code == "lease_lost"
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM audit")).scalar() == 1
    assert next_one.renew(NOW + LIFETIME)  # until its first renewal it has no lock, and could be taken for dead
    assert not paused.seek(NOW + LIFETIME)
    write_as(next_one, other)


def test_E21_who_took_over_from_a_paused_one_is_not_taken_for_dead_by_a_third(
    database: Database, other: Database, store_url: str, candidate: Candidates
) -> None:
    """It leads without the lock as long as the paused one lives; once that has woken up, it must hold the lock."""
    paused, next_one = candidate(database, "paused"), candidate(other, "next")
    assert paused.seek(NOW)
    assert next_one.seek(NOW + LIFETIME)
    assert not paused.renew(NOW + LIFETIME)
    assert next_one.renew(NOW + LIFETIME)
    third_store = Database(store_url)
    assert not candidate(third_store, "third").seek(NOW + LIFETIME + SECOND)
    third_store.close()
    assert leader_of(database) == ("next", 2)


def _lead_until_killed(url: str, leading: Event) -> None:
    database = Database(url)
    leadership = Leadership(database, "killed", LIFETIME)
    assert leadership.seek(NOW)
    leading.set()
    signal.pause()


def test_a_killed_leader_is_followed_at_once(store_url: str, database: Database, candidate: Candidates) -> None:
    leading = clean.Event()
    process = clean.Process(target=_lead_until_killed, args=(store_url, leading))
    process.start()
    leading.wait()
    follower = candidate(database, "follower")
    assert not follower.seek(NOW)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    # PostgreSQL must notice that the client is gone; SQLite's lock is gone with the process itself.
    deadline = time.monotonic() + (0 if database.is_sqlite else PATIENCE_S)
    while not (leads := follower.seek(NOW)) and time.monotonic() < deadline:
        continue
    assert leads
    assert leader_of(database) == ("follower", 2)


def _terminate_others(database: Database) -> None:
    with database.write() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


def test_a_leader_whose_connections_are_cut_is_followed_at_once(
    database: Database, other: Database, candidate: Candidates
) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite: there is no connection to cut")
    cut, follower = candidate(database, "cut"), candidate(other, "follower")
    assert cut.seek(NOW)
    _terminate_others(other)
    assert follower.seek(NOW)
    with pytest.raises(Conflict):
        write_as(cut, database)
    assert not cut.seek(NOW)


def test_a_leader_that_only_lost_its_lock_takes_it_again(
    database: Database, other: Database, candidate: Candidates
) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite: the lock is lost with the process alone")
    leader, second = candidate(database, "leader"), candidate(other, "second")
    assert leader.seek(NOW)
    _terminate_others(other)
    assert leader.seek(NOW + SECOND)
    assert not second.seek(NOW + SECOND)


def _child_outlives(leadership: Leadership, go: Event) -> None:
    assert leadership.epoch is None
    go.wait()


def test_E29_a_forked_child_does_not_keep_the_lead_of_its_parent(
    database: Database, other: Database, candidate: Candidates
) -> None:
    leader, follower = candidate(database, "leader"), candidate(other, "follower")
    assert leader.seek(NOW)
    fork = multiprocessing.get_context("fork")
    go = fork.Event()
    child = fork.Process(target=_child_outlives, args=(leader, go))
    child.start()
    leader.resign()
    assert follower.seek(NOW)
    go.set()
    child.join()
    assert child.exitcode == 0


class Leaders(RuleBasedStateMachine):
    """Three processes that seek, lead, pause and resign in any order, beside a clock that may stand still."""

    url: str

    @initialize()
    def start(self) -> None:
        self.stores = [Database(self.url) for _ in range(3)]
        with self.stores[0].write() as connection:
            connection.execute(text("DELETE FROM leases"))
        self.candidates = [Leadership(store, f"p{n}", LIFETIME) for n, store in enumerate(self.stores)]
        self.now = NOW
        self.epochs: list[int] = []

    @rule(who=st.integers(0, 2))
    def seek(self, who: int) -> None:
        before = leader_of(self.stores[who]) if self.epochs else None
        if self.candidates[who].seek(self.now):
            owner, epoch = leader_of(self.stores[who])
            assert owner == f"p{who}"
            assert before is None or epoch >= before[1]
            self.epochs.append(epoch)

    @rule(who=st.integers(0, 2))
    def resign(self, who: int) -> None:
        self.candidates[who].resign()

    @rule(seconds=st.sampled_from([1, 5, 20]))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds * SECOND

    @precondition(lambda self: self.epochs)
    @rule(who=st.integers(0, 2))
    def write(self, who: int) -> None:
        owner, epoch = leader_of(self.stores[who])
        mine = self.candidates[who].epoch
        try:
            with self.stores[who].write() as connection:
                self.candidates[who].prove(connection)
            assert (owner, epoch) == (f"p{who}", mine)
        except Conflict:
            assert (owner, epoch) != (f"p{who}", mine)

    @invariant()
    def I_E1_epochs_only_grow(self) -> None:
        assert self.epochs == sorted(self.epochs) if hasattr(self, "epochs") else True

    @invariant()
    def I_E1_at_most_one_has_the_epoch_of_the_lease(self) -> None:
        if getattr(self, "epochs", None):
            owner, epoch = leader_of(self.stores[0])
            with_epoch = [n for n, one in enumerate(self.candidates) if one.epoch == epoch]
            assert len(with_epoch) <= 1
            assert all(owner == f"p{n}" for n in with_epoch)

    def teardown(self) -> None:
        for candidate, store in zip(getattr(self, "candidates", []), getattr(self, "stores", []), strict=True):
            candidate.resign()
            store.close()


def test_I_E1_two_at_once_never_both_lead(store_url: str, tmp_path: Path) -> None:
    machine = type("LeadersHere", (Leaders,), {"url": store_url})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
