"""The daemon itself: seeks to lead, and while it leads does round after round of its jobs."""

from __future__ import annotations

from core.daemon import metering, planning, starting, stopping, watching
from core.daemon.engines import Engines
from core.domain.engines import Registry
from core.domain.errors import BursarError
from core.ids import Ids
from core.scheduler import Policy
from core.scheduler.values import Claim
from core.settings import Settings
from core.store.installation import identity
from core.store.leases import Leadership
from core.store.queries.policy import policy_for
from core.store.repositories.clusters import ClusterRow
from core.store.units import Units
from core.views.operations import RoundDone

_MOST_ROUNDS = 1_000


class Daemon:
    def __init__(self, units: Units, settings: Settings, registry: Registry, ids: Ids) -> None:
        self._units = units
        self._settings = settings
        self._engines = Engines(registry, identity(units.database, ids, units.now()))
        lifetime = settings.daemon.lease_ms * 1000
        self._leadership = Leadership(units.database, f"daemon-{ids.new()[-12:]}", lifetime)
        self._policy = Policy()
        self._foreign: dict[str, tuple[Claim, ...]] = {}
        self._troubles: dict[str, BursarError] = {}

    def lead(self) -> bool:
        """Lead if nobody else does, and go on leading; True while this process may act."""
        return self._leadership.seek(self._units.now())

    def once(self) -> RoundDone:
        """Round after round until nothing more can be done now."""
        if not self.lead():
            return RoundDone(leading=False, rounds=0, moved=0, troubles=())
        rounds = moved = 0
        try:
            while rounds < _MOST_ROUNDS:
                rounds += 1
                in_this_round = self.round()
                moved += in_this_round
                if not in_this_round:
                    break
        except BaseException:
            self._leadership.let_go()
            raise
        self._leadership.resign()
        return RoundDone(True, rounds, moved, tuple(f"{name}: {e.message}" for name, e in self._troubles.items()))

    def round(self) -> int:
        """Look, then decide, then act: what a look has freed can be given away in the same round."""
        with self._units.look() as unit:
            clusters = unit.clusters.all()
            self._policy = policy_for(unit, self._settings)
        moved = metering.stop_overdue(self._units, self._leadership, self._settings.scheduling.kill_wait_ms * 1000)
        self._troubles.clear()
        for cluster in clusters:
            moved += self._serve(cluster)
        metering.post_use(self._units, self._leadership)
        return moved

    def _serve(self, cluster: ClusterRow) -> int:
        moved = self._look_at(cluster)
        foreign = self._foreign.get(cluster.id, ())
        decided = planning.plan_cluster(self._units, self._leadership, cluster, self._policy, foreign)
        moved += len(decided.starts) + len(decided.preempts) + len(decided.dooms)
        moved += starting.start_pending(self._units, self._leadership, self._engines, cluster)
        asked, troubles = stopping.stop_pending(self._units, self._engines, cluster)
        for error in troubles:
            self._troubles[cluster.name] = error
        if asked:
            moved += self._look_at(cluster)  # many end as soon as they are told to
        return moved

    def _look_at(self, cluster: ClusterRow) -> int:
        look = watching.look_at(self._units, self._leadership, self._engines, cluster)
        if look.error is not None:
            self._troubles[cluster.name] = look.error
        else:
            self._foreign[cluster.id] = look.foreign
        return look.moved

    def close(self) -> None:
        self._leadership.let_go()
        self._engines.close()
