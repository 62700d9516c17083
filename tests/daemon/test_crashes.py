"""The daemon dies at any moment, and the next one goes on as if nothing had been.

A crash can only fall between two things that stay: a commit, or a call that an engine has carried out. Each such
moment of a story is tried, one after the other; after each the story must come to the same end.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from core.clock import DAY, HOUR, MINUTE
from core.domain.changes import ApproveRequest, RejectRequest
from core.domain.lifecycle import State
from core.domain.validation import validated
from core.ledger.amounts import NOTHING
from core.settings import Approvals
from tests.daemon.mortality import Fate, Killed, mortal_daemon
from tests.daemon.world import World
from tests.postgres import TEMPLATE, Postgres

Story = Callable[[World, Callable[[], None]], None]


def play(world: World, story: Story, fatal: int | None) -> Fate:
    """The story with one death in it, after which another daemon takes over."""
    fate = Fate(fatal)
    current = [mortal_daemon(world, fate)]

    def work() -> None:
        try:
            current[0].once()
        except Killed:
            assert fate.dead
            current[0].close()
            current[0] = world.daemon()
            current[0].once()

    story(world, work)
    current[0].close()
    return fate


def start_and_finish(world: World, work: Callable[[], None]) -> None:
    handle = world.submit(hours="2", labels={"sim.duration": "1h"})
    work()
    world.clock.advance(HOUR)
    work()
    assert world.state(handle) is State.COMPLETED
    assert world.cost(handle).ucr == 60_000
    assert world.held(handle) == NOTHING


def start_and_cancel(world: World, work: Callable[[], None]) -> None:
    handle = world.submit(hours="2")
    work()
    world.clock.advance(HOUR)
    world.bursar.deployments.cancel(world.olga, handle)
    work()
    assert world.state(handle) is State.CANCELLED
    assert world.cost(handle).ucr == 60_000
    assert world.held(handle) == NOTHING


def run_for_days(world: World, work: Callable[[], None]) -> None:
    handle = world.submit("web")
    work()
    for _ in range(5):
        world.clock.advance(7 * HOUR)
        work()
    assert world.state(handle) is State.RUNNING
    assert world.cost(handle).ucr == 35 * 60_000


def preempt_two(world: World, work: Callable[[], None]) -> None:
    """E53: what was decided of two victims is carried out on both, whoever carries it out."""
    first = world.submit("first", hours="3", cpu="4", priority=10)
    second = world.submit("second", hours="3", cpu="4", priority=10)
    work()
    world.clock.advance(HOUR)
    high = world.submit("high", hours="1", cpu="8", priority=90, labels={"sim.duration": "30m"})
    work()
    work()
    assert world.state(high) is State.RUNNING
    assert {world.state(first), world.state(second)} == {State.QUEUED}
    world.clock.advance(HOUR // 2)
    work()
    assert world.state(high) is State.COMPLETED
    assert {world.state(first), world.state(second)} == {State.RUNNING}


def reach_the_limit(world: World, work: Callable[[], None]) -> None:
    handle = world.submit(hours="1")
    work()
    world.clock.advance(HOUR)
    work()
    assert world.state(handle) is State.FAILED
    assert world.cost(handle).ucr == 60_000


def gang(world: World, work: Callable[[], None]) -> None:
    handle = world.submit(hours="1", replicas=3, labels={"sim.duration": "10m"})
    work()
    assert world.control().ever_created() == 3
    world.clock.advance(10 * MINUTE)
    work()
    assert world.state(handle) is State.COMPLETED


def suspend_and_resume(world: World, work: Callable[[], None]) -> None:
    handle = world.submit("web")
    work()
    world.clock.advance(HOUR)
    world.bursar.deployments.suspend(world.olga, handle)
    work()
    assert world.state(handle) is State.SUSPENDED
    world.clock.advance(HOUR)
    world.bursar.deployments.resume(world.olga, handle)
    work()
    world.clock.advance(HOUR)
    work()
    assert world.state(handle) is State.RUNNING
    world.bursar.deployments.stop(world.olga, handle)
    work()
    assert world.cost(handle).ucr == 2 * 60_000 + 45_000


def decide(world: World, work: Callable[[], None]) -> None:
    """Each of the four answers to a request: as it was asked for, with other hours, no, and none in time."""
    asked = {name: world.submit(name, hours="2") for name in ("as-asked", "longer", "refused", "forgotten")}
    work()
    decisions = world.bursar.decisions
    decisions.approve(world.olga, validated(ApproveRequest, id=asked["as-asked"]))
    work()
    decisions.approve(world.olga, validated(ApproveRequest, id=asked["longer"], hours="3"))
    decisions.reject(world.olga, validated(RejectRequest, id=asked["refused"], reason="no"))
    work()
    for _ in range(3):
        world.clock.advance(HOUR)
        work()
    world.clock.advance(DAY)
    work()
    assert [world.state(one) for one in asked.values()] == [State.FAILED, State.FAILED, State.REJECTED, State.EXPIRED]
    assert [world.cost(one).ucr for one in asked.values()] == [2 * 60_000, 3 * 60_000, 0, 0]
    assert {world.held(one) for one in asked.values()} == {NOTHING}
    assert len(world.events("deployment.expire")) == 1


STORIES: dict[str, Story] = {
    "E1 E2 E3 E4 start and finish": start_and_finish,
    "E5 start and cancel": start_and_cancel,
    "E6 run for days": run_for_days,
    "E5 reach the limit": reach_the_limit,
    "E53 preempt two": preempt_two,
    "E3 a gang": gang,
    "E4 suspend and resume": suspend_and_resume,
}


@pytest.mark.parametrize("name", STORIES)
def test_E1_E2_E3_E4_E5_E6_E53_the_story_comes_to_its_end_whenever_the_daemon_dies(name: str, world: World) -> None:
    """Every moment once, so also: before the intent, between intent and call, between call and what is noted of it."""
    world.cluster()
    _dies_at_each_moment(STORIES[name], lambda fatal: world.copied(world.settings.home.parent / f"life-{fatal}"))


def test_E6_each_request_is_decided_once_whenever_the_daemon_dies(home: Path) -> None:
    world = World(home, approvals=Approvals(policy="always"))
    world.cluster()
    _dies_at_each_moment(decide, lambda fatal: world.copied(home.parent / f"life-{fatal}"))
    world.close()


@pytest.mark.timeout(900)  # hundreds of deaths, each with a whole life on a server: minutes where others work, too
@pytest.mark.parametrize("name", ["E1 E2 E3 E4 start and finish", "E5 start and cancel", "E53 preempt two"])
def test_E1_E2_E3_E4_E5_E53_whenever_the_daemon_dies_on_postgresql(
    name: str, home: Path, postgres_server: Postgres
) -> None:
    """The same moments where a transaction that was cut off is undone by a server, and its locks with it."""
    template = f"crash_{list(STORIES).index(name)}"
    lives: list[str] = []
    origin = World(home, postgres_server.create(template, TEMPLATE))
    origin.cluster()

    def life_of(fatal: int | None) -> World:
        if lives:
            postgres_server.drop(lives.pop())
        lives.append(f"{template}_{fatal}")
        origin.bursar.database.close()  # nobody may be at a store that is copied
        return origin.copied(home.parent / f"life-{fatal}", postgres_server.create(lives[0], template))

    _dies_at_each_moment(STORIES[name], life_of)
    origin.close()


def _dies_at_each_moment(story: Story, life_of: Callable[[int | None], World]) -> None:
    whole = _played(life_of(None), story, None)
    assert whole.met > 2
    for fatal in range(1, whole.met + 1):
        fate = _played(life_of(fatal), story, fatal)
        assert fate.dead, f"moment {fatal} was not reached"


def _played(world: World, story: Story, fatal: int | None) -> Fate:
    try:
        fate = play(world, story, fatal)
        _nothing_is_wrong(world)
    finally:
        world.close()
    return fate


def _nothing_is_wrong(world: World) -> None:
    """No instance but what the store knows of, none twice, and each run over or open with what it belongs to."""
    with world.units.look() as unit:
        rows = unit.deployments.in_states(set(State))
        for row in rows:
            open_runs = [run for run in unit.runs.of_deployment(row.id) if run.ended_at is None]
            assert len(open_runs) == (row.state is State.RUNNING)
            held = unit.runs.allocations_of([row.id])
            assert len(held) == (row.replicas if row.state is State.RUNNING else 0)
        known = {world.token(row.handle, g, k) for row in rows for g in range(1, row.generation + 1) for k in range(3)}
    seen = world.engine().observe(next(iter(known)).install)
    assert {one.token for one in seen.instances} <= known
    assert world.control().ever_created() == sum(row.generation * row.replicas for row in rows)


def test_E6_a_cleanup_that_was_cut_off_is_finished_by_the_next_one(world: World) -> None:
    world.cluster()
    works = [world.submit(f"w{number}", hours="1", labels={"sim.duration": "1m"}) for number in range(3)]
    daemon = world.daemon()
    daemon.once()
    world.pass_time(HOUR, daemon)
    world.clock.advance(91 * DAY)

    def cleaned(fatal: int | None) -> Fate:
        life, fate = world.copied(world.settings.home.parent / f"cleanup-{fatal}"), Fate(fatal)
        dying = mortal_daemon(life, fate)
        with nullcontext() if fatal is None else pytest.raises(Killed):
            dying.cleanup(apply=True)
        dying.close()
        life.daemon().cleanup(apply=True)
        assert {life.state(work) for work in works} == {State.DELETED}
        assert life.daemon().cleanup(apply=True).tombstones == ()
        _nothing_is_wrong(life)
        life.close()
        return fate

    whole = cleaned(None)
    assert whole.met >= 2
    for fatal in range(1, whole.met + 1):
        assert cleaned(fatal).dead
