"""The ledger's own laws as functions that find what breaks them: I-L1 to I-L4, I-L10 to I-L14 and I-L16.

Each takes postings in the order they were written and answers findings, none being right. `run_checks` has those
that compare the ledger with runs and holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.ledger.accounts import AccountKey
from core.ledger.amounts import MOST_IN_AN_ENTRY, Amounts, Book, format_amount
from core.ledger.balances import EMPTY, Balance, Balances
from core.ledger.postings import (
    AUTHORIZED,
    METERED,
    Entry,
    Posting,
    PostingKind,
    Side,
    fingerprint,
    unbalanced,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong (`check` is its stable id) and with what."""

    check: str
    subject: str
    message: str


def postings_sum_to_zero(postings: Iterable[Posting]) -> list[Finding]:
    return [
        Finding("I-L1", posting.key, f"sums to {amount} in {book.value} {side.value}")
        for posting in postings
        for (book, side), amount in unbalanced(posting.entries).items()
    ]


def ledger_sums_to_zero(postings: Iterable[Posting]) -> list[Finding]:
    every = [entry for posting in postings for entry in posting.entries]
    return [
        Finding("I-L2", f"{book.value} {side.value}", f"the whole ledger sums to {amount}")
        for (book, side), amount in unbalanced(every).items()
    ]


def cache_equals_entries(cached: Mapping[AccountKey, Balance], postings: Iterable[Posting]) -> list[Finding]:
    summed = Balances().apply(*postings).known
    return [
        Finding("I-L3", account.text, f"kept as {_shown(kept)}, the entries say {_shown(true)}")
        for account in sorted({*cached, *summed})
        if (kept := cached.get(account, EMPTY)) != (true := summed.get(account, EMPTY))
    ]


def never_authorized_below_zero(postings: Iterable[Posting]) -> list[Finding]:
    """After a posting that needed money, nobody it took from may have less than nothing left."""
    available: Counter[tuple[AccountKey, Book]] = Counter()
    findings = []
    for posting in postings:
        took = set()
        for entry in posting.entries:
            place = entry.account, entry.book
            available[place] += entry.amount
            if entry.amount < 0 and entry.account.may_run_dry:
                took.add(place)
        if posting.kind in AUTHORIZED:
            findings += [
                Finding(
                    "I-L4", posting.key, f"left {account.text} with {format_amount(book, available[account, book])}"
                )
                for account, book in sorted(took)
                if available[account, book] < 0
            ]
    return findings


def keys_are_unique(postings: Iterable[Posting]) -> list[Finding]:
    """And every posting still is what its fingerprint says."""
    findings = []
    seen: dict[str, str] = {}
    for posting in postings:
        if posting.key in seen:
            same = seen[posting.key] == posting.fingerprint
            findings.append(
                Finding("I-L10", posting.key, f"posted twice with {'the same' if same else 'other'} content")
            )
        seen[posting.key] = posting.fingerprint
        true = fingerprint(posting.kind, posting.reason, posting.cause, posting.entries, posting.reverses)
        if true != posting.fingerprint:
            findings.append(Finding("I-L10", posting.key, "is not what its fingerprint says"))
    return findings


def reversals_mirror_once(postings: Sequence[Posting]) -> list[Finding]:
    by_key = {posting.key: posting for posting in postings}
    times = Counter(posting.reverses for posting in postings if posting.reverses is not None)
    findings = [Finding("I-L11", key, f"reversed {count} times") for key, count in times.items() if count > 1]
    for posting in postings:
        if (posting.kind is PostingKind.REVERSE) != (posting.reverses is not None):
            findings.append(Finding("I-L11", posting.key, "is a reversal of nothing, or a reversal by another name"))
        if posting.reverses is None:
            continue
        original = by_key.get(posting.reverses)
        if original is None:
            findings.append(Finding("I-L11", posting.key, f"reverses {posting.reverses}, which does not exist"))
        elif original.kind is PostingKind.REVERSE:
            findings.append(Finding("I-L11", posting.key, f"reverses the reversal {original.key}"))
        elif _moved(posting.entries, -1) != _moved(original.entries, 1):
            findings.append(Finding("I-L11", posting.key, f"is not the mirror of {original.key}"))
    return findings


