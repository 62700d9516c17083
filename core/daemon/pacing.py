"""How a run lives on: suspended or not, awake or with its host asleep. What the engine shows decides what is paid.

The state says what people want; the engine is asked until it shows that, and only then the price follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.clock import SECOND
from core.daemon.ground import Ground
from core.daemon.troubles import OF_THE_ENGINE
from core.domain.engines import Observed, Phase, Token
from core.domain.errors import BursarError
from core.domain.lifecycle import State
from core.ledger.meter import share_in
from core.store import settlement
from core.store.repositories.clusters import ClusterRow
from core.store.repositories.deployments import DeploymentRow
from core.store.repositories.runs import RunRow
from core.store.units import Unit

_AGAIN_AFTER = 10 * SECOND
# Two clocks are never read at the same instant: less than this is no sleep.
_SHORTEST_SLEEP = SECOND


def is_paced(row: DeploymentRow, run: RunRow | None, present: Sequence[Observed]) -> bool:
    """Whether what is paid is what is shown, and what is shown is what is wanted."""
    if run is None:
        return False
    share = run.segments[-1].share
    return not _slept(run, present) and not unlike(row, present) and share == share_in(_shown(present), run.rate)


def is_plain(present: Sequence[Observed]) -> bool:
    """It runs, and its host never slept: so it is with nearly all of them, at each look."""
    return all(one.phase is Phase.RUNNING and not one.asleep_ms for one in present)


def pace(unit: Unit, run: RunRow, present: Sequence[Observed], at: int) -> RunRow:
    """Write down what the engine has shown: how long its host slept, and whether it stands still from now on."""
    slept = _slept(run, present)
    if slept:
        settlement.leave_out(unit, run, max(run.started_at, at - slept), at)
        run = unit.runs.open_of(run.deployment_id) or run
    shown = _shown(present)
    if any(one.is_live for one in present) and run.segments[-1].share != share_in(shown, run.rate):
        settlement.change_share(unit, run, shown, at)
    return run


def unlike(row: DeploymentRow, present: Sequence[Observed]) -> list[tuple[Token, State]]:
    """What the engine must still be asked for, and which state that is to bring about."""
    wrong = {State.SUSPENDED: Phase.RUNNING, State.RUNNING: Phase.SUSPENDED}.get(row.state)
    return [(one.token, row.state) for one in present if one.phase is wrong and one.token is not None]


def _shown(present: Sequence[Observed]) -> State:
    """A gang stands still once all of it does."""
    still = all(one.phase is Phase.SUSPENDED for one in present)
    return State.SUSPENDED if still else State.RUNNING


def _slept(run: RunRow, present: Sequence[Observed]) -> int:
    """How much longer its host has slept than is written down."""
    slept = max((one.asleep_ms for one in present), default=0) * 1000 - run.line.gaps_us
    return slept if slept >= _SHORTEST_SLEEP else 0


@dataclass(slots=True)
class AskedToPace:
    """What an engine has been asked for, so that it is not asked at each look."""

    _last: dict[tuple[Token, State], int] = field(default_factory=dict)

    def ask(
        self, ground: Ground, cluster: ClusterRow, wanted: Sequence[tuple[Token, State]]
    ) -> tuple[int, BursarError | None]:
        """How many were asked for, and what is wrong with the engine. Only a later look proves that it was done."""
        now = ground.units.now()
        self._last = {one: at for one, at in self._last.items() if one in wanted}
        engine = ground.engines.of(cluster)
        asked = 0
        for one in wanted:
            if now < self._last.get(one, -_AGAIN_AFTER) + _AGAIN_AFTER or not ground.may_act():
                continue
            self._last[one] = now
            token, state = one
            try:
                (engine.suspend if state is State.SUSPENDED else engine.resume)(token)
            except BursarError as error:
                if error.code in OF_THE_ENGINE:
                    return asked, error
                continue  # it has just ended, or cannot: the next look tells
            asked += 1
        return asked, None
