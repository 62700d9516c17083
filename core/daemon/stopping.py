"""Asks the engines to end what is being stopped, again and again until its absence is proved."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from core.clock import SECOND
from core.daemon.ground import Ground
from core.daemon.troubles import OF_THE_ENGINE
from core.domain.engines import Token
from core.domain.errors import BursarError
from core.domain.lifecycle import State
from core.store.repositories.clusters import ClusterRow
from core.store.repositories.deployments import DeploymentRow

_AGAIN_AFTER = 10 * SECOND


@dataclass(slots=True)
class AskedToStop:
    """Which stops have been asked for: again only when the grace has changed or is over, or nothing came of it."""

    _last: dict[str, tuple[int | None, int]] = field(default_factory=dict)

    def wants(self, row: DeploymentRow, now: int) -> bool:
        grace, at = self._last.get(row.id, (None, 0))
        if row.id not in self._last or grace != row.stop_by:
            return True
        over = row.stop_by is not None and at < row.stop_by <= now
        return over or now >= at + _AGAIN_AFTER

    def note(self, row: DeploymentRow, now: int) -> None:
        self._last[row.id] = (row.stop_by, now)

    def keep(self, rows: list[DeploymentRow]) -> None:
        for known in self._last.keys() - {row.id for row in rows}:
            del self._last[known]


def stop_pending(ground: Ground, cluster: ClusterRow, asked: AskedToStop) -> tuple[int, BursarError | None]:
    """How many were asked, and what is wrong with the engine. Nothing is written: only a later look proves an end."""
    with ground.units.look() as unit:
        rows = unit.deployments.in_states({State.STOPPING}, cluster.id)
        now = unit.now
    asked.keep(rows)
    done = 0
    engine = ground.engines.of(cluster)
    for row in rows:
        if not asked.wants(row, now) or not ground.may_act():
            continue
        asked.note(row, now)
        grace_s = max(0, (row.stop_by or now) - now) / SECOND
        for token in ground.engines.tokens(row):
            try:
                engine.stop(token, grace_s)
            except BursarError as error:
                if error.code in OF_THE_ENGINE:
                    return done, error
        done += 1
    return done, None


def end_widows(ground: Ground, cluster: ClusterRow, tokens: Sequence[Token]) -> None:
    """Members of a gang that cannot be whole any more; that they are gone is seen by the next look."""
    kill_wait_s = ground.settings.scheduling.kill_wait_ms * 1000 / SECOND
    for token in tokens:
        if not ground.may_act():
            return
        with suppress(BursarError):  # it is asked again after the next look
            ground.engines.of(cluster).stop(token, kill_wait_s)