def only_appended(earlier: Sequence[Posting], later: Sequence[Posting]) -> list[Finding]:
    """What was read at an earlier time must be the beginning of what is read now."""
    findings = []
    for place, posting in enumerate(earlier):
        if place >= len(later) or later[place] != posting:
            findings.append(Finding("I-L12", posting.key, f"posting {place + 1} was changed or removed"))
    return findings


def amounts_fit(postings: Iterable[Posting]) -> list[Finding]:
    """No entry, and no sum on the way, comes near the edge of 64 bits."""
    findings = []
    sums: Counter[tuple[AccountKey, Book, Side]] = Counter()
    for posting in postings:
        for entry in posting.entries:
            place = entry.account, entry.book, entry.side
            sums[place] += entry.amount
            if max(abs(entry.amount), abs(sums[place])) > MOST_IN_AN_ENTRY:
                findings.append(Finding("I-L13", posting.key, f"{entry.account.text} does not fit"))
    return findings


def used_equals_charges(
    reported: Mapping[AccountKey, Amounts], postings: Sequence[Posting], since: int, until: int
) -> list[Finding]:
    """Quota used in a period is what was charged less what was given back; an allowance is paid once."""
    used = use_by_payer(postings, since, until)
    findings = [
        Finding("I-L14", account.text, f"reported {told}, the entries say {true}")
        for account in sorted({*reported, *used})
        if (told := reported.get(account, Amounts())) != (true := used.get(account, Amounts()))
    ]
    paid = Counter(
        entry.account
        for posting in postings
        if posting.kind is PostingKind.ALLOWANCE
        for entry in posting.entries
        if entry.amount > 0 and entry.book is posting.entries[0].book
    )
    return findings + [
        Finding("I-L14", account.text, f"got its allowance {count} times")
        for account, count in paid.items()
        if count > 1
    ]


def report_equals_ledger(
    reported: Amounts, postings: Iterable[Posting], org: str, since: int, until: int
) -> list[Finding]:
    """A report's total is the ledger's for the same half-open period."""
    true = sum(
        (used for account, used in use_by_payer(postings, since, until).items() if account.org == org), Amounts()
    )
    return [] if reported == true else [Finding("I-L16", org, f"reported {reported}, the ledger says {true}")]


def use_by_payer(postings: Iterable[Posting], since: int, until: int) -> dict[AccountKey, Amounts]:
    """What each payer paid for runs in [since, until), less refunds and reversals of that time."""
    used: dict[AccountKey, Amounts] = {}
    for posting in postings:
        if not since <= posting.at < until or not _is_use(posting):
            continue
        for entry in posting.entries:
            if entry.side is Side.POSTED and entry.account.may_run_dry:
                amount = Amounts(ucr=-entry.amount) if entry.book is Book.CREDITS else Amounts(gpu_ms=-entry.amount)
                used[entry.account] = used.get(entry.account, Amounts()) + amount
    return used


def _is_use(posting: Posting) -> bool:
    return posting.kind in METERED or posting.kind is PostingKind.REFUND or posting.cause.run is not None


def _moved(entries: Iterable[Entry], sign: int) -> Counter[tuple[AccountKey, Book]]:
    moved: Counter[tuple[AccountKey, Book]] = Counter()
    for entry in entries:
        if entry.side is Side.POSTED:
            moved[entry.account, entry.book] += sign * entry.amount
    return moved


def _shown(balance: Balance) -> str:
    posted = ", ".join(format_amount(book, amount) for book, amount in balance.posted)
    held = ", ".join(format_amount(book, amount) for book, amount in balance.held)
    return f"{posted} (held {held})"
