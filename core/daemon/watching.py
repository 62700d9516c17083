"""Looks at what the engines have, and draws the consequences: runs that ended, stops that are proved, strangers.

Only a complete listing proves an absence. What is not ours is never touched; it only takes room.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.clock import MINUTE, SECOND
from core.daemon import outcomes, starting
from core.daemon.engines import Engines
from core.domain.engines import Capabilities, Observation, Observed, Phase
from core.domain.errors import BursarError
from core.domain.lifecycle import State
from core.scheduler.values import Claim
from core.store.leases import Leadership
from core.store.repositories.clusters import ClusterRow
from core.store.repositories.deployments import DeploymentRow
from core.store.units import Unit, Units

# How long what was accepted may stay unseen before its absence counts.
_LATE_VISIBILITY = MINUTE // 2


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at one engine brought."""

    moved: int = 0
    foreign: tuple[Claim, ...] = ()
    error: BursarError | None = None


def look_at(units: Units, leadership: Leadership, engines: Engines, cluster: ClusterRow) -> Look:
    with units.look() as unit:
        rows = unit.deployments.in_states({State.STARTING, State.RUNNING, State.SUSPENDED, State.STOPPING}, cluster.id)
    try:
        seen = engines.driver(cluster).observe(engines.install)
    except BursarError as error:
        return Look(error=error)  # proves nothing: everything stays as it was last seen
    moved = 0
    with units.lead(leadership) as unit:
        fresh = unit.deployments.by_ids([row.id for row in rows])
        capabilities = engines.capabilities(cluster)
        for row in fresh:
            moved += _judge(unit, engines, capabilities, row, seen)
        foreign = _foreign(unit, cluster, seen)
    return Look(moved, foreign)


def _judge(unit: Unit, engines: Engines, capabilities: Capabilities, row: DeploymentRow, seen: Observation) -> bool:
    found = [seen.find(token) for token in engines.tokens(row)]
    present = [one for one in found if one is not None]
    if len(present) < len(found) and not seen.complete:
        return False
    if row.state is State.STARTING:
        # What is missing is asked for again by the next start; what is there may have come to run meanwhile.
        return len(present) == len(found) and starting.apply(unit, row, list(present))
    if row.state is State.STOPPING:
        return _judge_stopping(unit, capabilities, row, present, seen)
    return _judge_running(unit, row, present, len(found), seen)


def _judge_running(unit: Unit, row: DeploymentRow, present: list[Observed], expected: int, seen: Observation) -> bool:
    run = unit.runs.open_of(row.id)
    last_seen = run.seen_at if run else seen.at
    if present and len(present) == expected:
        if all(one.is_live for one in present):
            if run is not None:
                unit.runs.note_seen([run.id], seen.at)
            return False
        if all(one.phase is Phase.FINISHED for one in present):
            outcomes.finished(unit, row, present)
            return True
    if any(one.phase is Phase.FINISHED for one in present) and len(present) == expected:
        return False  # part of a gang has ended; the others decide when it is over
    ended_at = max([one.finished_at for one in present if one.finished_at is not None], default=last_seen)
    message = next((one.message for one in present if one.message), "it vanished from the engine")
    outcomes.gone(unit, row, ended_at, message)
    return True


def _judge_stopping(
    unit: Unit, capabilities: Capabilities, row: DeploymentRow, present: list[Observed], seen: Observation
) -> bool:
    if any(one.is_live for one in present):
        return False
    run = unit.runs.open_of(row.id)
    if not present and run is None and not _surely_absent(capabilities, row, seen):
        return False
    ended = [one.finished_at for one in present if one.finished_at is not None]
    ended_at = max(ended, default=run.seen_at if run else seen.at)
    before_the_stop = ended_at <= row.state_since
    well = present and all(one.phase is Phase.FINISHED and one.exit_code == 0 for one in present)
    if well and ended and before_the_stop and run is not None and row.stop_cause not in outcomes.ENDS_ANYWAY:
        outcomes.finished(unit, row, present)
    else:
        outcomes.stopped(unit, row, ended_at)
    return True


def _surely_absent(capabilities: Capabilities, row: DeploymentRow, seen: Observation) -> bool:
    """A start may have been accepted just before it was cancelled, and not be listed yet."""
    lag = round(capabilities.eventual_list_s * SECOND)
    return lag == 0 or seen.at >= row.state_since + max(lag, _LATE_VISIBILITY)


def _foreign(unit: Unit, cluster: ClusterRow, seen: Observation) -> tuple[Claim, ...]:
    """What strangers take from each node."""
    nodes = {node.name: node for node in unit.clusters.nodes_of(cluster.id)}
    taken: dict[str, Claim] = {}
    for one in seen.foreign():
        node = nodes.get(one.node)
        if node is None or not one.is_live:
            continue
        shares = tuple((node.gpu_ids.index(device), 1000) for device in one.gpu_devices if device in node.gpu_ids)
        before = taken.get(node.id)
        resources = one.resources + before.resources if before else one.resources
        taken[node.id] = Claim(node.id, resources, (*(before.shares if before else ()), *shares))
    return tuple(taken.values())
