"""How much of each limit on use is taken: settled use and open holds, in the book that the limit counts in."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from core.domain.quota import OF_USE, Level, LimitUse, Measure
from core.ledger.accounts import AccountKind, spent
from core.ledger.amounts import MEASURE_OF, NOTHING, Amounts, Book, in_book
from core.ledger.burn import accrued
from core.store import settlement
from core.store.repositories.deployments import deployments
from core.store.repositories.ledger import entries, postings
from core.store.units import Unit

_PAYERS = (AccountKind.WALLET.value, AccountKind.TREASURY.value)


def that_bind(unit: Unit, member_id: str, cluster_id: str) -> list[LimitUse]:
    """The limits on use that a submission must pass, each with what is used of it."""
    return [
        LimitUse(limit, _taken(unit, limit.level, subject).of(_book_of(limit.measure)))
        for subject, limit in unit.limits.that_bind(member_id, cluster_id)
        if limit.measure in OF_USE
    ]


def _book_of(measure: Measure) -> Book:
    return next(book for book, counted in MEASURE_OF.items() if counted is measure)


def _taken(unit: Unit, level: Level, subject: str) -> Amounts:
    return used_of(unit, level, subject) + _accrued(unit, level, subject)


def _accrued(unit: Unit, level: Level, subject: str) -> Amounts:
    """What has been used since the meter last posted, by what holds nothing: up to six hours of services and VMs."""
    runs = [
        run
        for run in unit.runs.all_open()
        if level is Level.ORG or subject == (run.owner_id if level is Level.MEMBER else run.cluster_id)
    ]
    held = unit.ledger.holds_left([run.deployment_id for run in runs])
    unheld = [run for run in runs if not held.get(run.deployment_id)]
    return accrued(settlement.burning_of(unit, unheld), unit.now)


def used_of(unit: Unit, level: Level, subject: str) -> Amounts:
    """What a member, the organization or a cluster's users in it have used, holds included."""
    if level is Level.ORG:
        balance = unit.ledger.balance(spent(unit.org_id))
        return balance.posted + balance.expected
    column = deployments.c.owner_id if level is Level.MEMBER else deployments.c.cluster_id
    return _used_by(unit.connection, unit.org_id, column == subject)


def _used_by(connection: Connection, org_id: str, condition: object) -> Amounts:
    """Everything that postings for these deployments took from whoever pays, on both sides."""
    statement = (
        select(entries.c.book, func.sum(-entries.c.amount))
        .select_from(
            deployments.join(postings, postings.c.deployment_id == deployments.c.id).join(
                entries, entries.c.seq == postings.c.seq
            )
        )
        .where(deployments.c.org_id == org_id, condition, entries.c.account_kind.in_(_PAYERS))  # type: ignore[arg-type]
        .group_by(entries.c.book)
    )
    total = NOTHING
    for book, amount in connection.execute(statement):
        total += in_book(Book(book), int(amount))
    return total
