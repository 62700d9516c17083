"""How a pass decides, as data: order, aging, fair share, preemption, backfill, quotas, placement.

A policy is frozen; to change one is to pass another. Three are named: `priority`, `fair` and `smart`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from core.domain.errors import Invalid

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


class Order(StrEnum):
    PRIORITY = "priority"
    SMART = "smart"


class Packing(StrEnum):
    TIGHT = "tight"  # fill what is already used
    FRAGMENTS = "fragments"  # leave the GPU that the usual requests can use


@dataclass(frozen=True, slots=True)
class Aging:
    """A waiting deployment gains one point of priority each `step_ms`, at most `cap` points."""

    step_ms: int = 10 * MINUTE_MS
    cap: int = 40


@dataclass(frozen=True, slots=True)
class FairShare:
    """Whoever used more than an equal share falls back by at most `weight` points of priority.

    The points are `weight * (1 - 2 ** -(used share / due share))`, half for the org and half for the member
    in it. Use loses half of its weight each `half_life_ms`.
    """

    weight: int = 40
    half_life_ms: int = 7 * DAY_MS


@dataclass(frozen=True, slots=True)
class Preemption:
    """Who may be evicted: `gap` points of base priority below, after `min_run_ms`, less than `budget` times a day.

    A pass ends once it has evicted for `heads_per_pass` heads, and the next one goes on from there.
    """

    enabled: bool = True
    gap: int = 10
    min_run_ms: int = 10 * MINUTE_MS
    budget: int = 3
    grace_ms: int = 2 * MINUTE_MS
    pin_ms: int = 10 * MINUTE_MS  # how long the place is kept once the grace is over
    heads_per_pass: int | None = 100


@dataclass(frozen=True, slots=True)
class Quota:
    """How much may be held at once; None is no limit."""

    gpu_milli: int | None = None
    cpu_milli: int | None = None
    deployments: int | None = None


NO_QUOTA = Quota()


@dataclass(frozen=True, slots=True)
class Quotas:
    orgs: Mapping[str, Quota] = field(default_factory=dict)
    members: Mapping[tuple[str, str], Quota] = field(default_factory=dict)
    each_org: Quota = NO_QUOTA
    each_member: Quota = NO_QUOTA

    def of_org(self, org: str) -> Quota:
        return self.orgs.get(org, self.each_org)

    def of_member(self, org: str, member: str) -> Quota:
        return self.members.get((org, member), self.each_member)

    @property
    def are_any(self) -> bool:
        return bool(self.orgs or self.members) or self.each_org != NO_QUOTA or self.each_member != NO_QUOTA


@dataclass(frozen=True, slots=True)
class Smart:
    """The guarded order: shortest expected work first, unless someone waits too long.

    Overdue is who waited longer than `max(floor_ms, percent of the longest wait under plain EASY)`. While anyone
    is overdue, the tiny (the smallest that make up `tiny_permille` of recent work) go first, then the overdue in
    order of arrival, and `overdue_reservations` of the blocked get a promise.
    """

    floor_ms: int = 6 * HOUR_MS
    percent: int = 30
    tiny_permille: int = 10
    overdue_reservations: int = 4


@dataclass(frozen=True, slots=True)
class Typical:
    """One usual kind of request, per replica."""

    gpu_milli: int
    models: frozenset[str] = frozenset()
    cpu_milli: int = 0

    @property
    def sort_key(self) -> tuple[int, tuple[str, ...], int]:
        return self.gpu_milli, tuple(sorted(self.models)), self.cpu_milli


@dataclass(frozen=True, eq=False)
class Mix:
    """What is usually asked for, with how often; for `fragments`. One mix is only ever equal to itself."""

    kinds: tuple[tuple[Typical, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    name: str = "priority"
    order: Order = Order.PRIORITY
    aging: Aging = Aging()
    fair_share: FairShare | None = None
    preemption: Preemption = Preemption()
    quotas: Quotas = Quotas()
    backfill: bool = True
    backfill_depth: int | None = 2000  # how many are looked at behind the head; None is all
    reservations: int = 1
    packing: Packing = Packing.TIGHT
    mix: Mix | None = None
    smart: Smart = Smart()


POLICIES: dict[str, Policy] = {
    "priority": Policy(),
    "fair": Policy(name="fair", fair_share=FairShare()),
    "smart": Policy(name="smart", order=Order.SMART, packing=Packing.FRAGMENTS),
}


def policy_named(name: str, **changes: object) -> Policy:
    """The named policy, with some of its fields replaced."""
    try:
        chosen = POLICIES[name]
    except KeyError:
        raise Invalid("unknown_policy", f"there is no policy {name!r}", f"one of: {', '.join(POLICIES)}") from None
    return replace(chosen, **changes) if changes else chosen  # type: ignore[arg-type]
