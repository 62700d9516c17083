"""How long ago something was, by time that has passed, where the wall clock that dated it was set in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class ClockSet(NamedTuple):
    """The wall said `was`, and in the same moment, or after a time that nobody has seen, `became`."""

    was: int
    became: int


def older_than(age: int, now: int, settings: Sequence[ClockSet]) -> int:
    """What is dated before this instant is surely so old. `settings` are all there were, the oldest first.

    Between two of them the clock was right about how long things took. A date may fit several such spells, if the
    clock was set back; it is taken for the youngest then.
    """
    too_young: list[int] = []
    until, passed = now, 0  # the end of a spell by its own clock, and how long ago that was
    for setting in reversed(settings):
        if passed >= age:
            break
        too_young.append(max(setting.became, until + passed - age))
        passed += max(0, until - setting.became)
        until = setting.was
    if passed < age:
        too_young.append(until + passed - age)
    return min(too_young, default=now)
