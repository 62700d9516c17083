"""The port for time. Instants are integers: microseconds since 1970 in UTC.

Nothing else in the house reads a clock; the pure floors get `now` as an argument.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Clock(Protocol):
    def now(self) -> int:
        """This instant in microseconds, never smaller than the one before."""
        ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """Wall time that never runs backwards within a process, so that no interval is negative."""

    def __init__(self) -> None:
        self._last = 0
        self._guard = threading.Lock()

    def now(self) -> int:
        with self._guard:
            self._last = max(self._last, time.time_ns() // 1000)
            return self._last

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class ManualClock:
    """Time that moves only when told: for tests, for the simulator and for the demo's past week."""

    def __init__(self, start: int = 1_767_225_600 * SECOND) -> None:  # 2026-01-01 00:00 UTC
        self._now = start
        self._guard = threading.Lock()

    def now(self) -> int:
        return self._now

    def sleep(self, seconds: float) -> None:
        self.advance(round(seconds * SECOND))

    def advance(self, microseconds: int) -> int:
        if microseconds < 0:
            raise ValueError("a clock does not run backwards")
        with self._guard:
            self._now += microseconds
            return self._now

    def set(self, instant: int) -> None:
        with self._guard:
            self._now = max(self._now, instant)
