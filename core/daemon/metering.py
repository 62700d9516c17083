"""Posts what runs have cost, at the ends of days and every six hours, up to their last proof of life.

No tick changes a total: what is posted is the difference to what was posted before.
"""

from __future__ import annotations

from core.clock import MINUTE
from core.daemon.ground import Ground
from core.ledger.meter import instants_to_post, next_posting_at
from core.store import settlement
from core.store.queries import instants
from core.store.repositories.runs import RunRow
from core.store.units import Unit

# A run that begins meanwhile may want a posting before the instant that was computed without it.
_LONGEST_REST = 15 * MINUTE
# At the end of a day all runs are posted: part by part, so that nobody waits long for the one writer.
_AT_ONCE = 100


def post_use(ground: Ground) -> tuple[set[str], int]:
    """The deployments of runs for which something was posted, and when there will be more, as far as is known now."""
    with ground.units.look() as unit:
        runs, now = unit.runs.all_open(), unit.now
        zones = _zones(unit, runs)
        last = instants.last_posted(unit.connection, [run.id for run in runs])
    since = {run.id: last[run.id] + 1 if run.id in last else run.started_at for run in runs}
    due = {run.id for run in runs if instants_to_post(since[run.id], min(now, run.seen_at), zones[run.org_id])}
    to_post = [run.deployment_id for run in runs if run.id in due]
    posted: set[str] = set()
    for start in range(0, len(to_post), _AT_ONCE):
        with ground.units.lead(ground.leadership) as unit:
            for deployment_id in to_post[start : start + _AT_ONCE]:
                run = unit.runs.open_of(deployment_id)
                if run is not None and settlement.post_due(unit, run, min(unit.now, run.seen_at), zones[run.org_id]):
                    posted.add(deployment_id)
    ahead = [next_posting_at(run.line, since[run.id], now, zones[run.org_id]) for run in runs]
    return posted, min([now + _LONGEST_REST, *(at for at in ahead if at is not None and at > now)])


def _zones(unit: Unit, runs: list[RunRow]) -> dict[str, str]:
    orgs = {org_id: unit.orgs.by_id(org_id) for org_id in {run.org_id for run in runs}}
    return {org_id: org.time_zone if org else "UTC" for org_id, org in orgs.items()}
