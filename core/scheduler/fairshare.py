"""Fair share: how many points of priority a member falls back for having used more than their due.

An open hold counts like use at once, so a burst of submissions gains nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.scheduler.policy import FairShare

if TYPE_CHECKING:
    from core.scheduler.facts import Facts

Member = tuple[str, str]


def standing(facts: Facts, share: FairShare, now: int) -> dict[Member, float]:
    """Faded use plus open holds of every member who is present or has used anything."""
    amounts: dict[Member, float] = {who: float(hold) for who, hold in facts.holds.items()}
    for who, usage in facts.usage.items():
        faded = usage.amount * 2.0 ** (-max(0, now - usage.as_of) / (share.half_life_ms * 1000))
        amounts[who] = amounts.get(who, 0.0) + faded
    return dict(sorted(amounts.items()))


def penalties(facts: Facts, share: FairShare, now: int) -> dict[Member, float]:
    """Points of priority to take off, for every member present; 0 for whoever used nothing."""
    amounts = standing(facts, share, now)
    present = sorted(facts.present)
    by_org: dict[str, float] = {}
    for (org, _), amount in amounts.items():
        by_org[org] = by_org.get(org, 0.0) + amount
    members_in: dict[str, int] = {}
    for org, _ in present:
        members_in[org] = members_in.get(org, 0) + 1
    total, orgs = sum(by_org.values()), len(members_in)
    taken: dict[Member, float] = {}
    for who in present:
        org = who[0]
        of_all = by_org.get(org, 0.0) / total * orgs if total else 0.0
        of_org = amounts.get(who, 0.0) / by_org[org] * members_in[org] if by_org.get(org) else 0.0
        taken[who] = share.weight * (1.0 - (2.0**-of_all + 2.0**-of_org) / 2.0)
    return taken
