"""What every part of the daemon stands on: the store, the proof that it leads, the engines, the numbers."""

from __future__ import annotations

from dataclasses import dataclass

from core.daemon.engines import Engines
from core.settings import Settings
from core.store.leases import Leadership
from core.store.units import Units


@dataclass(frozen=True, slots=True)
class Ground:
    units: Units
    leadership: Leadership
    engines: Engines
    settings: Settings

    def may_act(self) -> bool:
        """Asked before an engine is called: those calls cannot be fenced, so they are left out in any doubt.

        Nor is one asked while it is open what the clock tells: what it shows would be dated by another time.
        """
        return self.leadership.is_sure(self.units.now()) and self.leadership.counts_by(self.units.boot())
