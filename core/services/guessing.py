"""Slows guessing down: passwords and codes. A try counts before it is judged, so that many at once gain nothing."""

from __future__ import annotations

from core.domain.roles import Caller, anonymous
from core.security.throttle import Throttle
from core.store.units import Unit, Units


class Guesses:
    def __init__(self, units: Units, throttle: Throttle) -> None:
        self._units = units
        self._throttle = throttle

    def count(self, caller: Caller, *keys: str) -> None:
        """Count a try against each key; Exhausted while one of them must still wait, and then nothing is counted."""
        with self._units.write(anonymous(caller.face)) as unit:
            for key in keys:
                failures, last_at = unit.throttles.failures(key)
                self._throttle.refuse_while_waiting(failures, last_at, unit.now)
                unit.throttles.put(key, self._throttle.after_failure(failures, last_at, unit.now), unit.now)

    def forgive(self, unit: Unit, *keys: str) -> None:
        """The try was right, and what it opened is kept together with this: what was counted is forgotten."""
        for key in keys:
            unit.throttles.clear(key)
