"""The life of a deployment: which states there are, and the only table by which it moves from one to another.

Scheduler, meter and screens ask the predicates at the end, so they cannot disagree on what a state means.
"""

from __future__ import annotations

from enum import StrEnum

from core.domain.errors import Conflict


class State(StrEnum):
    AWAITING_APPROVAL = "awaiting_approval"
    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    SUSPENDED = "suspended"
    STOPPING = "stopping"
    STOPPED = "stopped"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    DELETED = "deleted"


class Trigger(StrEnum):
    # by people
    APPROVE = "approve"
    REJECT = "reject"
    CANCEL = "cancel"
    STOP = "stop"
    START = "start"
    SUSPEND = "suspend"
    RESUME = "resume"
    COMPLETE = "complete"
    DELETE = "delete"
    UNDELETE = "undelete"
    # by time and by the plan
    EXPIRE = "expire"
    PLACE = "place"
    PREEMPT = "preempt"
    REACH_LIMIT = "reach_limit"
    RUN_OUT = "run_out"
    DEPENDENCY_FAILED = "dependency_failed"
    # by what the engine proved
    SEEN_RUNNING = "seen_running"
    SEEN_FINISHED = "seen_finished"
    SEEN_FAILED = "seen_failed"
    SEEN_GONE = "seen_gone"  # vanished, or stopped from outside
    REQUEUE = "requeue"  # the engine refused or lost it; the retry policy tries again
    # out of STOPPING: its absence is proved, and this is what it was stopped for
    STOP_PROVED = "stop_proved"
    PREEMPT_PROVED = "preempt_proved"
    CANCEL_PROVED = "cancel_proved"
    COMPLETE_PROVED = "complete_proved"
    LIMIT_PROVED = "limit_proved"
    DELETE_PROVED = "delete_proved"


class StopCause(StrEnum):
    """Why a deployment in STOPPING is being stopped; decides what it becomes once it is proved gone."""

    USER = "user"
    RUN_OUT = "run_out"
    PREEMPTED = "preempted"
    PREEMPTED_VM = "preempted_vm"  # a VM keeps its disk and waits stopped
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    TIME_LIMIT = "time_limit"
    DELETED = "deleted"


PROOF_OF: dict[StopCause, Trigger] = {
    StopCause.USER: Trigger.STOP_PROVED,
    StopCause.RUN_OUT: Trigger.STOP_PROVED,
    StopCause.PREEMPTED: Trigger.PREEMPT_PROVED,
    StopCause.PREEMPTED_VM: Trigger.STOP_PROVED,
    StopCause.CANCELLED: Trigger.CANCEL_PROVED,
    StopCause.COMPLETED: Trigger.COMPLETE_PROVED,
    StopCause.TIME_LIMIT: Trigger.LIMIT_PROVED,
    StopCause.DELETED: Trigger.DELETE_PROVED,
}

_S, _T = State, Trigger

