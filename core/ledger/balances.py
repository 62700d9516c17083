"""Folds: what postings add up to. A balance is never stored as truth; a cache of it is checked against these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from core.ledger.accounts import AccountKey, AccountKind
from core.ledger.amounts import NOTHING, Amounts, Book, in_book
from core.ledger.postings import FUNDING, METERED, Entry, Posting, Side


@dataclass(frozen=True, slots=True)
class Balance:
    """The sums of the two sides of one account."""

    posted: Amounts = NOTHING
    expected: Amounts = NOTHING

    @property
    def held(self) -> Amounts:
        return -self.expected

    @property
    def available(self) -> Amounts:
        return self.posted + self.expected

    def with_entry(self, entry: Entry) -> Balance:
        amount = in_book(entry.book, entry.amount)
        if entry.side is Side.POSTED:
            return Balance(self.posted + amount, self.expected)
        return Balance(self.posted, self.expected + amount)


EMPTY = Balance()


@dataclass(frozen=True, slots=True)
class Balances:
    """The balance of every account that has an entry; unknown accounts are empty."""

    known: Mapping[AccountKey, Balance] = field(default_factory=dict)

    def of(self, account: AccountKey) -> Balance:
        return self.known.get(account, EMPTY)

    def apply(self, *postings: Posting) -> Balances:
        """The balances after these too; this one stays as it was."""
        later = dict(self.known)
        for posting in postings:
            for entry in posting.entries:
                later[entry.account] = later.get(entry.account, EMPTY).with_entry(entry)
        return Balances(later)

    def __iter__(self) -> Iterator[tuple[AccountKey, Balance]]:
        return iter(sorted(self.known.items(), key=lambda item: item[0]))


def hold_left(postings: Iterable[Posting], deployment: str) -> Amounts:
    """What is still set aside for a deployment."""
    ours = [posting for posting in postings if posting.cause.deployment == deployment]
    return -_sum(ours, Side.HELD)


def metered(postings: Iterable[Posting], run: str) -> Amounts:
    """What the meter has posted for a run; reversals and refunds do not make it charge again."""
    return -_sum((p for p in postings if p.cause.run == run and p.kind in METERED), Side.POSTED)


def net_use(postings: Iterable[Posting], run: str) -> Amounts:
    """What a run has cost its payer after refunds and reversals."""
    return -_sum((p for p in postings if p.cause.run == run), Side.POSTED)


def used_since_funded(postings: Iterable[Posting], account: AccountKey, book: Book) -> tuple[int, str]:
    """What an account paid for use since its last grant or allowance in that book, and the key of that posting.

    The ladder measures use against this funding, so an old account is not for ever at 99 %.
    """
    used, funding = 0, ""
    for posting in postings:
        gained = sum(
            entry.amount
            for entry in posting.entries
            if entry.account == account and entry.book is book and entry.side is Side.POSTED
        )
        if posting.kind in FUNDING and gained > 0:
            used, funding = 0, posting.key
        elif posting.cause.run is not None:
            used -= gained
    return max(0, used), funding


def _sum(postings: Iterable[Posting], side: Side) -> Amounts:
    """What payers gained on a side, the other half of each move being in `spent`."""
    total = NOTHING
    for posting in postings:
        for entry in posting.entries:
            if entry.side is side and entry.account.kind in (AccountKind.WALLET, AccountKind.TREASURY):
                total += in_book(entry.book, entry.amount)
    return total
