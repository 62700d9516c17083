"""What capacity costs: flavors of the installation and unit prices of clusters, in versions that never reach back."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from core.domain.flavors import Flavor, RateCard, card_at, format_credits, next_card, next_flavor, retired_flavor
from core.domain.money_requests import FlavorRequest, RatesRequest
from core.domain.periods import read_instant
from core.domain.roles import Permission
from core.services.clusters import named_or_only, visible_cluster
from core.services.usecase import reads, writes
from core.store.repositories.clusters import ClusterRow
from core.store.units import Unit, Units
from core.views.money import FlavorLine, RatesLine
from core.views.operations import Page


class Prices:
    def __init__(self, units: Units) -> None:
        self.units = units

    @reads(Permission.RATES_READ)
    def flavors(self, unit: Unit) -> Page[FlavorLine]:
        """The newest version of each flavor."""
        newest: dict[str, Flavor] = {flavor.name: flavor for flavor in unit.prices.flavors()}
        return Page(tuple(_flavor_line(flavor) for flavor in newest.values()))

    @writes(Permission.RATES_SET)
    def set_flavor(self, unit: Unit, request: FlavorRequest) -> FlavorLine:
        """A new flavor, or a new version of one; what runs with the old version keeps its price."""
        draft = Flavor(request.name, request.size, request.price, request.gpu_model, effective_from=unit.now)
        known = unit.prices.flavors()
        flavor = next_flavor(known, draft, unit.now)
        unit.prices.add_flavor(flavor, unit.me.name)
        before = next((_flavor_facts(old) for old in reversed(known) if old.name == flavor.name), None)
        unit.record("flavor.set", flavor.name, before, _flavor_facts(flavor))
        return _flavor_line(flavor)

    @writes(Permission.RATES_SET)
    def retire_flavor(self, unit: Unit, name: str) -> FlavorLine:
        """Nobody may ask for it any more; what runs with it goes on."""
        flavor = retired_flavor(unit.prices.flavors(), name.lower(), unit.now)
        unit.prices.add_flavor(flavor, unit.me.name)
        unit.record("flavor.retire", flavor.name, after={"version": flavor.version})
        return _flavor_line(flavor)

    @reads(Permission.RATES_READ)
    def rates(self, unit: Unit, cluster: str | None = None) -> Page[RatesLine]:
        """The unit prices in force of the clusters that can be used, and those that are set to follow."""
        chosen = unit.clusters.all() if cluster is None else [visible_cluster(unit, cluster)]
        return Page(tuple(line for one in chosen for line in _rates_lines(unit, one)))

    @writes(Permission.RATES_SET)
    def set_rates(self, unit: Unit, request: RatesRequest) -> Page[RatesLine]:
        """New prices from now or a later instant on; a run keeps those of its start."""
        cluster = named_or_only(unit, request.cluster)
        org = unit.orgs.by_id(unit.org_id)
        zone = org.time_zone if org else "UTC"
        begins = unit.now if request.begins is None else read_instant(request.begins, "from", zone)
        cards = unit.prices.cards(cluster.id)
        before = card_at(cards, begins)
        draft = replace(request.applied_to(before), effective_from=begins)
        card = next_card(cards, draft, unit.now)
        unit.prices.add_card(cluster.id, card, unit.me.name)
        unit.clusters.touch(cluster.id)
        changed = dict(request.changes)
        unit.record("rates.set", cluster.name, {"version": before.version}, {"version": card.version, **changed})
        return Page(_rates_lines(unit, cluster))


def _flavor_facts(flavor: Flavor) -> dict[str, object]:
    return {"credits_per_hour": format_credits(flavor.ucr_per_hour), "version": flavor.version}


def _flavor_line(flavor: Flavor) -> FlavorLine:
    state = "retired" if flavor.retired else "offered"
    return FlavorLine(flavor.name, flavor.size, flavor.gpu_model, flavor.ucr_per_hour, flavor.version, state)


def _rates_lines(unit: Unit, cluster: ClusterRow) -> tuple[RatesLine, ...]:
    cards = unit.prices.cards(cluster.id)
    shown = [card_at(cards, unit.now), *(card for card in cards if card.effective_from > unit.now)]
    return tuple(_rates_line(cluster, card) for card in shown)


def _rates_line(cluster: ClusterRow, card: RateCard) -> RatesLine:
    return RatesLine(
        cluster=cluster.name,
        cpu_hour_ucr=card.cpu_hour_ucr,
        gib_hour_ucr=card.gib_hour_ucr,
        gpu_hour_ucr=card.gpu_hour_ucr,
        gpu_models={model: Decimal(format_credits(price)) for model, price in card.gpu_models},
        disk_gib_hour_ucr=card.disk_gib_hour_ucr,
        suspended_milli=card.suspended_milli,
        stopped_milli=card.stopped_milli,
        version=card.version,
        effective_from=card.effective_from,
    )
