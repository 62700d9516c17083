"""What was used and what moved, added up by the store: statements, use by heading, what is held at once.

Use is what payers gave for runs: charges less refunds and reversals, dated within a half-open period.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Select, case, func, literal, or_, select

from core.domain.lifecycle import HOLDS_CAPACITY
from core.domain.periods import Period
from core.domain.quota import Measure, UseHeading
from core.ledger.accounts import AccountKey, AccountKind
from core.ledger.amounts import Amounts, Book, in_book
from core.ledger.balances import EMPTY, Balance
from core.ledger.postings import METERED, PostingKind, Side
from core.store.repositories.accounts import accounts
from core.store.repositories.clusters import clusters
from core.store.repositories.deployments import deployments
from core.store.repositories.ledger import balances, entries, postings
from core.store.repositories.runs import allocations, nodes, runs
from core.store.scope import Scope

PAYERS = (AccountKind.WALLET.value, AccountKind.TREASURY.value)
_USE_KINDS = [*(kind.value for kind in METERED), PostingKind.REFUND.value]
_NO_GPU, _ANY_MODEL = "no GPU", "any model"


@dataclass(frozen=True, slots=True)
class Movement:
    """A posting as one account feels it."""

    number: int
    at: int
    kind: str
    reason: str
    deployment: str | None
    actor: str
    moved: Balance


@dataclass(frozen=True, slots=True)
class Used:
    what: str
    amounts: Amounts
    postings: int


def movements(connection: Connection, account: AccountKey, period: Period) -> list[Movement]:
    """All that touched an account, in the order in which it counts."""
    statement = (
        select(
            postings.c.seq,
            postings.c.at,
            postings.c.kind,
            postings.c.reason,
            deployments.c.handle,
            postings.c.actor,
            *_four_sums(),
        )
        .select_from(
            entries.join(postings, postings.c.seq == entries.c.seq).outerjoin(
                deployments, deployments.c.id == postings.c.deployment_id
            )
        )
        .where(*_of(account), *within(period))
        .group_by(postings.c.seq, deployments.c.handle)
        .order_by(postings.c.at, postings.c.seq)
    )
    rows = connection.execute(statement)
    return [Movement(r[0], r[1], r[2], r[3], r[4], r[5], _balance(r[6:])) for r in rows]


def balance_before(connection: Connection, account: AccountKey, instant: int | None) -> Balance:
    """What an account had before an instant; nothing where the beginning is meant."""
    if instant is None:
        return EMPTY
    statement = select(*_four_sums()).select_from(entries.join(postings, postings.c.seq == entries.c.seq))
    return _balance(connection.execute(statement.where(*_of(account), postings.c.at < instant)).one())


def balances_at(connection: Connection, scope: Scope, until: int | None) -> dict[AccountKey, Balance]:
    """Every balance of an organization as its entries say, of what counts before an instant.

    The mint has no organization; here stands what it gave to this one.
    """
    whose = (entries.c.account_kind, entries.c.org_id, entries.c.owner_id)
    statement = select(*whose, *_four_sums()).select_from(entries.join(postings, postings.c.seq == entries.c.seq))
    found = connection.execute(statement.where(scope.covers(postings), *within(Period(until=until))).group_by(*whose))
    return {AccountKey(AccountKind(row[0]), row[1], row[2]): _balance(row[3:]) for row in found}


def cached_balances(connection: Connection, scope: Scope) -> dict[AccountKey, Balance]:
    kept: dict[AccountKey, Balance] = {}
    for row in connection.execute(select(balances).where(scope.covers(balances))):
        account = AccountKey(AccountKind(row.account_kind), row.org_id, row.owner_id)
        before = kept.get(account, EMPTY)
        book = Book(row.book)
        kept[account] = Balance(
            before.posted + in_book(book, row.posted), before.expected + in_book(book, row.expected)
        )
    return kept


def used_by(
    connection: Connection, scope: Scope, heading: UseHeading, period: Period, owner_id: str | None = None
) -> list[Used]:
    """Use under each heading, the most expensive first. `owner_id` narrows it to one member's deployments."""
    what = _HEADINGS[heading]
    paid = (-_sum(Book.CREDITS, Side.POSTED), -_sum(Book.GPU_TIME, Side.POSTED))
    statement = select(what, *paid, func.count(postings.c.seq.distinct())).select_from(_use_with_runs(heading))
    statement = statement.where(scope.covers(postings), *_is_use(), *within(period))
    if owner_id is not None:
        statement = statement.where(runs.c.owner_id == owner_id)
    rows = connection.execute(statement.group_by(what))
    used = [Used(row[0], Amounts(int(row[1]), int(row[2])), row[3]) for row in rows]
    return sorted(used, key=lambda one: (-one.amounts.ucr, -one.amounts.gpu_ms, one.what))


