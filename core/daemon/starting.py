"""Carries intents to start to the engines: adopt or create, then believe only what was observed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from core.clock import MINUTE, SECOND
from core.daemon import showing
from core.daemon.ground import Ground
from core.daemon.outcomes import Outcomes, pause_after
from core.daemon.troubles import OF_THE_ENGINE
from core.domain.engines import Observed, Phase, Remedy, Spec, Token, Trouble, rule_of, trouble
from core.domain.errors import BursarError
from core.domain.lifecycle import State, StopCause, Trigger
from core.store.moves import move
from core.store.repositories.clusters import ClusterRow
from core.store.repositories.deployments import DeploymentRow
from core.store.units import Unit

MOST_ATTEMPTS = 3
# So many are asked for, noted, and only then the next: what waits to write meanwhile waits no longer than that.
_AT_ONCE = 200
_FIRST_PAUSE, _LAST_PAUSE = SECOND, MINUTE

Answer = Observed | BursarError


@dataclass(slots=True)
class Asked:
    """Which starts have been asked for, so that one that is under way is not asked for at each pass."""

    _again_at: dict[tuple[str, int], int | None] = field(default_factory=dict)
    _failures: dict[tuple[str, int], int] = field(default_factory=dict)

    def wants(self, row: DeploymentRow, now: int, missing: Collection[str]) -> bool:
        key = (row.id, row.generation)
        if key not in self._again_at or row.id in missing:
            return True
        again_at = self._again_at[key]
        return again_at is not None and now >= again_at

    def note(self, row: DeploymentRow, now: int, *, failed: bool) -> None:
        key = (row.id, row.generation)
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + failed
        self._again_at[key] = now + min(_LAST_PAUSE, _FIRST_PAUSE << min(failures, 10)) if failed else None

    def next_at(self) -> int | None:
        return min((at for at in self._again_at.values() if at is not None), default=None)

    def keep(self, rows: Sequence[DeploymentRow]) -> None:
        """Forget what does not start any more."""
        alive = {(row.id, row.generation) for row in rows}
        for key in self._again_at.keys() - alive:
            del self._again_at[key], self._failures[key]


def start_pending(
    ground: Ground, cluster: ClusterRow, asked: Asked, shown: showing.Shown, missing: Collection[str] = ()
) -> tuple[int, BursarError | None]:
    """Ask the engine for everything that shall start there; how many moved on, and what is wrong with the engine."""
    with ground.units.look() as unit:
        starting = unit.deployments.in_states({State.STARTING}, cluster.id)
        now = unit.now
    asked.keep(starting)
    wanted = [row for row in starting if asked.wants(row, now, missing)]
    parts = [wanted[first : first + _AT_ONCE] for first in range(0, len(wanted), _AT_ONCE)]
    moved, ahead = 0, _ask(ground, cluster, parts[0]) if parts else None
    for part, following in zip_longest(parts, parts[1:]):
        if ahead is None:
            break
        answers = ahead()
        # The engine works on the next while what it has answered is noted.
        wrong = _what_is_wrong(answers)
        ahead = _ask(ground, cluster, following, at_once=True) if following is not None and wrong is None else None
        moved += _note(ground, asked, shown, part, answers)
        if wrong is not None:
            return moved, wrong
    return moved, None


def _ask(
    ground: Ground, cluster: ClusterRow, rows: list[DeploymentRow], *, at_once: bool = False
) -> Callable[[], dict[Token, Answer]] | None:
    """Ask for these when the answers are called for, or at once by another thread; None where this process may not."""
    if not ground.may_act():
        return None
    specs, engine = _specs(ground, cluster, rows), ground.engines.of(cluster)
    answers = engine.begin_ensure(specs) if at_once else lambda: engine.ensure_each(specs)
    return lambda: dict(zip([spec.token for spec in specs], answers(), strict=True))


def _what_is_wrong(answers: Mapping[Token, Answer]) -> BursarError | None:
    """With the engine as a whole, not with one of the starts."""
    errors = [answer for answer in answers.values() if isinstance(answer, BursarError)]
    return next((error for error in errors if error.code in OF_THE_ENGINE), None)


def _note(
    ground: Ground, asked: Asked, shown: showing.Shown, rows: list[DeploymentRow], answers: Mapping[Token, Answer]
) -> int:
    news = shown.news(answer for answer in answers.values() if isinstance(answer, Observed))
    moved = 0
    with ground.units.lead(ground.leadership) as unit:
        fresh = {row.id: row for row in unit.deployments.by_ids([row.id for row in rows])}
        outcomes = Outcomes(unit)
        for row in rows:
            of_row = [answers[token] for token in ground.engines.tokens(row) if token in answers]
            asked.note(row, unit.now, failed=any(isinstance(answer, BursarError) for answer in of_row))
            now = fresh[row.id]
            if now.state is State.STARTING and now.generation == row.generation and len(of_row) == row.replicas:
                moved += apply(outcomes, now, of_row)
        outcomes.write()
        showing.write(unit, news, fresh.values())
    shown.keep(news)
    return moved


def _specs(ground: Ground, cluster: ClusterRow, rows: list[DeploymentRow]) -> list[Spec]:
    with ground.units.look() as unit:
        places = unit.runs.allocations_of([row.id for row in rows])
        nodes = {node.id: node for node in unit.clusters.nodes_of(cluster.id)}
        owners = {owner_id: unit.accounts.by_id(owner_id) for owner_id in {row.owner_id for row in rows}}
    by_id = {row.id: row for row in rows}
    specs = []
    for place in places:
        row = by_id[place.deployment_id]
        owner = owners[row.owner_id]
        by_operator = owner is not None and owner.operator
        specs.append(ground.engines.spec(row, place, nodes[place.node_id], by_operator=by_operator))
    return specs


def apply(outcomes: Outcomes, row: DeploymentRow, answers: list[Answer]) -> bool:
    """What the engine said of all replicas of one start; True where the deployment moves."""
    unit = outcomes.unit
    errors = [answer for answer in answers if isinstance(answer, BursarError)]
    seen = [answer for answer in answers if isinstance(answer, Observed)]
    errors += [_as_error(found) for found in seen if found.phase in (Phase.FAILED, Phase.GONE)]
    if errors:
        return _refused(outcomes, row, errors[0], some_live=any(found.is_live for found in seen))
    if any(found.phase is Phase.STARTING for found in seen):
        _note_progress(unit, row, seen)
        return False
    if all(found.phase is Phase.FINISHED for found in seen):
        started = max(found.started_at or found.finished_at or unit.now for found in seen)
        outcomes.ran(row, started, seen)
        return True
    outcomes.running(row, max(found.started_at or unit.now for found in seen))
    return True


def _note_progress(unit: Unit, row: DeploymentRow, seen: list[Observed]) -> None:
    """How far its start has come, such as a pull: shown while it lasts, and no event worth keeping."""
    said = next((found.message for found in seen if found.phase is Phase.STARTING and found.message), None)
    if said is not None and said != row.reason:
        unit.deployments.change(row.id, reason=said)


def _as_error(found: Observed) -> BursarError:
    if found.phase is Phase.GONE:
        return trouble(Trouble.ENGINE_FAULT, found.message or "it vanished while it was starting")
    code = found.error if found.error in list(Trouble) else Trouble.ENGINE_FAULT
    return trouble(Trouble(str(code)), found.message or "the engine could not run it")


def _refused(outcomes: Outcomes, row: DeploymentRow, error: BursarError, *, some_live: bool) -> bool:
    """What the engine's refusal asks for: again, back to the queue, a person, or the end."""
    unit, rule = outcomes.unit, rule_of(error)
    attempts = row.attempts + 1
    bounded = error.code == Trouble.IMAGE_MISSING and attempts >= MOST_ATTEMPTS
    if rule.remedy is Remedy.GIVE_UP or bounded:
        outcomes.refused(row, error.code, error.message)
        return True
    if rule.remedy is Remedy.REQUEUE or (error.code == Trouble.IMAGE_MISSING and not rule.effect_unknown):
        return _back_to_queue(unit, row, error, attempts, some_live=some_live)
    if row.reason != error.message:  # said once, not at every tick
        unit.deployments.change(row.id, reason=error.message)
        unit.record("deployment.delayed", row.handle, after={"reason": error.message}, org_id=row.org_id)
    return False


def _back_to_queue(unit: Unit, row: DeploymentRow, error: BursarError, attempts: int, *, some_live: bool) -> bool:
    """The engine has no room after all: the place is given back, the hold is kept, and it waits a little.

    Of a gang some may live already: they are stopped first, and the place is kept until they are gone.
    """
    waits: dict[str, Any] = {"attempts": attempts, "not_before": unit.now + pause_after(attempts)}
    if some_live:
        move(unit, row, Trigger.STOP, reason=error.message, stop_cause=StopCause.PREEMPTED, stop_by=unit.now, **waits)
    else:
        move(unit, row, Trigger.REQUEUE, reason=error.message, **waits)
        unit.runs.give_back([row.id], unit.now)
    unit.clusters.touch(row.cluster_id)
    return True
