"""What a submission must find: the hold of a job, the next hour of services and VMs, and room under every limit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from core.domain.errors import Exhausted
from core.domain.flavors import RunRate
from core.domain.quota import OF_USE, LimitUse, Shortfall, shortfalls
from core.ledger.accounts import MINT
from core.ledger.amounts import MEASURE_OF, NOTHING, Amounts, Book, format_amount
from core.ledger.meter import due, hourly, open_line

_UNIT = {Book.CREDITS: "micro-credits", Book.GPU_TIME: "GPU-milliseconds"}


@dataclass(frozen=True, slots=True)
class Lacking:
    """What a need does not find in one book: in the balance, or under the limit that is tighter still."""

    book: Book
    need: int
    have: int
    limit: Shortfall | None = None

    @property
    def missing(self) -> int:
        return self.need - self.have

    @property
    def place(self) -> str:
        return self.limit.level.value if self.limit else "balance"

    def __str__(self) -> str:
        if self.limit:
            return str(self.limit)
        have, _ = format_amount(self.book, self.have).split(" ")
        return f"needs {format_amount(self.book, self.need, round_up=True)}, {have} left"

    def help(self, *, of_treasury: bool) -> str:
        missing = format_amount(self.book, self.missing, round_up=True)
        if self.limit is not None:
            return f"the {self.place}'s limit can be raised by {missing}"
        return f"an operator can grant the treasury {missing}" if of_treasury else f"an admin can grant {missing}"


@lru_cache(maxsize=1_000)
def job_hold(rate: RunRate, requested_ms: int) -> Amounts:
    """The whole cost of a job that runs for all the time it asked for: just what the meter would charge."""
    line = open_line("", "", MINT, rate, 0)
    return due(line, requested_ms * 1000)


def hold_to_restore(wanted: Amounts, left: Amounts, available: Amounts) -> Amounts:
    """What to set aside again for a job that starts over, as far as the balance reaches."""
    return (wanted - left).at_most(available).at_least(NOTHING)


def next_hour(new: RunRate, burning: Iterable[Amounts]) -> Amounts:
    """What the balance must cover before a service or VM is taken: an hour of it and of all else without a hold.

    `burning` are the hourly amounts of what runs now for the same payer; jobs have their hold and are left out.
    """
    return sum(burning, hourly(new))


def suffices(need: Amounts, available: Amounts) -> bool:
    """Whether nothing of it is lacking, where no limit counts."""
    return all(amount <= 0 or amount <= available.of(book) for book, amount in need)


def lacking(need: Amounts, available: Amounts, limits: Sequence[LimitUse] = ()) -> list[Lacking]:
    """In each book that does not suffice, the tightest of balance and limits. Equality suffices."""
    found = []
    for book, amount in need:
        if amount <= 0:
            continue
        places = [Lacking(book, amount, available.of(book))]
        beyond = shortfalls(limits, {MEASURE_OF[book]: amount}, OF_USE)
        places += [Lacking(book, amount, short.left, short) for short in beyond]
        tightest = min(places, key=lambda place: place.have)  # the balance is named before a limit as tight
        if tightest.missing > 0:
            found.append(tightest)
    return found


def authorize(need: Amounts, available: Amounts, limits: Sequence[LimitUse] = (), *, of_treasury: bool = False) -> None:
    """Nothing where the balance and every limit suffice; else Exhausted with numbers and what would help.

    `available` is what is neither held nor, as far as it is known, used and not yet posted.
    """
    found = lacking(need, available, limits)
    if not found:
        return
    every = [
        {
            "limit": one.place,
            "book": one.book.value,
            "unit": _UNIT[one.book],
            "need": one.need,
            "have": one.have,
            "missing": one.missing,
        }
        for one in found
    ]
    raise Exhausted(
        "balance_exhausted" if found[0].limit is None else "limit_reached",
        "; ".join(str(one) for one in found),
        "; ".join(one.help(of_treasury=of_treasury) for one in found) + ", or ask for less",
        {**every[0], "shortfalls": every},
    )
