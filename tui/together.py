"""Several commands asked for at once: which were done, which were not and why. Draws nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from core.domain.errors import BursarError
from tui.actions import Command


class Outcome(NamedTuple):
    """`error` is None where it was done."""

    command: Command
    error: BursarError | None


class Together:
    def __init__(self, commands: Sequence[Command]) -> None:
        self.commands = tuple(commands)
        self._errors: dict[int, BursarError | None] = {}

    def settle(self, command: Command, error: BursarError | None = None) -> bool:
        """Whether it is one of these."""
        place = next((i for i, mine in enumerate(self.commands) if mine is command), None)
        if place is None:
            return False
        self._errors[place] = error
        return True

    @property
    def is_over(self) -> bool:
        return len(self._errors) == len(self.commands)

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """In the order in which they were asked for."""
        return tuple(Outcome(self.commands[place], self._errors[place]) for place in sorted(self._errors))

    @property
    def done(self) -> tuple[Command, ...]:
        return tuple(outcome.command for outcome in self.outcomes if outcome.error is None)

    @property
    def summary(self) -> str:
        """`cancel: 3 done, 1 not`."""
        done, name = len(self.done), self.commands[0].verb.name
        failed = len(self._errors) - done
        return f"{name}: {done} done, {failed} not" if failed else f"{name}: all {done} done"
