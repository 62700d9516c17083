"""What is wrong with an engine: told once, asked again after longer and longer pauses, and forgotten when mended."""

from __future__ import annotations

from dataclasses import dataclass

from core.clock import MINUTE, SECOND
from core.domain.engines import Remedy, Trouble, rule_of
from core.domain.errors import BursarError

_SHORTEST, _LONGEST = SECOND, MINUTE
# Nothing changes there until a person mends it, and knocking may lock the account.
_SHORTEST_FOR_REPAIR, _LONGEST_FOR_REPAIR = 30 * SECOND, 10 * MINUTE

# Said by one call, but true of the engine as a whole.
OF_THE_ENGINE = frozenset(
    {
        Trouble.TIMEOUT,
        Trouble.ENGINE_DOWN,
        Trouble.RATE_LIMITED,
        Trouble.UNAUTHORIZED,
        Trouble.OTHER_HOST,
        Trouble.DRIVER_BROKEN,
    }
)


@dataclass(slots=True)
class Standing:
    """How an engine is doing, as its last calls showed."""

    error: BursarError | None = None
    again_at: int = 0
    _failures: int = 0
    _told: str | None = None

    def is_resting(self, now: int) -> bool:
        return self.error is not None and now < self.again_at

    def rest_at_most(self, now: int) -> None:
        """The pause was dated by a clock that may have been set since."""
        self.again_at = min(self.again_at, now + _LONGEST)

    def failed(self, error: BursarError, now: int) -> bool:
        """True where this is news."""
        repair = rule_of(error).remedy is Remedy.REPAIR
        shortest, longest = (_SHORTEST_FOR_REPAIR, _LONGEST_FOR_REPAIR) if repair else (_SHORTEST, _LONGEST)
        self.error = error
        self.again_at = now + min(longest, shortest << min(self._failures, 20))
        self._failures += 1
        news = self._told != error.code
        self._told = error.code
        return news

    def mended(self) -> bool:
        """True where this is news."""
        news = self._told is not None
        self.error, self.again_at, self._failures, self._told = None, 0, 0, None
        return news
