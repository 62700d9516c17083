"""Tends one cluster: looks at its engine, plans, starts and stops, and says when it wants to be asked again.

Each cluster has a tender of its own, so that one whose engine hangs delays no other.
"""

from __future__ import annotations

from core.clock import SECOND
from core.daemon import away, leaks, pacing, planning, showing, starting, stopping, watching
from core.daemon.boards import KeptBoard
from core.daemon.foretelling import Foreteller
from core.daemon.ground import Ground
from core.daemon.troubles import Standing
from core.domain.engines import Token
from core.domain.errors import BursarError
from core.domain.lifecycle import State
from core.scheduler.values import Claim
from core.store.queries import instants
from core.store.repositories.clusters import ClusterRow

# What lives is looked at the more rarely, the longer nothing has moved.
_SHORTEST_PAUSE, _LONGEST_PAUSE, _PAUSE_SHARE = SECOND // 20, 5 * SECOND, 8


class Tender:
    def __init__(self, ground: Ground, cluster_id: str, name: str) -> None:
        self._ground = ground
        self.name = name
        self.cluster_id = cluster_id
        self.board = KeptBoard()
        self.standing = Standing()
        self.foreign: tuple[Claim, ...] = ()
        self._missing: frozenset[str] = frozenset()
        self._unlike: tuple[tuple[Token, State], ...] = ()
        self._leaks = leaks.Sightings()
        self._asked = starting.Asked()
        self._shown = showing.Shown()
        self._asked_to_stop = stopping.AskedToStop()
        self._asked_to_pace = pacing.AskedToPace()
        self._foreteller = Foreteller()
        self._still: set[str] | None = None
        self._unsure: tuple[tuple[Token, State], ...] = ()
        self._look_at = 0
        self._moved_at = 0
        self._moves = True  # or did so in the last pass; at first nobody knows
        self._plan_at = 0

    def anew(self) -> Tender:
        """For a new lead, or by a clock that was set: what was seen of the engine alone is still sure."""
        made = Tender(self._ground, self.cluster_id, self.name)
        self.standing.rest_at_most(self._now())
        made.standing, made._leaks = self.standing, self._leaks
        return made

    def tend(self, *, now_or_later: bool = False) -> int:
        """One pass; returns how much moved. With `now_or_later` the engine is asked only when its time has come."""
        if self.standing.is_resting(self._now()) or not self._ground.may_act():
            return 0
        cluster = self._cluster()
        if cluster is None:
            return 0
        moved = 0
        told = self._is_told_to_pace()
        if told or not now_or_later or self._now() >= self._look_at:
            moved += self._look(cluster)
            if self.standing.error is not None:
                return moved  # blind: nothing is started where nothing is seen
        in_haste = self._moves or moved > 0
        planned = planning.plan_cluster(self._ground, cluster, self.board, self.foreign, in_haste=in_haste)
        moved += planned
        started, error = starting.start_pending(self._ground, cluster, self._asked, self._shown, self._missing)
        moved += started
        self._missing = frozenset()
        asked, stop_error = stopping.stop_pending(self._ground, cluster, self._asked_to_stop)
        paced, pace_error = self._asked_to_pace.ask(self._ground, cluster, (*self._unlike, *self._unsure))
        self._unsure = ()
        asked, error = asked + paced, error or stop_error or pace_error
        if error is not None:
            self._trouble(cluster, error)
        elif asked:
            moved += self._look(cluster)  # many end as soon as they are told to
        if not planned:  # else the board is about to change
            self._foreteller.tell(self._ground, cluster, self.board.latest)
        self._plan_next(cluster, moved + asked)  # what was asked to stop is about to end
        return moved

    def _is_told_to_pace(self) -> bool:
        """Whether people have suspended or resumed something since it was last asked: they wait to see it happen."""
        with self._ground.units.look() as unit:
            rows = unit.deployments.in_states({State.SUSPENDED}, self.cluster_id)
        still, before = {row.id for row in rows}, self._still
        if before is None:  # whoever led before may have died half way through: they are asked once more
            tokens = [token for row in rows for token in self._ground.engines.tokens(row)]
            self._unsure = tuple((token, State.SUSPENDED) for token in tokens)
        self._still = still
        return still != (before or set())

    def _look(self, cluster: ClusterRow) -> int:
        try:
            seen = self._ground.engines.of(cluster).observe(self._ground.engines.install)
        except BursarError as error:
            self._trouble(cluster, error)
            return 0  # proves nothing: everything stays as it was last seen
        if self.standing.mended():
            self._record(cluster, "cluster.mended", {})
        away.note_nodes(self._ground, cluster, seen)
        look = watching.judge(self._ground, cluster, seen, self._shown)
        self.foreign, self._missing, self._unlike = look.foreign, look.missing, look.unlike
        stopping.end_widows(self._ground, cluster, look.widows)
        return look.moved + leaks.reap(self._ground, cluster, look.strays, self._leaks)

    def _trouble(self, cluster: ClusterRow, error: BursarError) -> None:
        if self.standing.failed(error, self._now()):
            self._record(cluster, "cluster.trouble", {"code": error.code, "reason": error.message})

    def _record(self, cluster: ClusterRow, verb: str, facts: dict[str, object]) -> None:
        with self._ground.units.lead(self._ground.leadership) as unit:
            unit.record(verb, cluster.handle, after=facts, org_id=cluster.org_id)

    def _plan_next(self, cluster: ClusterRow, moved: int) -> None:
        now = self._now()
        self._moves = moved > 0
        if moved:
            self._moved_at = now
        with self._ground.units.look() as unit:
            outlook = instants.of_cluster(unit.connection, cluster.id, now)
        regular = now + self._ground.settings.daemon.reconcile_every_ms * 1000
        pause = min(_LONGEST_PAUSE, max(_SHORTEST_PAUSE, (now - self._moved_at) // _PAUSE_SHARE))
        self._look_at = min(regular, now + pause) if outlook.holding else regular
        wanted = [outlook.next_at, self._asked.next_at(), self.board.ripens_at(now)]
        self._plan_at = min([regular, *(instant for instant in wanted if instant is not None)])

    def next_at(self) -> int:
        """When it wants to be asked again, if nothing is told meanwhile."""
        if self.standing.error is not None:
            return self.standing.again_at
        return min(self._look_at, self._plan_at)

    def _cluster(self) -> ClusterRow | None:
        with self._ground.units.look() as unit:
            row = unit.clusters.by_id(self.cluster_id)
        return row if row is not None and row.deleted_at is None else None

    def _now(self) -> int:
        return self._ground.units.now()