TRANSITIONS: dict[tuple[State, Trigger], State] = {
    (_S.AWAITING_APPROVAL, _T.APPROVE): _S.QUEUED,
    (_S.AWAITING_APPROVAL, _T.REJECT): _S.REJECTED,
    (_S.AWAITING_APPROVAL, _T.EXPIRE): _S.EXPIRED,
    (_S.AWAITING_APPROVAL, _T.CANCEL): _S.CANCELLED,
    (_S.AWAITING_APPROVAL, _T.DEPENDENCY_FAILED): _S.FAILED,
    (_S.AWAITING_APPROVAL, _T.DELETE): _S.DELETED,
    (_S.QUEUED, _T.PLACE): _S.STARTING,
    (_S.QUEUED, _T.CANCEL): _S.CANCELLED,
    (_S.QUEUED, _T.STOP): _S.STOPPED,
    (_S.QUEUED, _T.DEPENDENCY_FAILED): _S.FAILED,
    (_S.QUEUED, _T.DELETE): _S.DELETED,
    (_S.STARTING, _T.SEEN_RUNNING): _S.RUNNING,
    (_S.STARTING, _T.SEEN_FINISHED): _S.COMPLETED,
    (_S.STARTING, _T.SEEN_FAILED): _S.FAILED,
    (_S.STARTING, _T.REQUEUE): _S.QUEUED,
    (_S.STARTING, _T.CANCEL): _S.STOPPING,
    (_S.STARTING, _T.STOP): _S.STOPPING,
    (_S.STARTING, _T.DELETE): _S.STOPPING,
    (_S.RUNNING, _T.SEEN_FINISHED): _S.COMPLETED,
    (_S.RUNNING, _T.SEEN_FAILED): _S.FAILED,
    (_S.RUNNING, _T.SEEN_GONE): _S.STOPPED,
    (_S.RUNNING, _T.REQUEUE): _S.QUEUED,
    (_S.RUNNING, _T.SUSPEND): _S.SUSPENDED,
    (_S.RUNNING, _T.PREEMPT): _S.STOPPING,
    (_S.RUNNING, _T.REACH_LIMIT): _S.STOPPING,
    (_S.RUNNING, _T.RUN_OUT): _S.STOPPING,
    (_S.RUNNING, _T.COMPLETE): _S.STOPPING,
    (_S.RUNNING, _T.CANCEL): _S.STOPPING,
    (_S.RUNNING, _T.STOP): _S.STOPPING,
    (_S.RUNNING, _T.DELETE): _S.STOPPING,
    (_S.SUSPENDED, _T.RESUME): _S.RUNNING,
    (_S.SUSPENDED, _T.SEEN_FINISHED): _S.COMPLETED,
    (_S.SUSPENDED, _T.SEEN_FAILED): _S.FAILED,
    (_S.SUSPENDED, _T.SEEN_GONE): _S.STOPPED,
    (_S.SUSPENDED, _T.REQUEUE): _S.QUEUED,
    (_S.SUSPENDED, _T.PREEMPT): _S.STOPPING,
    (_S.SUSPENDED, _T.REACH_LIMIT): _S.STOPPING,
    (_S.SUSPENDED, _T.RUN_OUT): _S.STOPPING,
    (_S.SUSPENDED, _T.COMPLETE): _S.STOPPING,
    (_S.SUSPENDED, _T.CANCEL): _S.STOPPING,
    (_S.SUSPENDED, _T.STOP): _S.STOPPING,
    (_S.SUSPENDED, _T.DELETE): _S.STOPPING,
    # While it is being stopped a person may still change what it is stopped for.
    (_S.STOPPING, _T.CANCEL): _S.STOPPING,
    (_S.STOPPING, _T.STOP): _S.STOPPING,
    (_S.STOPPING, _T.DELETE): _S.STOPPING,
    (_S.STOPPING, _T.SEEN_FINISHED): _S.COMPLETED,
    (_S.STOPPING, _T.SEEN_FAILED): _S.FAILED,
    (_S.STOPPING, _T.STOP_PROVED): _S.STOPPED,
    (_S.STOPPING, _T.PREEMPT_PROVED): _S.QUEUED,
    (_S.STOPPING, _T.CANCEL_PROVED): _S.CANCELLED,
    (_S.STOPPING, _T.COMPLETE_PROVED): _S.COMPLETED,
    (_S.STOPPING, _T.LIMIT_PROVED): _S.FAILED,
    (_S.STOPPING, _T.DELETE_PROVED): _S.DELETED,
    (_S.STOPPED, _T.START): _S.QUEUED,
    (_S.STOPPED, _T.COMPLETE): _S.COMPLETED,
    (_S.STOPPED, _T.CANCEL): _S.CANCELLED,
    (_S.STOPPED, _T.DELETE): _S.DELETED,
    (_S.COMPLETED, _T.DELETE): _S.DELETED,
    (_S.FAILED, _T.DELETE): _S.DELETED,
    (_S.CANCELLED, _T.DELETE): _S.DELETED,
    (_S.REJECTED, _T.DELETE): _S.DELETED,
    (_S.EXPIRED, _T.DELETE): _S.DELETED,
    (_S.DELETED, _T.UNDELETE): _S.STOPPED,
}

HOLDS_CAPACITY = frozenset({State.STARTING, State.RUNNING, State.SUSPENDED, State.STOPPING})
FINAL = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED, State.REJECTED, State.EXPIRED, State.DELETED})
WAITING = frozenset({State.AWAITING_APPROVAL, State.QUEUED})


def after(state: State, trigger: Trigger) -> State:
    """The state that follows, or a Conflict that names both."""
    try:
        return TRANSITIONS[state, trigger]
    except KeyError:
        possible = ", ".join(t.value for (s, t) in TRANSITIONS if s is state and t in BY_PEOPLE)
        if trigger is Trigger.START and state in FINAL:
            possible += "; what is over is run again by a new submission"
        raise Conflict(
            "illegal_transition",
            f"cannot {trigger.value.replace('_', ' ')} a deployment that is {state.value.replace('_', ' ')}",
            f"possible now: {possible}" if possible else None,
            {"state": state.value, "trigger": trigger.value},
        ) from None


BY_PEOPLE = frozenset(
    {
        Trigger.APPROVE,
        Trigger.REJECT,
        Trigger.CANCEL,
        Trigger.STOP,
        Trigger.START,
        Trigger.SUSPEND,
        Trigger.RESUME,
        Trigger.COMPLETE,
        Trigger.DELETE,
        Trigger.UNDELETE,
    }
)


def holds_capacity(state: State, *, engine_keeps_suspended: bool = True) -> bool:
    """Whether its allocation counts against the node; a suspended one only where the engine keeps it."""
    if state is State.SUSPENDED:
        return engine_keeps_suspended
    return state in HOLDS_CAPACITY


def has_open_run(state: State, *, was_running: bool = True) -> bool:
    """Whether a run is open and metered. STOPPING meters only what had really been running."""
    return state in (State.RUNNING, State.SUSPENDED) or (state is State.STOPPING and was_running)


def is_final(state: State) -> bool:
    return state in FINAL


def mermaid() -> str:
    """The table as a state diagram, for core/README.md; edges with the same ends are drawn once."""
    edges: dict[tuple[State, State], list[str]] = {}
    for (source, trigger), target in TRANSITIONS.items():
        edges.setdefault((source, target), []).append(trigger.value)
    lines = ["stateDiagram-v2", "    [*] --> awaiting_approval: submit", "    [*] --> queued: submit"]
    lines += [f"    {a.value} --> {b.value}: {', '.join(names)}" for (a, b), names in edges.items()]
    return "\n".join(lines)
