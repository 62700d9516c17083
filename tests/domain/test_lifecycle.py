from __future__ import annotations

import pytest

from core.domain.errors import Conflict
from core.domain.lifecycle import (
    BY_PEOPLE,
    FINAL,
    HOLDS_CAPACITY,
    PROOF_OF,
    TRANSITIONS,
    WAITING,
    State,
    StopCause,
    Trigger,
    after,
    has_open_run,
    holds_capacity,
    is_final,
    mermaid,
)
from tests.domain.refusal import refusal

# Written down a second time, from the meaning of each state and not from the table.
EXPECTED = """
awaiting_approval: approve queued, reject rejected, expire expired, cancel cancelled, delete deleted,
    dependency_failed failed
queued: place starting, cancel cancelled, stop stopped, delete deleted, dependency_failed failed
starting: seen_running running, seen_finished completed, seen_failed failed, requeue queued,
    cancel stopping, stop stopping, delete stopping
running: suspend suspended, seen_finished completed, seen_failed failed, seen_gone stopped, requeue queued,
    preempt stopping, reach_limit stopping, run_out stopping, complete stopping, cancel stopping, stop stopping,
    delete stopping
suspended: resume running, seen_finished completed, seen_failed failed, seen_gone stopped, requeue queued,
    preempt stopping, reach_limit stopping, run_out stopping, complete stopping, cancel stopping, stop stopping,
    delete stopping
stopping: cancel stopping, stop stopping, delete stopping, seen_finished completed, seen_failed failed,
    stop_proved stopped, preempt_proved queued, cancel_proved cancelled, complete_proved completed,
    limit_proved failed, delete_proved deleted
stopped: start queued, complete completed, cancel cancelled, delete deleted
completed: delete deleted
failed: delete deleted
cancelled: delete deleted
rejected: delete deleted
expired: delete deleted
deleted: undelete stopped
"""


def _expected() -> dict[tuple[State, Trigger], State]:
    table = {}
    for line in EXPECTED.replace("\n    ", " ").strip().splitlines():
        state, _, moves = line.partition(": ")
        for move in moves.split(", "):
            trigger, target = move.split()
            table[State(state), Trigger(trigger)] = State(target)
    return table


@pytest.mark.parametrize("state", State)
def test_I_C8_every_pair_of_state_and_trigger_leads_where_it_must_or_is_a_conflict(state: State) -> None:
    expected = _expected()
    for trigger in Trigger:
        if (state, trigger) in expected:
            assert after(state, trigger) is expected[state, trigger]
            continue
        error = refusal(after, state, trigger)
        assert isinstance(error, Conflict)
        assert error.code == "illegal_transition"
        words = trigger.value.replace("_", " "), state.value.replace("_", " ")
        assert error.message == f"cannot {words[0]} a deployment that is {words[1]}"
        assert error.fields == {"state": state.value, "trigger": trigger.value}


def test_a_conflict_says_what_is_possible_and_offers_only_what_people_do() -> None:
    assert refusal(after, State.STOPPED, Trigger.STOP).hint == "possible now: start, complete, cancel, delete"
    assert refusal(after, State.QUEUED, Trigger.RESUME).hint == "possible now: cancel, stop, delete"
    again = "possible now: delete; what is over is run again by a new submission"
    assert refusal(after, State.FAILED, Trigger.START).hint == again


def test_every_state_can_be_reached_from_a_submission() -> None:
    reached = {State.AWAITING_APPROVAL, State.QUEUED}
    while True:
        further = {target for (source, _), target in TRANSITIONS.items() if source in reached} - reached
        if not further:
            break
        reached |= further
    assert reached == set(State)


def test_every_trigger_moves_something() -> None:
    assert {trigger for _, trigger in TRANSITIONS} == set(Trigger)


