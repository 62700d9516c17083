"""What the board is built from: nodes, what holds them, what waits, what is pinned. Frozen values.

Each can be filled from rows of a store and compared, copied and replayed. They know neither the store nor
the state machine; ids are opaque text and instants are microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from core.domain.kinds import Kind
from core.domain.resources import NOTHING, Resources

WHOLE = 1000  # thousandths of one GPU device


class NodeState(StrEnum):
    UP = "up"
    CORDONED = "cordoned"  # takes nothing new
    DRAINED = "drained"  # takes nothing new, and what runs there is being moved away
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Device:
    """One GPU. `milli` below 1000 is a device of which only a part may be given away."""

    model: str = ""
    milli: int = WHOLE


@dataclass(frozen=True, slots=True)
class Node:
    """One machine. `totals.gpu_milli` says the same as its devices do; labels are written `key=value`."""

    id: str
    name: str
    totals: Resources
    devices: tuple[Device, ...] = ()
    labels: frozenset[str] = frozenset()
    state: NodeState = NodeState.UP


@dataclass(frozen=True, slots=True)
class Claim:
    """A place on one node: an amount, and which share of which device (index in `Node.devices`, thousandths)."""

    node_id: str
    resources: Resources
    shares: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Holding:
    """A deployment that is starting, running or stopping. A gang has one claim for each replica.

    `ending_by` is set once it is being stopped: the instant at which its grace is over. `pinned_for` names the
    waiting deployment for which it was preempted. `hold` is what it counts in the fair share beside settled use.
    """

    id: str
    org: str
    member: str
    kind: Kind
    claims: tuple[Claim, ...]
    started_at: int
    priority: int = 50
    limit_ms: int | None = None
    preemptible: bool = True
    preemptions: int = 0  # in the last 24 hours
    ending_by: int | None = None
    pinned_for: str | None = None
    hold: int = 0

    @property
    def ends_at(self) -> int | None:
        """When a projection may count on its end: the limit or the end of its grace; never for a service."""
        limit = None if self.limit_ms is None else self.started_at + self.limit_ms * 1000
        if self.ending_by is None:
            return limit
        return self.ending_by if limit is None else min(limit, self.ending_by)


@dataclass(frozen=True, slots=True)
class Dependency:
    """It waits for `id` to end: well (`needs_success`) or anyhow. `outcome` is None while that one lives."""

    id: str
    needs_success: bool = True
    succeeded: bool | None = None

    @property
    def is_met(self) -> bool:
        return self.succeeded is not None and (self.succeeded or not self.needs_success)

    @property
    def is_doomed(self) -> bool:
        return self.succeeded is False and self.needs_success


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition outside the scheduler that keeps a deployment from starting, worded by whoever closed it."""

    code: str  # such as awaiting_approval, credits_short, held
    need: int | None = None
    have: int | None = None
    unit: str = ""
    suggestion: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A deployment in the queue. `resources` are those of one replica.

    `eligible_since` starts the aging: the moment from which nothing but the queue kept it (None: its submission).
    A preempted one keeps its `submitted_at` and carries `preempted_at`.
    """

    id: str
    org: str
    member: str
    kind: Kind
    resources: Resources
    submitted_at: int
    priority: int = 50
    replicas: int = 1
    gpu_models: frozenset[str] = frozenset()  # empty: any
    labels: frozenset[str] = frozenset()
    limit_ms: int | None = None
    eligible_since: int | None = None
    not_before: int | None = None
    after: tuple[Dependency, ...] = ()
    gates: tuple[Gate, ...] = ()
    preemptible: bool = True
    preemptions: int = 0
    preempted_at: int | None = None
    expected_ms: int | None = None  # a guess of its run time, used for order only, never for a promise
    hold: int = 0
    spread: bool = False
    version: int = 0

    @property
    def ages_from(self) -> int:
        start = self.submitted_at if self.eligible_since is None else self.eligible_since
        return start if self.not_before is None else max(start, self.not_before)

    @property
    def is_held_back(self) -> bool:
        """Something other than capacity, quota and time keeps it; it takes no part in a pass."""
        return bool(self.gates) or not all(d.is_met for d in self.after)

    def seated(self, claims: tuple[Claim, ...], now: int) -> Holding:
        """The same deployment once it holds its place."""
        return Holding(
            id=self.id,
            org=self.org,
            member=self.member,
            kind=self.kind,
            claims=claims,
            started_at=now,
            priority=self.priority,
            limit_ms=self.limit_ms,
            preemptible=self.preemptible,
            preemptions=self.preemptions,
            hold=self.hold,
        )


@dataclass(frozen=True, slots=True)
class Pin:
    """A place kept for a preemptor until its victims are gone and it starts, at most until `expires_at`."""

    waiting_id: str
    claims: tuple[Claim, ...]
    expires_at: int


def total_of(claims: Iterable[Claim]) -> Resources:
    total = NOTHING
    for claim in claims:
        total = total + claim.resources
    return total
