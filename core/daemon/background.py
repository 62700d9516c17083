"""The daemon itself: seeks to lead, and while it leads does round after round of its jobs."""

from __future__ import annotations

import platform
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from core.clock import HOUR
from core.daemon import backups, reconciling, setting, sweeping
from core.daemon.engines import Engines
from core.daemon.ground import Ground
from core.daemon.runner import Runner
from core.daemon.tending import Tender
from core.daemon.timekeeping import Timekeeper
from core.domain.engines import Registry
from core.domain.errors import Conflict
from core.domain.resources import format_duration
from core.domain.roles import Caller
from core.ids import Ids
from core.settings import Settings
from core.store import leases, led_with
from core.store.installation import identity
from core.store.leases import Leadership
from core.store.units import Units
from core.views.background import CleanupReport, ReconcileReport
from core.views.operations import RoundDone

T = TypeVar("T")

_MOST_ROUNDS = 1_000


class Daemon:
    def __init__(self, units: Units, settings: Settings, registry: Registry, ids: Ids) -> None:
        engines = Engines(
            registry, identity(units.database, ids, units.now()), settings.daemon.driver_deadline_ms / 1000
        )
        leadership = Leadership(
            units.database, f"{platform.node() or 'daemon'}-{ids.new()[-8:]}", settings.daemon.lease_ms * 1000
        )
        self._ground = Ground(units, leadership, engines, settings)
        self._tenders: dict[str, Tender] = {}
        self._timekeeper = Timekeeper(self._ground)
        self._rests = False

    @property
    def ground(self) -> Ground:
        return self._ground

    @property
    def leads(self) -> bool:
        """Whether this process leads, as far as it knows."""
        return self._ground.leadership.epoch is not None

    def run(self, stop: threading.Event, *, embedded: bool = False) -> None:
        """Serve until `stop` is set: as the leader, or standing by for when the leader is gone.

        One that is embedded in a console leads while nobody else is there, and gives way to one that is.
        """
        Runner(self, embedded=embedded).run(stop)

    def lead(self) -> bool:
        """Lead if nobody else does, and go on leading; True while this process may act."""
        led = self._ground.leadership.epoch
        leads = self._ground.leadership.seek(self._ground.units.now())
        if leads and self._ground.leadership.epoch != led:
            self._begin_anew()
            setting.follow(self._ground)
            self._tell_settings()
        return leads

    def _tell_settings(self) -> None:
        """They are read once, at the start: whoever has changed them since is told by the doctor."""
        leadership = self._ground.leadership
        with self._ground.units.set_right(leadership) as unit:
            assert leadership.epoch is not None, "the unit proves that"
            led_with.tell(unit.connection, leadership.epoch, self._ground.settings.of_the_background())

    def _begin_anew(self) -> None:
        """What is in memory of the store, and of when things are due, may not be so any more."""
        self._tenders = {key: tender.anew() for key, tender in self._tenders.items()}
        self._timekeeper.forget()

    def _follow_the_clock(self) -> None:
        if setting.follow(self._ground):
            self._begin_anew()

    def renew(self) -> bool:
        return self._ground.leadership.renew(self._ground.units.now())

    def resign(self) -> None:
        self._ground.leadership.resign()

    def keep_time(self, *, only_due: bool) -> int:
        """What time alone brings."""
        self._follow_the_clock()
        self._rests = self._in_quarantine()
        if self._rests:
            return 0
        moved = self._timekeeper.keep(only_due=only_due)
        self._note_paid(self._timekeeper.post_use(only_due=only_due))
        return moved

    def hurry(self) -> None:
        self._timekeeper.hurry()

    def sweep(self) -> int:
        """Clear away what has been kept for long enough."""
        if self._in_quarantine():
            return 0
        swept = sweeping.sweep(self._ground, apply=True)
        return len(swept.tombstones) + len(swept.instances) + swept.events + swept.answers + swept.sessions

    def back_up(self) -> int:
        """Copy the store if that is due."""
        return backups.back_up(self._ground)

    def cleanup(self, *, apply: bool) -> CleanupReport:
        """What has been kept for long enough; with `apply` it goes, if this process may lead."""
        return self._as_leader(lambda: sweeping.sweep(self._ground, apply=apply), needed=apply)

    def reconcile(self, by: Caller | None = None) -> ReconcileReport:
        """How store and engines agree. In the name of who asks for it leaks are stopped, whoever leads."""
        if by is not None:
            self._refuse_in_quarantine()
        return replace(reconciling.reconcile(self._ground, by), in_quarantine=self._in_quarantine())

    def _as_leader(self, work: Callable[[], T], *, needed: bool) -> T:
        if not needed:
            return work()
        self._refuse_in_quarantine()
        if not self.lead():
            every = format_duration(self._ground.settings.daemon.sweep_every_ms)
            message = f"another process leads, and clears away by itself every {every}"
            raise Conflict("another_leads", message, "look again then: bursar cleanup")
        try:
            return work()
        finally:
            self.resign()

    def _refuse_in_quarantine(self) -> None:
        if self._in_quarantine():
            hint = "bursar reconcile shows it; bursar reconcile --end-quarantine lets the daemon work again"
            raise Conflict("in_quarantine", "the store came back from a backup and nobody has looked yet", hint)

    def _in_quarantine(self) -> bool:
        with self._ground.units.look() as unit:
            return leases.in_quarantine(unit.connection)

    def time_at(self) -> int:
        if self._rests:
            return self._ground.units.now() + HOUR  # the end of a quarantine is told
        return self._timekeeper.next_at()

    def once(self) -> RoundDone:
        """Round after round until nothing more can be done now."""
        if not self.lead():
            return RoundDone(leading=False, rounds=0, moved=0, troubles=())
        rounds = moved = 0
        try:
            while rounds < _MOST_ROUNDS and self._still_leads():
                rounds += 1
                in_this_round = self.round()
                moved += in_this_round
                if not in_this_round and self._is_sure():
                    break
        except BaseException:
            self._ground.leadership.let_go()
            raise
        self._ground.leadership.resign()
        return RoundDone(True, rounds, moved, self.troubles())

    def _is_sure(self) -> bool:
        """Else the round took longer than the lease lasts, and may have left work undone for that alone."""
        return self._ground.leadership.is_sure(self._ground.units.now())

    def _still_leads(self) -> bool:
        """Many rounds may take longer than a lease lasts: it is renewed when half of it is over."""
        now, half = self._ground.units.now(), self._ground.settings.daemon.lease_ms * 500
        return self._ground.leadership.is_sure(now + half) or self.renew()

    def round(self) -> int:
        """What time alone brings, then each cluster: a look, a decision, and what was decided."""
        self._follow_the_clock()
        if self._in_quarantine():
            return 0
        moved = self._timekeeper.keep()
        for tender in self.tenders():
            moved += tender.tend()
        self._note_paid(self._timekeeper.post_use())
        return moved

    def _note_paid(self, deployment_ids: set[str]) -> None:
        for tender in self._tenders.values():
            tender.board.also(deployment_ids)

    def tenders(self) -> list[Tender]:
        """One for each cluster that there is, in the order of their names; in quarantine no engine is touched."""
        with self._ground.units.look() as unit:
            clusters = [] if leases.in_quarantine(unit.connection) else unit.clusters.all()
        for gone in self._tenders.keys() - {cluster.id for cluster in clusters}:
            del self._tenders[gone]
        for cluster in clusters:
            if cluster.id not in self._tenders:
                self._tenders[cluster.id] = Tender(self._ground, cluster.id, cluster.name)
        return [self._tenders[cluster.id] for cluster in clusters]

    def troubles(self) -> tuple[str, ...]:
        """What is wrong with engines now."""
        errors = [(tender.name, tender.standing.error) for tender in self._tenders.values()]
        return tuple(f"{name}: {error.message}" for name, error in errors if error is not None)

    def close(self) -> None:
        self._ground.leadership.let_go()
        self._ground.engines.close()
