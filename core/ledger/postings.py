"""The ledger's one noun: a posting, whose entries sum to zero in each book on each side.

Signs: an entry's amount is what its account gains, so what it gives is negative. On the POSTED side money has moved;
on the HELD side it is set aside to move: a hold of 5 takes 5 from the wallet and expects 5 in `spent`. Hence balance =
posted side, held = minus the held side, available = both sides together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from core.domain.errors import Conflict
from core.ledger.accounts import AccountKey
from core.ledger.amounts import MOST_IN_AN_ENTRY, Amounts, Book


class Side(StrEnum):
    POSTED = "posted"
    HELD = "held"


class PostingKind(StrEnum):
    GRANT = "grant"
    ALLOWANCE = "allowance"
    TRANSFER = "transfer"
    HOLD = "hold"
    RELEASE = "release"
    CHARGE = "charge"
    SETTLE = "settle"  # the last charge of a run; may give back what was charged beyond its proved end
    REFUND = "refund"
    REVERSE = "reverse"


AUTHORIZED = frozenset(
    {PostingKind.GRANT, PostingKind.ALLOWANCE, PostingKind.TRANSFER, PostingKind.HOLD, PostingKind.REVERSE}
)
"""Kinds that must find the money there. The others are facts and are always posted."""

METERED = frozenset({PostingKind.CHARGE, PostingKind.SETTLE})
FUNDING = frozenset({PostingKind.GRANT, PostingKind.ALLOWANCE})


@dataclass(frozen=True, slots=True)
class Entry:
    account: AccountKey
    book: Book
    amount: int
    side: Side = Side.POSTED


@dataclass(frozen=True, slots=True)
class Cause:
    """What it happened for; whichever of the three is known."""

    deployment: str | None = None
    run: str | None = None
    event: str | None = None


@dataclass(frozen=True, slots=True)
class Posting:
    """Never changed once written. `at` is when it counts, not when it was written down."""

    key: str
    kind: PostingKind
    at: int
    reason: str
    cause: Cause
    entries: tuple[Entry, ...]
    fingerprint: str
    reverses: str | None = None


def make(
    key: str,
    kind: PostingKind,
    at: int,
    entries: Iterable[Entry],
    *,
    reason: str = "",
    cause: Cause | None = None,
    reverses: str | None = None,
) -> Posting:
    """The one place where a posting is born; a builder that breaks its laws is a bug, not an input error."""
    kept = tuple(entries)
    if not kept:
        raise ValueError(f"posting {key} moves nothing")
    if unbalanced(kept):
        raise ValueError(f"posting {key} does not sum to zero")
    if any(abs(entry.amount) > MOST_IN_AN_ENTRY for entry in kept):
        raise ValueError(f"posting {key} has an amount that does not fit")
    why = cause or Cause()
    return Posting(key, kind, at, reason, why, kept, fingerprint(kind, reason, why, kept, reverses), reverses)


def move(source: AccountKey, target: AccountKey, amounts: Amounts, side: Side = Side.POSTED) -> list[Entry]:
    """Both halves in each book that moves; a negative amount moves the other way."""
    entries = []
    for book, amount in amounts:
        if amount:
            entries += [Entry(source, book, -amount, side), Entry(target, book, amount, side)]
    return entries


def unbalanced(entries: Iterable[Entry]) -> dict[tuple[Book, Side], int]:
    """The book and side that do not sum to zero, with the sum; empty is right."""
    sums: dict[tuple[Book, Side], int] = {}
    for entry in entries:
        sums[entry.book, entry.side] = sums.get((entry.book, entry.side), 0) + entry.amount
    return {where: amount for where, amount in sums.items() if amount}


def fingerprint(
    kind: PostingKind, reason: str, cause: Cause, entries: Iterable[Entry], reverses: str | None = None
) -> str:
    """sha256 over what is meant. Not over `at`: the same request sent again a minute later means the same."""
    lines = sorted((e.account.kind, e.account.org, e.account.owner, e.book, e.side, e.amount) for e in entries)
    content = [kind, reason, [cause.deployment, cause.run, cause.event], reverses, lines]
    return hashlib.sha256(_ENCODE(content).encode("ascii")).hexdigest()


_ENCODE = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def is_new(posting: Posting, known_fingerprint: str | None) -> bool:
    """False where the key is known with the same content (it happened already); other content is a Conflict."""
    if known_fingerprint is None:
        return True
    if known_fingerprint != posting.fingerprint:
        raise Conflict(
            "key_reused",
            f"the key {posting.key} was used before for something else",
            "repeat the first request as it was, or use a new key",
            {"key": posting.key},
        )
    return False
