"""Postings as people open them: from a number to what moved between whom, with names in place of ids."""

from __future__ import annotations

from core.domain.errors import NotFound
from core.ledger.accounts import AccountKey, AccountKind
from core.ledger.amounts import Book
from core.ledger.postings import Side
from core.store.repositories.ledger import Written
from core.store.units import Unit
from core.views.money import PostingCard, PostingLine


def written(unit: Unit, number: int, *, touching: AccountKey | None = None) -> Written:
    """The posting with that number; with `touching`, only one that moved something of that account."""
    found = unit.book.by_number(number)
    if found is None or (touching is not None and all(e.account != touching for e in found.posting.entries)):
        raise NotFound("posting_not_found", f"no posting {number} here", "bursar statement shows the numbers")
    return found


def posting_card(unit: Unit, found: Written) -> PostingCard:
    posting = found.posting
    sums: dict[tuple[AccountKey, Side], dict[Book, int]] = {}
    for entry in posting.entries:
        books = sums.setdefault((entry.account, entry.side), {})
        books[entry.book] = books.get(entry.book, 0) + entry.amount
    lines = tuple(
        PostingLine(account_name(unit, account), side.value, books.get(Book.CREDITS, 0), books.get(Book.GPU_TIME, 0))
        for (account, side), books in sums.items()
    )
    return PostingCard(
        number=found.seq,
        key=posting.key,
        kind=posting.kind.value,
        at=posting.at,
        reason=posting.reason,
        deployment=_handle(unit, posting.cause.deployment),
        actor=found.actor,
        reverses=posting.reverses,
        items=lines,
    )


def account_name(unit: Unit, account: AccountKey) -> str:
    """`wallet ana`, `treasury`, `spent`, `mint`."""
    if account.kind is not AccountKind.WALLET:
        return account.kind.value
    owner = unit.accounts.by_id(account.owner)
    return f"wallet {owner.name if owner else account.owner}"


def _handle(unit: Unit, deployment_id: str | None) -> str | None:
    row = None if deployment_id is None else unit.deployments.by_id(deployment_id)
    return row.handle if row else deployment_id