@pytest.mark.parametrize("state", [state for state in State if state is not State.DELETED])
def test_delete_is_allowed_from_every_state_and_leads_to_deleted_once_absence_is_proved(state: State) -> None:
    following = after(state, Trigger.DELETE)
    if following is State.STOPPING:
        assert holds_capacity(state)
        following = after(following, PROOF_OF[StopCause.DELETED])
    assert following is State.DELETED


def test_I_C9_what_is_final_leads_only_to_the_tombstone_and_back_out_of_it() -> None:
    for (source, trigger), target in TRANSITIONS.items():
        if source in FINAL:
            assert (trigger, target) in {(Trigger.DELETE, State.DELETED), (Trigger.UNDELETE, State.STOPPED)}


def test_I_C5_capacity_is_left_only_by_what_the_engine_proved() -> None:
    proofs = {trigger for trigger in Trigger if trigger.value.startswith("seen_") or trigger.value.endswith("_proved")}
    for (source, trigger), target in TRANSITIONS.items():
        if holds_capacity(source) and not holds_capacity(target):
            assert trigger in proofs | {Trigger.REQUEUE}, (source, trigger)


def test_capacity_is_taken_only_by_the_plan() -> None:
    for (source, trigger), target in TRANSITIONS.items():
        if holds_capacity(target) and not holds_capacity(source):
            assert (source, trigger, target) == (State.QUEUED, Trigger.PLACE, State.STARTING)


def test_what_people_may_trigger_never_claims_to_be_a_proof() -> None:
    for trigger in BY_PEOPLE:
        assert not trigger.value.startswith("seen_")
        assert not trigger.value.endswith("_proved")


def test_every_cause_of_stopping_has_a_proof_that_leads_out_of_it() -> None:
    ends = {cause: after(State.STOPPING, PROOF_OF[cause]) for cause in StopCause}
    assert ends == {
        StopCause.USER: State.STOPPED,
        StopCause.RUN_OUT: State.STOPPED,
        StopCause.PREEMPTED: State.QUEUED,
        StopCause.PREEMPTED_VM: State.STOPPED,
        StopCause.CANCELLED: State.CANCELLED,
        StopCause.COMPLETED: State.COMPLETED,
        StopCause.TIME_LIMIT: State.FAILED,
        StopCause.DELETED: State.DELETED,
    }


@pytest.mark.parametrize("state", State)
def test_the_predicates_agree_with_each_other(state: State) -> None:
    assert sum([state in WAITING, state in HOLDS_CAPACITY, is_final(state), state is State.STOPPED]) == 1
    if has_open_run(state):
        assert holds_capacity(state)
    assert not has_open_run(state, was_running=False) or has_open_run(state)


def test_a_suspended_one_holds_capacity_only_where_its_engine_keeps_it() -> None:
    assert holds_capacity(State.SUSPENDED)
    assert not holds_capacity(State.SUSPENDED, engine_keeps_suspended=False)
    for state in set(State) - {State.SUSPENDED}:
        assert holds_capacity(state) == holds_capacity(state, engine_keeps_suspended=False)


def test_I_L9_a_run_is_open_while_running_suspended_and_while_stopping_what_had_run() -> None:
    assert {state for state in State if has_open_run(state)} == {State.RUNNING, State.SUSPENDED, State.STOPPING}
    assert {state for state in State if has_open_run(state, was_running=False)} == {State.RUNNING, State.SUSPENDED}


def test_the_diagram_draws_every_transition_once() -> None:
    lines = mermaid().splitlines()
    assert lines[:3] == ["stateDiagram-v2", "    [*] --> awaiting_approval: submit", "    [*] --> queued: submit"]
    drawn = {}
    for line in lines[3:]:
        ends, _, names = line.strip().partition(": ")
        source, target = ends.split(" --> ")
        for name in names.split(", "):
            assert (State(source), Trigger(name)) not in drawn
            drawn[State(source), Trigger(name)] = State(target)
    assert drawn == TRANSITIONS
