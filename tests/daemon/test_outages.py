"""The store itself is away for a while: nothing is done meanwhile, nothing is lost, and all goes on by itself.

Each test has a server of its own, since it takes it away from everybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.clock import HOUR, MINUTE, SECOND, SystemClock
from core.domain.errors import Unavailable
from core.domain.lifecycle import State
from core.settings import Daemon as Rhythm
from core.store.queries import ledger_checks
from core.views.operations import Verdict
from tests import postgres
from tests.daemon.test_runner import serving, until
from tests.daemon.world import World

JOB_UCR = 60_000


@pytest.fixture
def server() -> Iterator[postgres.Postgres]:
    if postgres.binaries() is None:
        pytest.skip("PostgreSQL: no initdb and pg_ctl on this machine")
    try:
        with postgres.running() as made:
            yield made
    except postgres.Impossible as reason:
        pytest.skip(f"PostgreSQL: {reason}")


def test_E8_a_server_that_is_killed_and_comes_back_has_lost_nothing(home: Path, server: postgres.Postgres) -> None:
    rhythm = Rhythm(poll_ms=20, lease_ms=2_000)
    world = World(home, server.create("killed", postgres.TEMPLATE), clock=SystemClock(), daemon=rhythm)
    world.cluster()
    with serving(world.daemon()):
        first = world.submit("first", key="first")
        until(world, lambda: world.state(first) is State.RUNNING)
        server.kill()
        with pytest.raises(Unavailable) as refused:
            world.submit("second", key="second")
        assert refused.value.code == "store_unreachable"
        server.start()
        assert world.submit("first", key="first") == first, "what was acknowledged is still there"
        second = world.submit("second", key="second")
        until(world, lambda: world.state(second) is State.RUNNING)
    assert world.state(first) is State.RUNNING
    assert world.control().ever_created() == 2
    assert [len(world.runs(handle)) for handle in (first, second)] == [1, 1]
    _books_balance(world)
    world.close()


def test_E11_without_its_store_for_ten_minutes_it_does_nothing_and_then_what_is_due(
    home: Path, server: postgres.Postgres
) -> None:
    world = World(home, server.create("away", postgres.TEMPLATE))
    world.cluster()
    work = world.submit(hours="1")
    world.daemon().once()
    daemon = world.daemon()
    world.clock.advance(HOUR - 5 * MINUTE)
    assert daemon.lead()
    daemon.round()
    begun, token, engine = daemon.ground.leadership.epoch, world.token(work), world.control()
    server.stop()
    for _ in range(20):
        world.clock.advance(30 * SECOND)
        with pytest.raises(Unavailable):
            daemon.lead()
        with pytest.raises(Unavailable):
            daemon.round()
        assert not daemon.ground.may_act(), "it cannot prove that it leads, so it asks no engine for anything"
        record = engine.record(token)
        assert record is not None and record.is_live, "its limit is over, and nobody stops it blindly"
    server.start()
    assert daemon.lead()
    assert daemon.ground.leadership.epoch == begun, "nobody else led meanwhile"
    for _ in range(2):
        daemon.round()
        world.clock.advance(MINUTE)
    assert world.state(work) is State.FAILED
    (run,) = world.runs(work)
    assert run.ended_at is not None and HOUR <= run.ended_at - run.started_at <= HOUR + 6 * MINUTE
    assert world.cost(work).ucr == JOB_UCR * (run.ended_at - run.started_at) // HOUR, "each second once"
    _books_balance(world)
    world.close()


def _books_balance(world: World) -> None:
    with world.bursar.database.read() as connection:
        broken = [f for f in ledger_checks.run(connection, world.time.now()) if f.verdict is Verdict.FAIL]
    assert not broken
