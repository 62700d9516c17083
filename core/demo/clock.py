"""The demo's time: a past week that is set by hand, then the real time."""

from __future__ import annotations

from core.clock import Boot, ManualClock, SystemClock


class DemoClock:
    def __init__(self, start: int) -> None:
        self._past = ManualClock(start)
        self._real = SystemClock()
        self._live = False

    def now(self) -> int:
        return self._real.now() if self._live else self._past.now()

    def boot(self) -> Boot:
        return self._real.boot() if self._live else self._past.boot()

    def sleep(self, seconds: float) -> None:
        (self._real if self._live else self._past).sleep(seconds)

    def reach(self, instant: int) -> None:
        """Move the past on; the present cannot be moved."""
        self._past.set(min(instant, self._real.now()))

    def go_live(self) -> None:
        self._live = True
