"""What a submission must find: the hold of a job, the next hour of services and VMs, and room under every limit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.domain.errors import Exhausted
from core.domain.flavors import RunRate
from core.ledger.accounts import MINT
from core.ledger.amounts import NOTHING, Amounts, Book, format_amount
from core.ledger.meter import due, hourly, open_line


class LimitScope(StrEnum):
    """Where a shortfall lies, the nearest to the member first: the order in which equals are named."""

    BALANCE = "balance"
    MEMBER = "member"
    ORG = "org"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class Limit:
    """A cap on use in one book, and what is used or set aside of it."""

    scope: LimitScope
    book: Book
    cap: int
    used: int


@dataclass(frozen=True, slots=True)
class Shortfall:
    scope: LimitScope
    book: Book
    need: int
    have: int
    cap: int | None = None

    @property
    def missing(self) -> int:
        return self.need - self.have

    @property
    def text(self) -> str:
        need = format_amount(self.book, self.need, round_up=True)
        have = format_amount(self.book, self.have).split(" ")[0]
        if self.cap is None:
            return f"needs {need}, {have} left"
        return f"needs {need}, {have} left of the {_OWNER[self.scope]} limit of {format_amount(self.book, self.cap)}"


_OWNER = {
    LimitScope.BALANCE: "wallet's",
    LimitScope.MEMBER: "member's",
    LimitScope.ORG: "organization's",
    LimitScope.CLUSTER: "cluster's",
}
_HELP = {
    LimitScope.BALANCE: "an admin can grant",
    LimitScope.MEMBER: "an admin can raise the member's limit by",
    LimitScope.ORG: "an operator can raise the organization's limit by",
    LimitScope.CLUSTER: "another cluster may have room, or an operator can raise this one's limit by",
}


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


def shortfalls(need: Amounts, available: Amounts, limits: Sequence[Limit] = ()) -> list[Shortfall]:
    """The tightest of balance and limits in each book that does not suffice. Equality suffices."""
    found = []
    for book, amount in need:
        if amount <= 0:
            continue
        rooms = [Shortfall(LimitScope.BALANCE, book, amount, available.of(book))]
        rooms += [
            Shortfall(limit.scope, book, amount, limit.cap - limit.used, limit.cap)
            for limit in limits
            if limit.book is book
        ]
        order = list(LimitScope)
        tightest = min(rooms, key=lambda room: (room.have, order.index(room.scope)))
        if tightest.missing > 0:
            found.append(tightest)
    return found


def authorize(need: Amounts, available: Amounts, limits: Sequence[Limit] = ()) -> None:
    """Nothing where the balance and every limit suffice; else Exhausted with numbers and what would help."""
    found = shortfalls(need, available, limits)
    if not found:
        return
    raise Exhausted(
        f"{found[0].scope.value}_exhausted",
        "; ".join(short.text for short in found),
        "; ".join(f"{_HELP[s.scope]} {format_amount(s.book, s.missing, round_up=True)}" for s in found)
        + ", or ask for less",
        {
            "shortfalls": [
                {
                    "limit": short.scope.value,
                    "book": short.book.value,
                    "unit": "micro-credits" if short.book is Book.CREDITS else "GPU-milliseconds",
                    "need": short.need,
                    "have": short.have,
                    "missing": short.missing,
                }
                for short in found
            ],
            "need": found[0].need,
            "have": found[0].have,
            "missing": found[0].missing,
            "book": found[0].book.value,
            "limit": found[0].scope.value,
        },
    )
