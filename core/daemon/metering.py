"""Posts what runs have cost, at the ends of days and every six hours, up to their last proof of life.

No tick changes a total: what is posted is the difference to what was posted before.
"""

from __future__ import annotations

from core.clock import MINUTE
from core.daemon.ground import Ground
from core.ledger.meter import instants_to_post, next_posting_at, nothing_due_since
from core.store import settlement
from core.store.queries import instants

# A run that begins meanwhile may want a posting before the instant that was computed without it.
_LONGEST_REST = 15 * MINUTE
# At the end of a day all runs are posted: part by part, so that nobody waits long for the one writer.
_AT_ONCE = 100


def post_use(ground: Ground) -> tuple[set[str], int]:
    """The deployments of runs for which something was posted, and when there will be more, as far as is known now."""
    with ground.units.look() as unit:
        now, zones = unit.now, unit.orgs.time_zones()
        young = max((nothing_due_since(now, zone) for zone in set(zones.values())), default=now)
        runs = instants.unposted(unit.connection, young)
        first_young = instants.first_open_run(unit.connection, young)
    due = [run for run in runs if instants_to_post(run.since, min(now, run.seen_at), zones[run.org_id])]
    to_post = [run.deployment_id for run in due]
    posted: set[str] = set()
    for start in range(0, len(to_post), _AT_ONCE):
        with ground.units.lead(ground.leadership) as unit:
            for deployment_id in to_post[start : start + _AT_ONCE]:
                run = unit.runs.open_of(deployment_id)
                if run is not None and settlement.post_due(unit, run, min(unit.now, run.seen_at), zones[run.org_id]):
                    posted.add(deployment_id)
    ahead = [next_posting_at(run.since, now, zones[run.org_id]) for run in runs]
    if first_young is not None:
        ahead += [next_posting_at(first_young, now, zone) for zone in set(zones.values())]
    return posted, min([now + _LONGEST_REST, *(at for at in ahead if at > now)])
