"""Asks the engines to end what is being stopped, again and again until its absence is proved."""

from __future__ import annotations

from core.clock import SECOND
from core.daemon.engines import Engines
from core.domain.errors import BursarError
from core.domain.lifecycle import State
from core.store.repositories.clusters import ClusterRow
from core.store.units import Units


def stop_pending(units: Units, engines: Engines, cluster: ClusterRow) -> tuple[int, list[BursarError]]:
    """How many were asked, and what went wrong. Nothing is written: only a later listing proves an end."""
    with units.look() as unit:
        rows = unit.deployments.in_states({State.STOPPING}, cluster.id)
        now = unit.now
    troubles = []
    for row in rows:
        grace_s = max(0, (row.stop_by or now) - now) / SECOND
        for token in engines.tokens(row):
            try:
                engines.driver(cluster).stop(token, grace_s)
            except BursarError as error:
                troubles.append(error)
    return len(rows), troubles
