"""Limits of members, clusters and the organization: set and shown with what is taken of them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from core.domain.money_requests import LimitsRequest
from core.domain.quota import OF_USE, Level, Limit, Measure, show
from core.domain.roles import Permission, allows
from core.ledger.amounts import MEASURE_OF, Amounts
from core.services.funds import members_wallet
from core.services.references import picked
from core.services.usecase import reads, writes
from core.store.queries import limits_of_use, use
from core.store.units import Unit, Units
from core.views.money import LimitLine
from core.views.operations import Page

_BOOK_OF = {measure: book for book, measure in MEASURE_OF.items()}


class Limits:
    def __init__(self, units: Units) -> None:
        self.units = units

    @reads(Permission.LIMITS_READ)
    def show(self, unit: Unit) -> Page[LimitLine]:
        """Every limit of the organization with what is taken of it; members see no other member's."""
        sees_all = allows(unit.me, Permission.LIMITS_SET)
        limits = unit.limits.all()
        if not sees_all:
            limits = [one for one in limits if one[1].level is not Level.MEMBER or one[0] == unit.me.account_id]
        return Page(_lines(unit, limits))

    @writes(Permission.LIMITS_SET)
    def set(self, unit: Unit, request: LimitsRequest) -> Page[LimitLine]:
        """New limits; what runs goes on though it be beyond them. Answers the limits of that subject."""
        level, subject, name = _subject(unit, request)
        before = {limit.measure: limit.most for at, limit in unit.limits.all() if (limit.level, at) == (level, subject)}
        for measure, most in request.changes.items():
            if most is None:
                unit.limits.lift(subject, level, measure)
            else:
                unit.limits.set(unit.org_id, subject, Limit(level, measure, most))
        after = {limit.measure: limit.most for at, limit in unit.limits.all() if (limit.level, at) == (level, subject)}
        unit.record("limits.set", f"{level.value} {name}".strip(), _facts(before), _facts(after))
        return Page(_lines(unit, [one for one in unit.limits.all() if (one[1].level, one[0]) == (level, subject)]))


def _used(unit: Unit, limits: Iterable[tuple[str, Limit]]) -> list[tuple[str, Limit, int]]:
    """What is taken of each; what several limits of one subject ask is looked up once."""
    of_use: dict[tuple[Level, str], Amounts] = {}
    at_once: dict[tuple[Level, str], dict[Measure, int]] = {}
    found = []
    for subject, limit in limits:
        where = limit.level, subject
        if limit.measure in OF_USE:
            if where not in of_use:
                of_use[where] = limits_of_use.used_of(unit, *where)
            used = of_use[where].of(_BOOK_OF[limit.measure])
        else:
            if where not in at_once:
                at_once[where] = use.at_once(unit.connection, unit.scope, subject or None)
            used = at_once[where][limit.measure]
        found.append((subject, limit, used))
    return found


def _subject(unit: Unit, request: LimitsRequest) -> tuple[Level, str, str]:
    if request.member is not None:
        account, name = members_wallet(unit, request.member)
        return Level.MEMBER, account.owner, name
    if request.cluster is not None:
        clusters = unit.clusters.all()
        cluster = picked(
            request.cluster, clusters, lambda c: (c.handle, c.name), what="cluster", see="bursar cluster list"
        )
        return Level.CLUSTER, cluster.id, cluster.name
    return Level.ORG, "", ""


def _lines(unit: Unit, limits: list[tuple[str, Limit]]) -> tuple[LimitLine, ...]:
    lines = []
    for subject, limit, used in _used(unit, limits):
        numbers = [_number(limit.measure, amount) for amount in (limit.most, used, limit.most - used)]
        lines.append(LimitLine(limit.level.value, _name(unit, limit.level, subject), limit.measure.value, *numbers))
    return tuple(lines)


def _number(measure: Measure, amount: int) -> Decimal:
    """The amount alone: its unit is the measure."""
    return Decimal(show(measure, amount).split(" ")[0])


def _name(unit: Unit, level: Level, subject: str) -> str:
    match level:
        case Level.MEMBER:
            account = unit.accounts.by_id(subject)
            return account.name if account else subject
        case Level.CLUSTER:
            cluster = unit.clusters.by_id(subject)
            return cluster.name if cluster else subject
        case Level.ORG:
            return unit.me.org_name or ""


def _facts(limits: dict[Measure, int]) -> dict[str, object]:
    return {measure.value: show(measure, most) for measure, most in limits.items()}
