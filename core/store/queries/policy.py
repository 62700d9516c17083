"""How the plan shall decide here: the named policy, this installation's numbers, the limits on what runs at once."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import literal, select

from core.domain.quota import AT_ONCE, Level, Measure
from core.scheduler.policy import Aging, FairShare, Policy, Preemption, Quota, Quotas, policy_named
from core.settings import Settings
from core.store.fixed import Fixed
from core.store.repositories.prices import limits
from core.store.units import Unit

_FIELD_OF = {Measure.GPUS: "gpu_milli", Measure.CPUS: "cpu_milli", Measure.DEPLOYMENTS: "deployments"}


def policy_for(unit: Unit, settings: Settings) -> Policy:
    rules = settings.scheduling
    named = policy_named(rules.policy)
    return replace(
        named,
        aging=Aging(step_ms=max(1, rules.aging_every_ms // max(1, rules.aging_points)), cap=rules.aging_most),
        fair_share=FairShare(half_life_ms=rules.fair_share_half_life_ms) if named.fair_share else None,
        preemption=Preemption(
            gap=rules.preemption_gap,
            min_run_ms=rules.min_run_ms,
            budget=rules.preemptions_per_day,
            grace_ms=rules.grace_ms,
            pin_ms=rules.pin_ms,
        ),
        quotas=_quotas(unit),
        backfill_depth=rules.backfill_depth,
    )


def _quotas(unit: Unit) -> Quotas:
    """The limits of all organizations: what runs at once is decided for a whole cluster in one pass."""
    orgs: dict[str, Quota] = {}
    members: dict[tuple[str, str], Quota] = {}
    for org_id, level, subject, measure, most in _AT_ONCE.rows(unit.connection, {}):
        field = _FIELD_OF[Measure(measure)]
        if level == Level.ORG.value:
            orgs[org_id] = replace(orgs.get(org_id, Quota()), **{field: most})
        else:
            who = (org_id, subject)
            members[who] = replace(members.get(who, Quota()), **{field: most})
    return Quotas(orgs=orgs, members=members)


_AT_ONCE = Fixed(
    select(limits.c.org_id, limits.c.level, limits.c.subject, limits.c.measure, limits.c.most).where(
        limits.c.measure.in_([literal(measure.value) for measure in AT_ONCE])
    )
)
