"""The daemon as it really serves: woken by what others commit, one leader at a time, no cluster in another's way.

Real time, but nobody sleeps: a test follows the feed itself and goes on as soon as what it waits for is there.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.clock import SystemClock
from core.daemon.__main__ import program
from core.daemon.background import Daemon
from core.domain.engines import Driver, Observation
from core.domain.lifecycle import State
from core.drivers.registry import DriverRegistry
from core.settings import Daemon as Rhythm
from core.store import leases
from core.store.feed import Feed
from tests.daemon.world import World

PATIENCE_S = 240.0
# So long between two regular rounds that whatever happens in a test happened because somebody was woken.
ONLY_WHEN_WOKEN = Rhythm(reconcile_every_ms=86_400_000, poll_ms=20)


@pytest.fixture
def live(home: Path, store_url: str) -> Iterator[World]:
    made = World(home, store_url, clock=SystemClock(), daemon=ONLY_WHEN_WOKEN)
    yield made
    made.close()


@pytest.fixture
def embedded(home: Path) -> Iterator[World]:
    made = World(home, clock=SystemClock(), daemon=Rhythm(poll_ms=20, driver_deadline_ms=200))
    yield made
    made.close()


@contextmanager
def serving(daemon: Daemon) -> Iterator[threading.Event]:
    stop = threading.Event()
    thread = threading.Thread(target=daemon.run, args=(stop,))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), "the daemon does not leave"


def until(world: World, holds: Callable[[], bool]) -> None:
    """Wait for it, looking again whenever something was committed."""
    feed = Feed(world.bursar.database, 0.02)
    deadline = time.monotonic() + PATIENCE_S
    try:
        while not holds():
            assert time.monotonic() < deadline, "it did not come to be"
            feed.wait(0.5)
    finally:
        feed.close()


def leads(world: World, who: Daemon) -> Callable[[], bool]:
    return lambda: who.ground.leadership.epoch is not None


def test_a_submission_wakes_it_and_so_does_a_stop(live: World) -> None:
    live.cluster()
    daemon = live.daemon()
    with serving(daemon):
        until(live, leads(live, daemon))
        first = live.submit("first")
        until(live, lambda: live.state(first) is State.RUNNING)
        live.bursar.deployments.stop(live.olga, first)
        until(live, lambda: live.state(first) is State.STOPPED)
        live.cluster("other")
        second = live.submit("second", cluster="other")
        until(live, lambda: live.state(second) is State.RUNNING)
    assert not daemon.ground.leadership.is_sure(live.time.now()), "it has resigned"


def test_what_ends_by_itself_is_seen_soon(embedded: World) -> None:
    embedded.cluster()
    with serving(embedded.daemon()):
        work = embedded.submit(hours="1", labels={"sim.duration": "0.3s"})
        until(embedded, lambda: embedded.state(work) is State.COMPLETED)
    (run,) = embedded.runs(work)
    assert run.ended_at is not None and run.ended_at - run.started_at == 300_000


def test_E20_the_second_stands_by_and_leads_when_the_first_leaves(embedded: World) -> None:
    first, second = embedded.daemon(), embedded.daemon()
    with serving(second):
        until(embedded, leads(embedded, second))
        assert not first.lead()
    assert first.lead()


def test_E9_it_goes_on_after_all_its_connections_were_cut(home: Path, fresh_url: Callable[[str], str]) -> None:
    rhythm = Rhythm(poll_ms=20, lease_ms=2_000)
    world = World(home, fresh_url("postgresql"), clock=SystemClock(), daemon=rhythm)
    world.cluster()
    with serving(world.daemon()):
        first = world.submit("first")
        until(world, lambda: world.state(first) is State.RUNNING)
        with world.bursar.database.write() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        second = world.submit("second")
        until(world, lambda: world.state(second) is State.RUNNING)
    assert world.state(first) is State.RUNNING
    world.close()


def test_one_in_a_console_leads_alone_and_gives_way_to_one_that_is_there_to_lead(home: Path) -> None:
    world = World(home, clock=SystemClock(), daemon=Rhythm(poll_ms=20, lease_ms=2_000))
    world.cluster()
    console, headless = world.daemon(), world.daemon()
    stop = threading.Event()
    thread = threading.Thread(target=lambda: console.run(stop, embedded=True))
    thread.start()
    try:
        until(world, leads(world, console))
        with serving(headless):
            until(world, leads(world, headless))
            assert console.ground.leadership.epoch is None
            work = world.submit(hours="1")
            until(world, lambda: world.state(work) is State.RUNNING)
        until(world, leads(world, console))
    finally:
        stop.set()
        thread.join(PATIENCE_S)
        world.close()


class Slow(DriverRegistry):
    """Engines of the clusters named `stuck` do not answer while `hangs` is not set."""

    def __init__(self, world: World) -> None:
        super().__init__(home=world.settings.home, clock=world.time, environ={})
        self.answers = threading.Event()
        self.stuck: set[str] = set()
        self.called = threading.Event()

    def open(self, driver: str, cluster: str, settings: Mapping[str, str]) -> Driver:
        opened = super().open(driver, cluster, settings)
        return StuckDriver(opened, self) if cluster in self.stuck else opened  # type: ignore[return-value]


class StuckDriver:
    def __init__(self, inner: Driver, registry: Slow) -> None:
        self._inner, self._registry = inner, registry

    def observe(self, install: str) -> Observation:
        self._registry.called.set()
        self._registry.answers.wait(3 * PATIENCE_S)
        return self._inner.observe(install)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def test_E48_a_cluster_that_hangs_for_ever_delays_no_other(embedded: World) -> None:
    embedded.cluster("good")
    embedded.cluster("bad")
    registry = Slow(embedded)
    registry.stuck = {embedded.cluster_row("bad").handle}
    daemon = Daemon(embedded.units, embedded.settings, registry, embedded.ids)
    try:
        with serving(daemon):
            assert registry.called.wait(PATIENCE_S)
            works = [embedded.submit(f"w{i}", cluster="good", hours="1") for i in range(3)]
            until(embedded, lambda: all(embedded.state(work) is State.RUNNING for work in works))
            waiting = embedded.submit("waiting", cluster="bad", hours="1")
            until(
                embedded, lambda: ("cluster.trouble", embedded.cluster_row("bad").handle) in embedded.events("cluster.")
            )
            assert embedded.state(waiting) is State.QUEUED
            # Before it answers again: on a busy host the next answer may be late as well.
            bad = ("cluster.trouble", embedded.cluster_row("bad").handle)
            assert embedded.events("cluster.").count(bad) == 1, "said once, however often it was tried"
            registry.answers.set()
            until(embedded, lambda: embedded.state(waiting) is State.RUNNING)
            until(
                embedded, lambda: ("cluster.mended", embedded.cluster_row("bad").handle) in embedded.events("cluster.")
            )
    finally:
        registry.answers.set()
        daemon.close()


def test_E31_it_leaves_in_time_although_an_engine_hangs(home: Path) -> None:
    world = World(home, clock=SystemClock(), daemon=Rhythm(poll_ms=20, driver_deadline_ms=600_000))
    world.cluster("bad")
    registry = Slow(world)
    registry.stuck = {world.cluster_row("bad").handle}
    daemon = Daemon(world.units, world.settings, registry, world.ids)
    try:
        with serving(daemon):  # which waits for it to leave, but not for as long as the engine may take
            assert registry.called.wait(PATIENCE_S)
        assert not registry.answers.is_set()
        assert world.daemon().lead(), "the next one need not wait"
    finally:
        registry.answers.set()
        daemon.close()
        world.close()


def _serve(home: str) -> None:
    os.environ["BURSAR_DAEMON_POLL"] = "0.02s"
    sys.exit(program(SimpleNamespace(home=Path(home)), {"once": False}, SimpleNamespace(write=print)))


@contextmanager
def process(world: World) -> Iterator[Any]:
    served = multiprocessing.get_context("spawn").Process(target=_serve, args=(str(world.settings.home),))
    served.start()
    try:
        yield served
    finally:
        if served.is_alive():
            served.kill()
        served.join(PATIENCE_S)


def test_E2_E3_E4_a_leader_that_is_killed_is_followed_at_once_and_its_work_goes_on(home: Path) -> None:
    """With a lease of ten minutes, so that only the lock that died with its holder can have told."""
    world = World(home, clock=SystemClock(), daemon=Rhythm(poll_ms=20, lease_ms=600_000))
    world.cluster()
    with process(world) as served:
        works = [world.submit(f"w{i}", hours="1", cpu="0.5") for i in range(4)]
        until(world, lambda: any(world.state(work) is State.RUNNING for work in works))
        served.kill()
        served.join(PATIENCE_S)
        daemon = world.daemon()
        with serving(daemon):
            until(world, leads(world, daemon))
            until(world, lambda: all(world.state(work) is State.RUNNING for work in works))
    assert world.control().ever_created() == 4
    assert [len(world.runs(work)) for work in works] == [1, 1, 1, 1]
    world.close()


def test_SIGTERM_ends_the_program_cleanly_and_it_logs_lines_of_json(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    world = World(home, clock=SystemClock())
    with process(world) as served:
        until(world, lambda: _leader(world) != "")
        os.kill(served.pid, signal.SIGTERM)
        served.join(PATIENCE_S)
        assert served.exitcode == 0
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [line["message"] for line in lines] == ["leads", "leads no more: it leaves"]
    assert world.daemon().lead(), "it has resigned"
    world.close()


def _leader(world: World) -> str:
    with world.bursar.database.read() as connection:
        held = leases.current(connection)
    return held.owner if held else ""


def test_E30_without_memory_it_ends_and_the_next_one_leads_at_once(
    embedded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded.cluster()
    work = embedded.submit(hours="1")

    def no_room(*_: object, **__: object) -> int:
        raise MemoryError

    daemon = embedded.daemon()
    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr("core.daemon.planning.plan_cluster", no_room)
        daemon.run(threading.Event())
    assert embedded.state(work) is State.QUEUED
    assert embedded.daemon().once().leading
    assert embedded.state(work) is State.RUNNING


def test_a_quarantine_lets_it_lead_and_do_nothing_and_its_end_wakes_it(embedded: World) -> None:
    embedded.cluster()
    with embedded.bursar.database.write() as connection:
        leases.quarantine(connection, embedded.time.now())
    work = embedded.submit(hours="1")
    daemon = embedded.daemon()
    with serving(daemon):
        until(embedded, leads(embedded, daemon))
        assert daemon.tenders() == []
        assert embedded.state(work) is State.QUEUED
        embedded.bursar.upkeep.end_quarantine(embedded.olga)
        until(embedded, lambda: embedded.state(work) is State.RUNNING)
