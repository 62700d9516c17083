"""An amount in each of the two books: credits in micro-credits, GPU time in GPU-milliseconds.

The books never mix; they travel together because one hold, one charge and one refund touch both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from core.domain.errors import Invalid
from core.domain.flavors import MOST_GPU_MS, MOST_UCR
from core.domain.quota import Measure, show

MOST_IN_AN_ENTRY = 9 * 10**15  # sums of entries stay far from the 64-bit edge


class Book(StrEnum):
    CREDITS = "credits"
    GPU_TIME = "gpu_time"


@dataclass(frozen=True, slots=True)
class Amounts:
    ucr: int = 0
    gpu_ms: int = 0

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(self.ucr + other.ucr, self.gpu_ms + other.gpu_ms)

    def __sub__(self, other: Amounts) -> Amounts:
        return Amounts(self.ucr - other.ucr, self.gpu_ms - other.gpu_ms)

    def __neg__(self) -> Amounts:
        return Amounts(-self.ucr, -self.gpu_ms)

    def __bool__(self) -> bool:
        return bool(self.ucr or self.gpu_ms)

    def __iter__(self) -> Iterator[tuple[Book, int]]:
        """Book by book, in fixed order."""
        yield Book.CREDITS, self.ucr
        yield Book.GPU_TIME, self.gpu_ms

    def of(self, book: Book) -> int:
        return self.ucr if book is Book.CREDITS else self.gpu_ms

    def at_most(self, other: Amounts) -> Amounts:
        return Amounts(min(self.ucr, other.ucr), min(self.gpu_ms, other.gpu_ms))

    def at_least(self, other: Amounts) -> Amounts:
        return Amounts(max(self.ucr, other.ucr), max(self.gpu_ms, other.gpu_ms))


NOTHING = Amounts()
MEASURE_OF = {Book.CREDITS: Measure.CREDITS, Book.GPU_TIME: Measure.GPU_HOURS}


def in_book(book: Book, amount: int) -> Amounts:
    return Amounts(ucr=amount) if book is Book.CREDITS else Amounts(gpu_ms=amount)


def format_amount(book: Book, amount: int, *, round_up: bool = False) -> str:
    """`12.0 GPU-hours`, `57.2 credits`."""
    return show(MEASURE_OF[book], amount, round_up=round_up)


def checked(amounts: Amounts) -> Amounts:
    """What a person may move: more than nothing, nothing negative, at most a thousand million of each."""
    if not amounts or amounts.ucr < 0 or amounts.gpu_ms < 0:
        given = " and ".join(format_amount(book, amount) for book, amount in amounts if amount) or "nothing"
        raise Invalid("amount_out_of_range", f"amount: {given} cannot be moved", "give an amount above zero")
    if amounts.ucr > MOST_UCR or amounts.gpu_ms > MOST_GPU_MS:
        given = " and ".join(format_amount(book, amount) for book, amount in amounts if amount)
        raise Invalid("amount_out_of_range", f"amount: {given} is too much", "give at most 1,000,000,000 of each")
    return amounts
