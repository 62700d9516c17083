"""How fast a wallet burns and when it runs out: computed from its running lines, never polled.

The instant is exact to the microsecond: the first at which what is due, floored line by line as the meter floors
it, has used up what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from core.ledger.amounts import NOTHING, Amounts, Book
from core.ledger.meter import HOUR_US, Course, RunLine, course_of, draws_on, due, due_and_unpaid, hourly


@dataclass(frozen=True, slots=True)
class Burning:
    """A run that costs its wallet now: what is posted of it, and the limit at which it will be stopped, if any."""

    line: RunLine
    posted: Amounts
    ends_at: int | None = None

    def due_at(self, instant: int) -> Amounts:
        return due(self.line, instant if self.ends_at is None else min(instant, self.ends_at))

    def unpaid_at(self, instant: int) -> Amounts:
        """What is due by then and not posted yet."""
        return (self.due_at(instant) - self.posted).at_least(NOTHING)


class Drain(tuple[Burning, ...]):
    """All that draws on one wallet, for who asks more than once: what it takes by an instant is added up once."""

    def used_by(self, instant: int) -> Amounts:
        if instant not in self._known:
            self._known[instant] = self._added_up(instant)
        return self._known[instant]

    def _added_up(self, instant: int) -> Amounts:
        if instant >= self._last_change:
            return due_and_unpaid(self._courses, instant)
        return sum((run.unpaid_at(instant) for run in self), NOTHING)

    @cached_property
    def _known(self) -> dict[int, Amounts]:
        return {}

    @cached_property
    def _last_change(self) -> int:
        return max((run.line.segments[-1].start for run in self), default=0)

    @cached_property
    def _courses(self) -> list[tuple[Course, Amounts]]:
        return [(course_of(run.line, run.ends_at), run.posted) for run in self]


def _drain(burning: Iterable[Burning]) -> Drain:
    return burning if isinstance(burning, Drain) else Drain(burning)


def accrued(burning: Iterable[Burning], now: int) -> Amounts:
    """What is due by now and not posted yet, for the live balance."""
    return _drain(burning).used_by(now)


def burn_per_hour(burning: Iterable[Burning], now: int) -> Amounts:
    """What an hour costs at this pace."""
    open_runs = (run for run in burning if run.line.end is None and (run.ends_at is None or now < run.ends_at))
    return sum((hourly(run.line.rate, run.line.segments[-1].share) for run in open_runs), NOTHING)


def runway_ms(left: Amounts, per_hour: Amounts) -> int | None:
    """How long what is left lasts at this pace, in the book that ends first; None where nothing burns."""
    lasting = [max(0, left.of(book)) * 3_600_000 // burn for book, burn in per_hour if burn > 0]
    return min(lasting, default=None)


def runs_out_at(balance: Amounts, burning: Sequence[Burning], now: int) -> dict[Book, int]:
    """For each book that will run out: when. `balance` is the posted one, without what accrued since."""
    instants = {}
    for book, amount in balance:
        instant = instant_when_left(amount, 0, book, burning, now)
        if instant is not None:
            instants[book] = instant
    return instants


def instant_when_left(balance: int, floor: int, book: Book, burning: Sequence[Burning], now: int) -> int | None:
    """The first instant from now on at which `floor` or less is left of `balance`, or None if none comes.

    A book that nothing draws on never runs out, be it empty or not.
    """

    drain = _drain(burning)

    def left(instant: int) -> int:
        return balance - drain.used_by(instant).of(book)

    drawing = [run for run in drain if draws_on(run.line, book)]
    if not drawing:
        return None
    if left(now) <= floor:
        return now
    if any(run.ends_at is None for run in drawing):
        ahead = HOUR_US
        while left(now + ahead) > floor:
            ahead *= 2
        latest = now + ahead
    else:
        latest = max(run.ends_at for run in drawing if run.ends_at is not None)
        if left(latest) > floor:
            return None
    earliest = now
    while latest - earliest > 1:
        middle = (earliest + latest) // 2
        if left(middle) <= floor:
            latest = middle
        else:
            earliest = middle
    return latest
