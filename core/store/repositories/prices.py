"""Prices and limits: rate cards and flavors in versions, limits by level and measure, standings on the ladder."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from functools import cache, lru_cache

from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, select, update

from core.domain.flavors import Flavor, RateCard
from core.domain.quota import Level, Limit, Measure
from core.domain.resources import Resources
from core.ledger.amounts import Book
from core.ledger.ladder import Standing
from core.store.fixed import Fixed
from core.store.scope import Scope, covered
from core.store.tables import money

rate_cards = money.RateCardVersion.__table__
flavors = money.FlavorVersion.__table__
limits = money.LimitRow.__table__
standings = money.WalletStanding.__table__


class Prices:
    """Of the whole installation: everybody who may submit sees what it costs. Read once in a unit."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cards: dict[str, list[RateCard]] = {}
        self._flavors: list[Flavor] | None = None

    def cards(self, cluster_id: str) -> list[RateCard]:
        if cluster_id not in self._cards:
            self._cards[cluster_id] = [_card(*row) for row in _CARDS.rows(self._connection, {"cluster": cluster_id})]
        return self._cards[cluster_id]

    def add_card(self, cluster_id: str, card: RateCard, set_by: str) -> None:
        self._cards.clear()
        prices = {name: value for name, value in asdict(card).items() if name not in ("version", "effective_from")}
        values = {"version": card.version, "effective_from": card.effective_from, "prices": json.dumps(prices)}
        self._connection.execute(insert(rate_cards), {"cluster_id": cluster_id, "set_by": set_by, **values})

    def flavors(self) -> list[Flavor]:
        if self._flavors is None:
            self._flavors = self._read_flavors()
        return self._flavors

    def _read_flavors(self) -> list[Flavor]:
        rows = self._connection.execute(select(flavors).order_by(flavors.c.name, flavors.c.version))
        return [
            Flavor(
                name=row.name,
                size=Resources(row.cpu_milli, row.ram_mib, row.gpu_milli, row.disk_mib),
                ucr_per_hour=row.ucr_per_hour,
                gpu_model=row.gpu_model,
                version=row.version,
                effective_from=row.effective_from,
                retired=bool(row.retired),
            )
            for row in rows
        ]

    def add_flavor(self, flavor: Flavor, set_by: str) -> None:
        self._flavors = None
        self._connection.execute(
            insert(flavors),
            {
                "name": flavor.name,
                "version": flavor.version,
                "effective_from": flavor.effective_from,
                **asdict(flavor.size),
                "gpu_model": flavor.gpu_model,
                "ucr_per_hour": flavor.ucr_per_hour,
                "retired": int(flavor.retired),
                "set_by": set_by,
            },
        )


class Limits:
    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope
        self._known: list[tuple[str, Limit]] | None = None

    def all(self) -> list[tuple[str, Limit]]:
        """Each limit with its subject: a member's or a cluster's id, or nothing for the organization itself."""
        if self._known is None:
            rows = _all_limits(self._scope.is_everything).rows(self._connection, self._scope.bound)
            self._known = [
                (subject, Limit(Level(level), Measure(measure), most)) for subject, level, measure, most in rows
            ]
        return list(self._known)

    def that_bind(self, member_id: str, cluster_id: str) -> list[tuple[str, Limit]]:
        """The limits that a member's submission to a cluster must pass."""
        mine = {"": Level.ORG, member_id: Level.MEMBER, cluster_id: Level.CLUSTER}
        return [(subject, limit) for subject, limit in self.all() if mine.get(subject) is limit.level]

    def set(self, org_id: str, subject: str, limit: Limit) -> None:
        self.lift(subject, limit.level, limit.measure)
        values = {"level": limit.level.value, "subject": subject, "measure": limit.measure.value, "most": limit.most}
        self._connection.execute(insert(limits), {"org_id": org_id, **values})
        self._known = None

    def lift(self, subject: str, level: Level, measure: Measure) -> None:
        this = (limits.c.subject == subject, limits.c.level == level.value, limits.c.measure == measure.value)
        self._connection.execute(delete(limits).where(self._scope.covers(limits), *this))
        self._known = None


class Standings:
    """Where wallets stand on the run-out ladder. A unit sees one moment, so what it has read it keeps."""

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope
        self._known: dict[tuple[str, str], dict[Book, Standing]] = {}

    def of(self, org_id: str, owner_id: str, book: Book) -> Standing:
        return self.of_wallet(org_id, owner_id).get(book, Standing())

    def of_wallet(self, org_id: str, owner_id: str) -> dict[Book, Standing]:
        """In each book in which it has ever been looked at."""
        known = self._known.get((org_id, owner_id))
        if known is None:
            rows = _OF_WALLET.rows(self._connection, {"org": org_id, "owner": owner_id})
            known = self._known[org_id, owner_id] = {Book(book): Standing(*kept) for book, *kept in rows}
        return known

    def put(self, org_id: str, owner_id: str, book: Book, standing: Standing, look_at: int | None) -> None:
        self._known.pop((org_id, owner_id), None)
        values = {**asdict(standing), "look_at": look_at}
        changed = update(standings).where(*_standing_of(org_id, owner_id, book)).values(**values)
        if self._connection.execute(changed).rowcount == 0:
            this = {"org_id": org_id, "owner_id": owner_id, "book": book.value}
            self._connection.execute(insert(standings), {**this, **values})

    def due(self, now: int) -> list[tuple[str, str]]:
        """The wallets to look at by now, as organization and owner."""
        statement = select(standings.c.org_id, standings.c.owner_id).distinct()
        due = statement.where(self._scope.covers(standings), standings.c.look_at <= now)
        return [(row.org_id, row.owner_id) for row in self._connection.execute(due)]

    def next_look_at(self) -> int | None:
        statement = select(standings.c.look_at).where(standings.c.look_at.is_not(None))
        return self._connection.execute(statement.order_by(standings.c.look_at).limit(1)).scalar()


def _standing_of(org_id: str, owner_id: str, book: Book) -> tuple[ColumnElement[bool], ...]:
    return (standings.c.org_id == org_id, standings.c.owner_id == owner_id, standings.c.book == book.value)


_CARDS = Fixed(
    select(rate_cards.c.version, rate_cards.c.effective_from, rate_cards.c.prices)
    .where(rate_cards.c.cluster_id == bindparam("cluster"))
    .order_by(rate_cards.c.version)
)
_OF_WALLET = Fixed(
    select(standings.c.book, *(standings.c[name] for name in Standing.__slots__)).where(
        standings.c.org_id == bindparam("org"), standings.c.owner_id == bindparam("owner")
    )
)


@cache
def _all_limits(everything: bool) -> Fixed:
    columns = (limits.c.subject, limits.c.level, limits.c.measure, limits.c.most)
    these = covered(limits, everything=everything)
    return Fixed(select(*columns).where(these).order_by(limits.c.level, limits.c.subject))


@lru_cache(maxsize=1_000)
def _card(version: int, effective_from: int, prices: str) -> RateCard:
    kept = json.loads(prices)
    kept["gpu_models"] = tuple((name, price) for name, price in kept["gpu_models"])
    known = {field.name for field in fields(RateCard)}
    return RateCard(version=version, effective_from=effective_from, **{k: v for k, v in kept.items() if k in known})
