"""Who holds and used how much: what quotas and fair share look at beside the queue."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.domain.resources import NOTHING, Resources

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


@dataclass(slots=True)
class Facts:
    """What the order may look at beside the queue: past use, open holds, and who is present at all."""

    usage: dict[tuple[str, str], Usage] = field(default_factory=dict)
    holds: dict[tuple[str, str], int] = field(default_factory=dict)
    present: dict[tuple[str, str], int] = field(default_factory=dict)
    capacity: Resources = NOTHING
    longest_wait: int = 0  # so far under a virtual EASY, in microseconds; for the order `smart`

    def count(self, org: str, member: str, hold: int, sign: int) -> None:
        who = (org, member)
        self.holds[who] = self.holds.get(who, 0) + sign * hold
        self.present[who] = self.present.get(who, 0) + sign
        if not self.present[who]:
            del self.present[who], self.holds[who]
