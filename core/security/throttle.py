"""How long a next attempt must wait after failures: a pure rule over a count and an instant that the store keeps.

It slows guessing down and never shuts anybody out: the longest wait is minutes, whoever caused it.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.clock import DAY, SECOND
from core.domain.errors import Exhausted


@dataclass(frozen=True, slots=True)
class Throttle:
    free: int = 5
    longest: int = 900 * SECOND
    forgotten_after: int = DAY

    def wait(self, failures: int, last_at: int, now: int) -> int:
        """Microseconds until the next attempt; an instant from a clock that ran ahead adds nothing."""
        since = max(0, now - last_at)
        return max(0, self._delay(failures) - since)

    def after_failure(self, failures: int, last_at: int, now: int) -> int:
        """The new count of failures; after a long silence it begins anew."""
        return 1 if now - last_at >= self.forgotten_after else failures + 1

    def refuse_while_waiting(self, failures: int, last_at: int, now: int) -> None:
        left = self.wait(failures, last_at, now)
        if left:
            seconds = -(-left // SECOND)
            raise Exhausted(
                "too_many_attempts", "too many attempts", f"try again in {seconds} s", {"retry_after_s": seconds}
            )

    def _delay(self, failures: int) -> int:
        # Far beyond the longest wait the power would only become a huge number.
        doublings = min(failures - self.free, 40)
        return 0 if doublings < 0 else min(self.longest, SECOND << doublings)
