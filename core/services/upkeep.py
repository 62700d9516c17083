"""The background side as operators ask for it: how it is doing, how engines and store agree, what is old.

The work itself is the daemon's; it is handed in as a port, since use cases and daemon are siblings.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from core.domain.errors import Conflict
from core.domain.roles import Caller, Permission, require
from core.services.usecase import composed, reads, writes
from core.settings import Settings
from core.store import leases
from core.store.queries import health
from core.store.units import Unit, Units
from core.views.background import CleanupReport, DaemonHealth, ReconcileReport
from core.views.people import Done

if TYPE_CHECKING:
    from collections.abc import Iterator


class Background(Protocol):
    """What is asked of a daemon that is made for one question and ends with it."""

    def reconcile(self, by: Caller | None = None) -> ReconcileReport: ...
    def cleanup(self, *, apply: bool) -> CleanupReport: ...
    def close(self) -> None: ...


class Upkeep:
    def __init__(self, units: Units, settings: Settings, background: Callable[[], Background]) -> None:
        self.units = units
        self._settings = settings
        self._background = background

    @reads(Permission.HEALTH)
    def health(self, unit: Unit) -> DaemonHealth:
        """Whether somebody leads, for whoever asks (a container's health check has no account); to operators also who
        it is, and what troubles them."""
        settings = self._settings
        found = health.of_daemon(unit.connection, unit.now, settings.daemon.lease_ms, settings.of_the_background())
        return found if unit.me.operator else replace(found, leader=None, troubles=(), other_settings=())

    @composed(Permission.DAEMON_RUN)
    def reconcile(self, caller: Caller, *, apply: bool) -> ReconcileReport:
        """Engines and store side by side. With `apply`, what bears our token and nobody knows is stopped."""
        with self._asked_by(caller) as background:
            return background.reconcile(caller if apply else None)

    @writes(Permission.DAEMON_RUN)
    def end_quarantine(self, unit: Unit) -> Done:
        """Let the background side work on a store that came back from a backup."""
        if not leases.end_quarantine(unit.connection):
            raise Conflict("no_quarantine", "there is no quarantine", None)
        unit.record("store.end_quarantine", "store")
        return Done("the quarantine is over: the daemon works again")

    @composed(Permission.DAEMON_RUN)
    def cleanup(self, caller: Caller, *, apply: bool) -> CleanupReport:
        """What has been kept for long enough. With `apply` it goes."""
        with self._asked_by(caller) as background:
            return background.cleanup(apply=apply)

    @contextmanager
    def _asked_by(self, caller: Caller) -> Iterator[Background]:
        with self.units.read(caller) as unit:
            require(unit.me, Permission.DAEMON_RUN)
        background = self._background()
        try:
            yield background
        finally:
            background.close()
