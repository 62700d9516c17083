"""Instances that bear our token and that nobody knows any more: left alone for a grace, then stopped, on record.

One can come about when a start was accepted after we had given it up. Strangers without our token are never touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from core.clock import SECOND
from core.daemon.ground import Ground
from core.domain.engines import Observed, Token
from core.domain.errors import BursarError
from core.domain.flavors import card_at, freeze_rate
from core.domain.roles import Caller
from core.ledger.accounts import treasury
from core.ledger.amounts import NOTHING, Amounts
from core.ledger.meter import due, open_line
from core.store.repositories.clusters import ClusterRow
from core.store.units import Unit


@dataclass(slots=True)
class Sightings:
    """When each was first seen, and which have been told to stop."""

    first: dict[Token, int] = field(default_factory=dict)
    told: dict[Token, int] = field(default_factory=dict)

    def keep(self, present: set[Token]) -> None:
        for gone in self.first.keys() - present:
            self.first.pop(gone)
            self.told.pop(gone, None)


def reap(ground: Ground, cluster: ClusterRow, strays: Sequence[Observed], sightings: Sightings) -> int:
    """Stop what has been unknown for longer than the grace; returns how many were stopped anew."""
    now = ground.units.now()
    present = {one.token: one for one in strays if one.token is not None}
    sightings.keep(set(present))
    grace = ground.settings.clusters.leak_grace_ms * 1000
    ripe = []
    for token, one in present.items():
        first = sightings.first.setdefault(token, min(now, one.created_at or now))
        if now - first >= grace and sightings.told.get(token, 0) + grace <= now:
            ripe.append(one)
    return stop(ground, cluster, ripe, sightings) if ripe else 0


def stop(ground: Ground, cluster: ClusterRow, strays: Sequence[Observed], sightings: Sightings) -> int:
    """End them, each with a row in the audit that says what it has cost us."""
    engine, now = ground.engines.of(cluster), ground.units.now()
    kill_wait_s = ground.settings.scheduling.kill_wait_ms * 1000 / SECOND
    stopped = []
    for one in strays:
        if one.token is None or not ground.may_act():
            continue
        try:
            engine.stop(one.token, kill_wait_s)
        except BursarError:
            continue  # it is seen again, and tried again
        if one.token not in sightings.told:
            stopped.append(one)
        sightings.told[one.token] = now
    if stopped:
        with ground.units.lead(ground.leadership) as unit:
            _tell(unit, cluster, stopped)
    return len(stopped)


def stop_for(ground: Ground, caller: Caller, cluster: ClusterRow, strays: Sequence[Observed]) -> set[Token]:
    """End them in the name of somebody who has looked: at once, and whoever leads.

    To stop twice what bears a token is to stop it once, and no token is used again: so it needs no lead.
    """
    engine = ground.engines.of(cluster)
    kill_wait_s = ground.settings.scheduling.kill_wait_ms * 1000 / SECOND
    stopped = []
    for one in strays:
        if one.token is not None:
            with suppress(BursarError):  # it is still in the list that follows
                engine.stop(one.token, kill_wait_s)
                stopped.append(one)
    if stopped:
        with ground.units.write(caller) as unit:
            _tell(unit, cluster, stopped)
    return {one.token for one in stopped if one.token is not None}


def _tell(unit: Unit, cluster: ClusterRow, stopped: Sequence[Observed]) -> None:
    for one in stopped:
        unit.record("cluster.leak", cluster.handle, after=_facts(unit, cluster, one), org_id=cluster.org_id)


def _facts(unit: Unit, cluster: ClusterRow, one: Observed) -> dict[str, object]:
    cost = cost_so_far(unit, cluster, one)
    return {"token": str(one.token), "node": one.node, "credits_ucr": cost.ucr, "gpu_ms": cost.gpu_ms}


def cost_so_far(unit: Unit, cluster: ClusterRow, one: Observed) -> Amounts:
    """What it would have cost whoever had asked for it, by today's prices."""
    since = one.started_at if one.started_at is not None else one.created_at
    if since is None:
        return NOTHING
    models = [node.gpu_model for node in unit.clusters.nodes_of(cluster.id) if node.name == one.node]
    card = card_at(unit.prices.cards(cluster.id), unit.now)
    rate = freeze_rate(one.resources, models[0] if models else None, None, card)
    return due(open_line("", "", treasury(cluster.org_id), rate, since), unit.now)
