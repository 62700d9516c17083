"""The port for time. Instants are integers: microseconds since 1970 in UTC.

Nothing else in the house reads a clock; the pure floors get `now` as an argument.
"""

from __future__ import annotations

import threading
import time
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


# A clock that is only trimmed stays within this of the time that really passes; what is more has been set.
_TRIMMED = 2 * SECOND
# Between the two readings of the time since the boot the wall is read; longer apart, they may have slept in between.
_AT_ONCE_NS = 50_000_000


class Boot(NamedTuple):
    """Which boot of which host a clock runs on, and when that began by its wall: another instant once it was set."""

    id: str
    began_at: int

    def set_since(self, before: Boot) -> int:
        """By how much the wall was set since then; what other boots told cannot be compared, and is believed."""
        by = self.began_at - before.began_at
        return by if self.id == before.id and abs(by) > _TRIMMED else 0


class Clock(Protocol):
    def now(self) -> int:
        """This instant in microseconds, not smaller than the one before unless the host's clock was set back."""
        ...

    def boot(self) -> Boot: ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """Wall time that does not run backwards while it is trimmed, so that no interval is negative.

    It follows a wall that was set back: were it to wait, what happens meanwhile would be dated with a wrong instant,
    and other processes would say another time.
    """

    def __init__(self) -> None:
        self._last = 0
        self._guard = threading.Lock()

    def now(self) -> int:
        with self._guard:
            wall = time.time_ns() // 1000
            self._last = wall if wall < self._last - _TRIMMED else max(self._last, wall)
            return self._last

    def boot(self) -> Boot:
        while True:
            before, wall, after = _since_boot_ns(), time.time_ns(), _since_boot_ns()
            if after - before < _AT_ONCE_NS:
                return Boot(_boot_id(), (wall - (before + after) // 2) // 1000)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def _since_boot_ns() -> int:
    """With the time that the host has slept, where the kernel counts that apart."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@cache
def _boot_id() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return f"since {time.time_ns()}"  # of no other process: each then believes its first look at the wall
    counted = Path("/proc/self/ns/time")  # a container may count from another instant, and does if it was moved here
    return f"{boot} {counted.readlink()}" if counted.is_symlink() else boot


class ManualClock:
    """Time that moves only when told: for tests, for the simulator and for the demo's past week."""

    def __init__(self, start: int = 1_767_225_600 * SECOND) -> None:  # 2026-01-01 00:00 UTC
        self._now = start
        self._boot = Boot("manual", 0)
        self._guard = threading.Lock()

    def now(self) -> int:
        return self._now

    def boot(self) -> Boot:
        return self._boot

    def sleep(self, seconds: float) -> None:
        self.advance(round(seconds * SECOND))

    def advance(self, microseconds: int) -> int:
        if microseconds < 0:
            raise ValueError("a clock does not run backwards")
        with self._guard:
            self._now += microseconds
            return self._now

    def leap(self, microseconds: int) -> int:
        """The hands are set forward or back, and no time passes."""
        with self._guard:
            self._boot = Boot(self._boot.id, self._boot.began_at + microseconds)
            self._now += microseconds
            return self._now

    def set(self, instant: int) -> None:
        with self._guard:
            self._now = max(self._now, instant)