def use_of(connection: Connection, scope: Scope, period: Period, owner_id: str | None = None) -> Amounts:
    """All use in a period, from the ledger alone; with a member, that of the runs of their deployments."""
    paid = (-_sum(Book.CREDITS, Side.POSTED), -_sum(Book.GPU_TIME, Side.POSTED))
    source = entries.join(postings, postings.c.seq == entries.c.seq)
    conditions = [scope.covers(postings), *_is_use(), *within(period)]
    if owner_id is not None:
        source = source.join(runs, runs.c.id == postings.c.run_id)
        conditions.append(runs.c.owner_id == owner_id)
    row = connection.execute(select(*paid).select_from(source).where(*conditions)).one()
    return Amounts(int(row[0] or 0), int(row[1] or 0))


def at_once(connection: Connection, scope: Scope, owner_id: str | None = None) -> dict[Measure, int]:
    """What deployments hold at this moment, of an organization or of one of its members."""
    statement = select(
        func.sum(deployments.c.gpu_milli * deployments.c.replicas),
        func.sum(deployments.c.cpu_milli * deployments.c.replicas),
        func.count(),
    ).where(scope.covers(deployments), deployments.c.state.in_([state.value for state in HOLDS_CAPACITY]))
    if owner_id is not None:
        statement = statement.where(deployments.c.owner_id == owner_id)
    row = connection.execute(statement).one()
    return {Measure.GPUS: int(row[0] or 0), Measure.CPUS: int(row[1] or 0), Measure.DEPLOYMENTS: row[2]}


def within(period: Period) -> list[ColumnElement[bool]]:
    conditions = []
    if period.since is not None:
        conditions.append(postings.c.at >= period.since)
    if period.until is not None:
        conditions.append(postings.c.at < period.until)
    return conditions


def _of(account: AccountKey) -> tuple[ColumnElement[bool], ...]:
    return (
        entries.c.org_id == account.org,
        entries.c.owner_id == account.owner,
        entries.c.account_kind == account.kind.value,
    )


def _is_use() -> tuple[ColumnElement[bool], ...]:
    return (
        entries.c.side == Side.POSTED.value,
        entries.c.account_kind.in_(PAYERS),
        or_(postings.c.run_id.is_not(None), postings.c.kind.in_(_USE_KINDS)),
    )


def _sum(book: Book, side: Side) -> ColumnElement[int]:
    here = (entries.c.book == book.value) & (entries.c.side == side.value)
    return func.coalesce(func.sum(case((here, entries.c.amount), else_=0)), 0)


def _four_sums() -> list[ColumnElement[int]]:
    return [_sum(book, side) for side in (Side.POSTED, Side.HELD) for book in Book]


def _balance(sums: Sequence[int]) -> Balance:
    posted_ucr, posted_ms, held_ucr, held_ms = (int(amount) for amount in sums)
    return Balance(Amounts(posted_ucr, posted_ms), Amounts(held_ucr, held_ms))


def _models() -> Select[tuple[str, int, str]]:
    """The GPU model on which each run was placed."""
    joined = allocations.join(nodes, nodes.c.id == allocations.c.node_id)
    model = func.min(nodes.c.gpu_model).label("gpu_model")
    key = (allocations.c.deployment_id, allocations.c.generation)
    return select(*key, model).select_from(joined).group_by(*key)


_PLACED = _models().subquery("placed")

_HEADINGS: dict[UseHeading, ColumnElement[str]] = {
    UseHeading.USER: func.coalesce(accounts.c.name, literal("-")),
    UseHeading.CLUSTER: func.coalesce(clusters.c.name, literal("-")),
    UseHeading.DEPLOYMENT: func.coalesce(deployments.c.handle, literal("-")),
    UseHeading.GPU_MODEL: case(
        (deployments.c.gpu_milli == 0, _NO_GPU),
        else_=func.coalesce(_PLACED.c.gpu_model, deployments.c.gpu_model, literal(_ANY_MODEL)),
    ),
}


def _use_with_runs(heading: UseHeading):  # type: ignore[no-untyped-def]
    """Outer joins all the way: what cannot be told apart is still part of the sum."""
    source = entries.join(postings, postings.c.seq == entries.c.seq).outerjoin(runs, runs.c.id == postings.c.run_id)
    match heading:
        case UseHeading.USER:
            return source.outerjoin(accounts, accounts.c.id == runs.c.owner_id)
        case UseHeading.CLUSTER:
            return source.outerjoin(clusters, clusters.c.id == runs.c.cluster_id)
        case UseHeading.DEPLOYMENT:
            return source.outerjoin(deployments, deployments.c.id == postings.c.deployment_id)
        case UseHeading.GPU_MODEL:
            placed = (_PLACED.c.deployment_id == runs.c.deployment_id) & (_PLACED.c.generation == runs.c.generation)
            return source.outerjoin(deployments, deployments.c.id == runs.c.deployment_id).outerjoin(_PLACED, placed)
