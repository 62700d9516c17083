"""What a report says beside the ledger's sums: how long work waited, what still runs unposted, what was given back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from core.domain.lifecycle import State
from core.domain.periods import Period
from core.ledger.accounts import AccountKind
from core.ledger.amounts import NOTHING, Amounts, Book, in_book
from core.ledger.postings import FUNDING, PostingKind, Side
from core.store.repositories.accounts import accounts
from core.store.repositories.deployments import deployments
from core.store.repositories.ledger import entries, postings
from core.store.repositories.runs import runs
from core.store.scope import Scope

_NAMED_AT_ONCE = 5_000  # a statement takes only so many values, and of whom there are many there is no end


def waits_ms(connection: Connection, scope: Scope, period: Period, owner_id: str | None = None) -> list[int]:
    """How long each deployment whose first run began in the period had waited since it was submitted; sorted."""
    first = (
        select(runs.c.deployment_id, func.min(runs.c.started_at).label("began"))
        .where(scope.covers(runs))
        .group_by(runs.c.deployment_id)
        .subquery("first")
    )
    statement = select(first.c.began - deployments.c.created_at).select_from(
        first.join(deployments, deployments.c.id == first.c.deployment_id)
    )
    within = statement.where(first.c.began >= period.since, first.c.began < period.until)
    if owner_id is not None:
        within = within.where(deployments.c.owner_id == owner_id)
    return sorted(max(0, int(row[0])) // 1000 for row in connection.execute(within))


def unposted_runs(connection: Connection, scope: Scope, until: int, owner_id: str | None = None) -> int:
    """Runs that go on from before the period's end and whose life up to there is not yet proved."""
    statement = select(func.count()).where(
        scope.covers(runs), runs.c.ended_at.is_(None), runs.c.started_at < until, runs.c.seen_at < until
    )
    if owner_id is not None:
        statement = statement.where(runs.c.owner_id == owner_id)
    return int(connection.execute(statement).scalar_one())


def named(connection: Connection, scope: Scope, handles: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The name and the owner's name of deployments by their handles."""
    statement = select(deployments.c.handle, deployments.c.name, accounts.c.name).select_from(
        deployments.join(accounts, accounts.c.id == deployments.c.owner_id)
    )
    found: dict[str, tuple[str, str]] = {}
    for start in range(0, len(handles), _NAMED_AT_ONCE):
        some = deployments.c.handle.in_(handles[start : start + _NAMED_AT_ONCE])
        rows = connection.execute(statement.where(scope.covers(deployments), some))
        found.update((row[0], (row[1], row[2])) for row in rows)
    return found


def refunded(connection: Connection, deployment_id: str) -> Amounts:
    """What came back to its payer for runs of a deployment."""
    statement = (
        select(entries.c.book, func.sum(entries.c.amount))
        .select_from(entries.join(postings, postings.c.seq == entries.c.seq))
        .where(
            postings.c.deployment_id == deployment_id,
            postings.c.kind == PostingKind.REFUND.value,
            entries.c.side == Side.POSTED.value,
            entries.c.account_kind.in_([AccountKind.WALLET.value, AccountKind.TREASURY.value]),
        )
    )
    back = NOTHING
    for book, amount in connection.execute(statement.group_by(entries.c.book)):
        back += in_book(Book(book), int(amount))
    return back


def ending_by(connection: Connection, scope: Scope, now: int, within_us: int) -> list[tuple[str, str, int, int]]:
    """Running jobs whose time limit comes within a while: id, handle, the limit in ms, the instant."""
    ends = deployments.c.started_at + deployments.c.limit_ms * 1000
    statement = select(deployments.c.id, deployments.c.handle, deployments.c.limit_ms, ends).where(
        scope.covers(deployments),
        deployments.c.state == State.RUNNING.value,
        deployments.c.limit_ms.is_not(None),
        ends > now,
        ends <= now + within_us,
    )
    return [(row[0], row[1], int(row[2]), int(row[3])) for row in connection.execute(statement)]


@dataclass(frozen=True, slots=True)
class Filled:
    """The last filling of a treasury, by the number of its posting, and what was there right behind it."""

    number: int
    had: int


def treasury_filled(connection: Connection, org_id: str, book: Book) -> Filled | None:
    """None where it was never filled, or has nothing in this book."""
    ours = (
        entries.c.org_id == org_id,
        entries.c.account_kind == AccountKind.TREASURY.value,
        entries.c.book == book.value,
        entries.c.side == Side.POSTED.value,
    )
    joined = entries.join(postings, postings.c.seq == entries.c.seq)
    last = select(func.max(postings.c.seq)).select_from(joined)
    kinds = [kind.value for kind in FUNDING]
    number = connection.execute(last.where(*ours, postings.c.kind.in_(kinds), entries.c.amount > 0)).scalar()
    if number is None:
        return None
    had = select(func.sum(entries.c.amount)).where(*ours, entries.c.seq <= number)
    amount = int(connection.execute(had).scalar_one())
    return Filled(int(number), amount) if amount > 0 else None
