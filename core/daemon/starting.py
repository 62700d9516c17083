"""Carries intents to start to the engines: adopt or create, then believe only what was observed."""

from __future__ import annotations

from collections.abc import Sequence

from core.clock import MINUTE
from core.daemon.engines import Engines
from core.daemon.outcomes import finished, saw_running
from core.domain.engines import Observed, Phase, Remedy, Spec, Trouble, ensure_each, rule_of, trouble
from core.domain.errors import BursarError
from core.domain.lifecycle import State, Trigger
from core.ledger.refunds import RefundCause
from core.store import settlement
from core.store.leases import Leadership
from core.store.moves import move
from core.store.repositories.clusters import ClusterRow
from core.store.repositories.deployments import DeploymentRow
from core.store.units import Unit, Units

MOST_ATTEMPTS = 3
_SHORTEST_PAUSE, _LONGEST_PAUSE = MINUTE // 2, 10 * MINUTE

Answer = Observed | BursarError


def start_pending(units: Units, leadership: Leadership, engines: Engines, cluster: ClusterRow) -> int:
    """Ask the engine for everything that shall start there; returns how many moved on."""
    rows, specs = _load(units, engines, cluster)
    if not rows:
        return 0
    answers = _ask(engines, cluster, specs)
    moved = 0
    with units.lead(leadership) as unit:
        fresh = {row.id: row for row in unit.deployments.by_ids([row.id for row in rows])}
        by_token = dict(zip([spec.token for spec in specs], answers, strict=True))
        for row in rows:
            now = fresh[row.id]
            if now.state is State.STARTING and now.generation == row.generation:
                moved += apply(unit, now, [by_token[token] for token in engines.tokens(row)])
    return moved


def _load(units: Units, engines: Engines, cluster: ClusterRow) -> tuple[list[DeploymentRow], list[Spec]]:
    with units.look() as unit:
        rows = unit.deployments.in_states({State.STARTING}, cluster.id)
        places = unit.runs.allocations_of([row.id for row in rows])
        nodes = {node.id: node for node in unit.clusters.nodes_of(cluster.id)}
        owners = {row.owner_id: unit.accounts.by_id(row.owner_id) for row in rows}
    by_id = {row.id: row for row in rows}
    specs = []
    for place in places:
        row = by_id[place.deployment_id]
        owner = owners[row.owner_id]
        by_operator = owner is not None and owner.operator
        specs.append(engines.spec(row, place, nodes[place.node_id], by_operator=by_operator))
    return rows, specs


def _ask(engines: Engines, cluster: ClusterRow, specs: Sequence[Spec]) -> list[Answer]:
    try:
        return list(ensure_each(engines.driver(cluster), specs))
    except BursarError as error:  # the engine as a whole does not answer: each start asks again
        return [error] * len(specs)


def apply(unit: Unit, row: DeploymentRow, answers: list[Answer]) -> bool:
    """What the engine said of all replicas of one start; True where the deployment moved."""
    errors = [answer for answer in answers if isinstance(answer, BursarError)]
    seen = [answer for answer in answers if isinstance(answer, Observed)]
    errors += [_as_error(found) for found in seen if found.phase in (Phase.FAILED, Phase.GONE)]
    if errors:
        return _refused(unit, row, errors[0])
    if any(found.phase is Phase.STARTING for found in seen):
        return False
    if all(found.phase is Phase.FINISHED for found in seen):
        started = max(found.started_at or found.finished_at or unit.now for found in seen)
        finished(unit, saw_running(unit, row, started), seen)
        return True
    saw_running(unit, row, max(found.started_at or unit.now for found in seen))
    return True


def _as_error(found: Observed) -> BursarError:
    if found.phase is Phase.GONE:
        return trouble(Trouble.ENGINE_FAULT, found.message or "it vanished while it was starting")
    code = found.error if found.error in list(Trouble) else Trouble.ENGINE_FAULT
    return trouble(Trouble(str(code)), found.message or "the engine could not run it")


def _refused(unit: Unit, row: DeploymentRow, error: BursarError) -> bool:
    """What the engine's refusal asks for: again, back to the queue, a person, or the end."""
    rule = rule_of(error)
    attempts = row.attempts + 1
    bounded = error.code == Trouble.IMAGE_MISSING and attempts >= MOST_ATTEMPTS
    if rule.remedy is Remedy.GIVE_UP or bounded:
        moved = move(unit, row, Trigger.SEEN_FAILED, reason=f"{error.code}: {error.message}")
        settlement.end_run(
            unit, moved, ended_at=unit.now, cause=RefundCause.ENGINE_FAILED, event=f"{row.handle}:{error.code}"
        )
        return True
    if rule.remedy is Remedy.REQUEUE or (error.code == Trouble.IMAGE_MISSING and not rule.effect_unknown):
        return _back_to_queue(unit, row, error, attempts)
    if row.reason != error.message:  # said once, not at every tick
        unit.deployments.change(row.id, reason=error.message)
        unit.record("deployment.delayed", row.handle, after={"reason": error.message}, org_id=row.org_id)
    return False


def _back_to_queue(unit: Unit, row: DeploymentRow, error: BursarError, attempts: int) -> bool:
    """The engine has no room after all: the place is given back, the hold is kept, and it waits a little."""
    pause = min(_LONGEST_PAUSE, _SHORTEST_PAUSE << min(attempts - 1, 10))
    move(unit, row, Trigger.REQUEUE, reason=error.message, attempts=attempts, not_before=unit.now + pause)
    unit.runs.give_back(row.id, unit.now)
    return True
