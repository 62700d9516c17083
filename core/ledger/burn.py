"""How fast a wallet burns and when it runs out: computed from its running lines, never polled.

The instant is exact to the microsecond: the first at which what is due, floored line by line as the meter floors
it, has used up what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.ledger.amounts import NOTHING, Amounts, Book
from core.ledger.meter import HOUR_US, RunLine, draws_on, due, hourly


@dataclass(frozen=True, slots=True)
class Burning:
    """A run that costs its wallet now: what is posted of it, and the limit at which it will be stopped, if any."""

    line: RunLine
    posted: Amounts
    ends_at: int | None = None

    def due_at(self, instant: int) -> Amounts:
        return due(self.line, instant if self.ends_at is None else min(instant, self.ends_at))


def accrued(burning: Iterable[Burning], now: int) -> Amounts:
    """What is due by now and not posted yet, for the live balance."""
    return sum(((run.due_at(now) - run.posted).at_least(NOTHING) for run in burning), NOTHING)


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

    def left(instant: int) -> int:
        return balance - sum(max(0, (run.due_at(instant) - run.posted).of(book)) for run in burning)

    drawing = [run for run in burning if draws_on(run.line, book)]
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
