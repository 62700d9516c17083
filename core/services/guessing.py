"""Slows guessing down: passwords and codes. A try counts before it is judged, so that many at once gain nothing."""

from __future__ import annotations

from core.clock import MINUTE, SECOND
from core.domain.errors import Exhausted
from core.domain.roles import Caller, anonymous
from core.security.throttle import Throttle
from core.store.units import Unit, Units

_CODES = "codes"


class Guesses:
    def __init__(self, units: Units, throttle: Throttle, *, most_codes: int) -> None:
        self._units = units
        self._throttle = throttle
        self._most_codes = most_codes

    def count(self, caller: Caller, *keys: str) -> None:
        """Count a try against each key; Exhausted while one of them must still wait, and then nothing is counted."""
        with self._units.write(anonymous(caller.face)) as unit:
            for key in keys:
                failures, last_at = unit.throttles.failures(key)
                self._throttle.refuse_while_waiting(failures, last_at, unit.now)
                unit.throttles.put(key, self._throttle.after_failure(failures, last_at, unit.now), unit.now)

    def count_code(self, caller: Caller) -> None:
        """Count a try of a code, by whomever: many accounts together must not guess faster than one would."""
        with self._units.write(anonymous(caller.face)) as unit:
            tried, begun = unit.throttles.failures(_CODES)
            if not 0 <= unit.now - begun < MINUTE:
                tried, begun = 0, unit.now
            if tried >= self._most_codes:
                seconds = -(-(begun + MINUTE - unit.now) // SECOND)
                raise Exhausted(
                    "too_many_attempts",
                    "too many codes were tried",
                    f"try again in {seconds} s",
                    {"retry_after_s": seconds},
                )
            unit.throttles.put(_CODES, tried + 1, begun)

    def forgive(self, unit: Unit, *keys: str) -> None:
        """The try was right, and what it opened is kept together with this: what was counted is forgotten."""
        for key in keys:
            unit.throttles.clear(key)
