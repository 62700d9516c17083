"""Which home tabs are to be brought up to date, and when: of those who have opened theirs since this bot began.

Each at most every few seconds however much happens, and all together as fast as Slack takes it. A tab that is opened
later is shown fresh anyway, so nothing of this needs to outlive the process.
"""

from __future__ import annotations

EACH_US = 3_000_000
PACE_US = 700_000  # of a hundred a minute that Slack takes, a part is left for those who open theirs

Person = tuple[str, str]  # the workspace, the user


class Homes:
    def __init__(self) -> None:
        self._shown: dict[Person, int] = {}  # who has opened theirs, and when it was shown last
        self._stale: dict[Person, int] = {}  # whose is out of date, and from when on it may be shown
        self._free_at = 0

    def shown(self, person: Person, now: int) -> None:
        self._shown[person] = now
        self._stale.pop(person, None)

    def is_open(self, person: Person) -> bool:
        return person in self._shown

    def outdated(self, person: Person, now: int) -> None:
        if person in self._shown:
            self._stale.setdefault(person, max(now, self._shown[person] + EACH_US))

    def next(self, now: int) -> Person | None:
        """Whose is to be shown now; it is taken, and the next one waits."""
        if now < self._free_at:
            return None
        person = next((one for one, due_at in self._stale.items() if due_at <= now), None)
        if person is not None:
            self._free_at = now + PACE_US
            self.shown(person, now)
        return person

    def refused(self, person: Person, until: int) -> None:
        """Slack wants no more for a while; what was not shown is shown then."""
        self._free_at = max(self._free_at, until)
        self._stale[person] = until
