"""What a pass decides and why something waits: values that can be stored, shown and compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from core.scheduler.values import Claim


class Code(StrEnum):
    """Why a deployment waits. Codes are stable: programs and saved filters rely on them."""

    GATE = "gate"  # a condition outside the scheduler: approval, credits, a hold by a person
    DEPENDENCY = "dependency"  # another deployment has to end first
    NOT_BEFORE = "not_before"  # a pause between attempts
    QUOTA_MEMBER = "quota_member"  # the member holds as much at once as is allowed
    QUOTA_ORG = "quota_org"  # the org does
    IMPOSSIBLE = "impossible"  # no node of the cluster could hold it even when empty
    NODES_AWAY = "nodes_away"  # the nodes that could hold it are drained, cordoned or down
    CAPACITY = "capacity"  # no node has enough free
    FRAGMENTED = "fragmented"  # enough is free, but not together on one node or device
    PROMISED = "promised"  # it would fit, but would delay the promised start of one before it
    AHEAD = "ahead"  # others who may want the same room stand before it in the queue
    NO_FORESEEABLE_START = "no_foreseeable_start"  # what holds the capacity has no end
    PREEMPTING = "preempting"  # its place is kept; the ones preempted for it are still leaving
    DEPTH = "depth"  # it stands further back than a pass looks


@dataclass(frozen=True, slots=True)
class Blocker:
    """One reason. `holders` are ids of the own org, and "another org" for all others."""

    code: Code
    need: int | None = None
    have: int | None = None
    unit: str = ""
    holders: tuple[str, ...] = ()
    earliest: int | None = None
    detail: str = ""
    suggestion: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    id: str
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Preempt:
    """Stop the victims for `for_id`, which then starts on `claims`; until then its place is pinned."""

    for_id: str
    victims: tuple[str, ...]
    claims: tuple[Claim, ...]
    grace_until: int
    pin_until: int


@dataclass(frozen=True, slots=True)
class Reserve:
    """The promise to a blocked head: it starts at that instant at the latest, as far as limits are kept."""

    id: str
    at: int
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """One of the heads that the pass met and could not start, with the first reason."""

    id: str
    code: Code


@dataclass(frozen=True, slots=True)
class Doom:
    """It can never start: a deployment that it had to follow failed."""

    id: str
    dependency: str


@dataclass(frozen=True, slots=True)
class Unpin:
    """Its pinned place has lapsed or is no longer good."""

    id: str


@dataclass(frozen=True, slots=True)
class Plan:
    board_version: int
    now: int
    starts: tuple[Start, ...] = ()
    preempts: tuple[Preempt, ...] = ()
    reserves: tuple[Reserve, ...] = ()
    waits: tuple[Wait, ...] = ()
    dooms: tuple[Doom, ...] = ()
    unpins: tuple[Unpin, ...] = ()
    looked_at: int = field(default=0, compare=False)  # how many the pass met, for the bench

    @property
    def is_empty(self) -> bool:
        """Nothing to act on; promises and reasons may still be there."""
        return not (self.starts or self.preempts or self.dooms or self.unpins)
