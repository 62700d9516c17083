"""The one door of states: exactly the table's moves, each on record, and never over somebody who was faster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import text

from core.clock import SECOND
from core.domain.errors import Conflict
from core.domain.lifecycle import FINAL, TRANSITIONS, State, StopCause, Trigger
from core.domain.roles import Caller
from core.store.moves import Move, move, move_all
from core.store.repositories.deployments import DeploymentRow
from core.store.units import Unit
from tests.builders import World, dump


@pytest.fixture
def world(tmp_path: Path, store_url: str) -> Iterator[World]:
    made = World.on(tmp_path / "home", store_url)
    yield made
    made.close()


@pytest.fixture
def admin(world: World) -> Caller:
    """Whose job `train` waits in the queue."""
    admin = world.org(world.operator(), "vision")
    world.cluster(admin)
    world.fund(admin, credits=100, gpu_hours=10)
    world.submit(admin, "train")
    world.advance(SECOND)
    return admin


class Undo(Exception):
    pass


@contextmanager
def undone(world: World, admin: Caller) -> Iterator[Unit]:
    """A unit whose changes are looked at and then given up."""
    with pytest.raises(Undo), world.units.write(admin) as unit:
        yield unit
        raise Undo


def train_in(unit: Unit, state: State) -> DeploymentRow:
    """The job as if it had come to that state, whatever the way."""
    unit.connection.execute(text("UPDATE deployments SET state = :state"), {"state": state.value})
    (row,) = unit.deployments.in_states({state})
    return row


def test_every_trigger_in_every_state_moves_by_the_table_or_not_at_all(world: World, admin: Caller) -> None:
    for state, trigger in product(State, Trigger):
        with undone(world, admin) as unit:
            assert_moves_by_the_table(unit, state, trigger)


def assert_moves_by_the_table(unit: Unit, state: State, trigger: Trigger) -> None:
    row, target = train_in(unit, state), TRANSITIONS.get((state, trigger))
    if target is None:
        with pytest.raises(Conflict) as refused:
            move(unit, row, trigger)
        assert refused.value.code == "illegal_transition"
        assert refused.value.fields == {"state": state.value, "trigger": trigger.value}
        assert unit.changes == []
        assert unit.deployments.in_states({state}) == [row]
        return
    moved = move(unit, row, trigger, reason="because")
    assert unit.deployments.in_states({target}) == [moved]
    (change,) = unit.changes
    assert (change.verb, change.target) == (f"deployment.{trigger.value}", row.handle)
    assert change.before == {"state": state.value}
    assert change.after == {"state": target.value, "trigger": trigger.value, "reason": "because"}
    assert change.org_id == row.org_id


def test_instants_tell_when_a_state_began_and_when_it_was_over(world: World, admin: Caller) -> None:
    for state, trigger in TRANSITIONS:
        with undone(world, admin) as unit:
            row = train_in(unit, state)
            moved = move(unit, row, trigger)
            assert moved.updated_at == unit.now > row.updated_at
            assert moved.state_since == (row.state_since if moved.state is state else unit.now)
            over = moved.state in FINAL or moved.state is State.STOPPED
            assert moved.ended_at == (unit.now if over else row.ended_at)


def test_why_it_is_stopped_is_kept_while_it_is_being_stopped_and_no_longer(world: World, admin: Caller) -> None:
    with undone(world, admin) as unit:
        row = train_in(unit, State.RUNNING)
        stopping = move(unit, row, Trigger.STOP, stop_cause=StopCause.USER, stop_by=unit.now + SECOND)
        assert (stopping.stop_cause, stopping.stop_by) == (StopCause.USER, unit.now + SECOND)
        assert unit.deployments.in_states({State.STOPPING}) == [stopping]
        stopped = move(unit, stopping, Trigger.STOP_PROVED)
        assert (stopped.stop_cause, stopped.stop_by) == (None, None)
        assert unit.deployments.in_states({State.STOPPED}) == [stopped]


def test_who_looked_before_somebody_else_moved_it_is_told_so(world: World, admin: Caller) -> None:
    with world.units.read(admin) as unit:
        (seen,) = unit.deployments.in_states({State.QUEUED})
    world.bursar.deployments.cancel(admin, "train")
    before = dump(world.store)
    with pytest.raises(Conflict) as refused, world.units.write(admin) as unit:
        move(unit, seen, Trigger.PLACE)
    assert refused.value.code == "changed_meanwhile"
    assert seen.handle in refused.value.message
    assert dump(world.store) == before


def test_of_two_that_move_the_same_row_the_second_is_refused(world: World, admin: Caller) -> None:
    with undone(world, admin) as unit:
        row = train_in(unit, State.QUEUED)
        move(unit, row, Trigger.STOP)
        with pytest.raises(Conflict):
            move(unit, row, Trigger.CANCEL)


def test_a_move_and_its_record_are_one_commit(world: World, admin: Caller) -> None:
    world.bursar.deployments.stop(admin, "train")
    lines = world.bursar.operations.audit(admin, limit=1).items
    assert [line.verb for line in lines] == ["deployment.stop"]
    assert lines[0].before == '{"state":"queued"}'
    assert world.bursar.deployments.show(admin, lines[0].target).state is State.STOPPED


def test_many_move_together_each_by_its_own_trigger(world: World, admin: Caller) -> None:
    more = [world.submit(admin, f"more-{number}") for number in range(3)]
    with world.units.write(admin) as unit:
        rows = unit.deployments.by_handles([card.id for card in more])
        triggers = [Trigger.PLACE, Trigger.CANCEL, Trigger.PLACE]
        changes = [{"generation": 1}, {}, {"generation": 1}]
        wanted = [Move(row, trigger, None, its) for row, trigger, its in zip(rows, triggers, changes, strict=True)]
        moved = move_all(unit, wanted)
    with world.units.read(admin) as unit:
        assert unit.deployments.by_ids([row.id for row in rows]) == sorted(moved, key=lambda row: row.id)
    assert [row.state for row in moved] == [State.STARTING, State.CANCELLED, State.STARTING]


def test_of_many_that_move_one_that_somebody_moved_before_keeps_all_where_they_are(world: World, admin: Caller) -> None:
    more = [world.submit(admin, f"more-{number}") for number in range(3)]
    with world.units.read(admin) as unit:
        rows = unit.deployments.by_handles([card.id for card in more])
    world.bursar.deployments.cancel(admin, rows[1].handle)
    before = dump(world.store)
    with pytest.raises(Conflict) as refused, world.units.write(admin) as unit:
        move_all(unit, [Move(row, Trigger.PLACE, None, {"generation": 1}) for row in rows])
    assert refused.value.code == "changed_meanwhile" and rows[1].handle in refused.value.message
    assert dump(world.store) == before
