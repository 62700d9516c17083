"""Who holds and used how much: what quotas and fair share look at beside the queue."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from core.domain.resources import NOTHING, Resources

if TYPE_CHECKING:
    from core.scheduler.policy import Mix
    from core.scheduler.values import Holding

Who = tuple[str, str | None]  # an org, or a member of it


@dataclass(slots=True)
class Held:
    """What an org or a member holds at once."""

    gpu_milli: int = 0
    cpu_milli: int = 0
    deployments: int = 0

    def add(self, total: Resources, sign: int) -> None:
        self.gpu_milli += sign * total.gpu_milli
        self.cpu_milli += sign * total.cpu_milli
        self.deployments += sign


@dataclass(frozen=True, slots=True)
class Usage:
    """Billed use of a member as of an instant; it fades from there with the policy's half-life."""

    amount: int
    as_of: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """A job that came in the past, waits, runs or is over: what an order may learn from. `total` is of all replicas."""

    id: str
    org: str
    member: str
    at: int  # since when it aged
    total: Resources
    limit_ms: int
    ended_at: int | None = None  # by itself
    ran_ms: int = 0


@dataclass(slots=True)
class Facts:
    """What a plan may look at beside queue and hosts: past use, open holds, who is present, what was learned."""

    usage: dict[tuple[str, str], Usage] = field(default_factory=dict)
    holds: dict[tuple[str, str], int] = field(default_factory=dict)
    present: dict[tuple[str, str], int] = field(default_factory=dict)
    capacity: Resources = NOTHING
    longest_wait: int = 0  # so far under a virtual EASY, in microseconds; for the order `smart`
    last_runs: dict[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)  # of each member, two, in seconds
    arrivals: tuple[Arrival, ...] = ()  # the last before the board was built; for the order `smart`
    mix: Mix | None = None  # what is usually asked for, where the policy names no mix of its own

    def count(self, org: str, member: str, hold: int, sign: int) -> None:
        who = (org, member)
        self.holds[who] = self.holds.get(who, 0) + sign * hold
        self.present[who] = self.present.get(who, 0) + sign
        if not self.present[who]:
            del self.present[who], self.holds[who]

    def note_run(self, holding: Holding, at: int) -> None:
        """One that ended by itself tells how long its member's next ones may take."""
        who, ran = (holding.org, holding.member), max(0, at - holding.started_at) // 1_000_000
        self.last_runs[who] = (*self.last_runs.get(who, ()), ran)[-2:]

    def copy(self) -> Facts:
        usage, holds, present = self.usage.copy(), self.holds.copy(), self.present.copy()
        return replace(self, usage=usage, holds=holds, present=present, last_runs=self.last_runs.copy())
