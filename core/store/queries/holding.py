"""What holds a place on a cluster, in outline: enough to compare with what its engine shows, cheap for thousands."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, and_, bindparam, literal, select

from core.domain.lifecycle import HOLDS_CAPACITY, State
from core.store.fixed import Fixed
from core.store.repositories.deployments import deployments
from core.store.repositories.runs import pays_whole, runs


class Outline(NamedTuple):
    id: str
    handle: str
    generation: int
    replicas: int
    state: State
    run_id: str | None
    seen_at: int | None  # the last written proof that its run lives
    pays_whole: bool  # rather than the part of what is suspended


def outlines(connection: Connection, cluster_id: str) -> list[Outline]:
    rows = _OUTLINES.rows(connection, {"cluster": cluster_id})
    return [
        Outline(id_, handle, gen, count, _STATES[state], run, seen, segments is not None and pays_whole(segments))
        for id_, handle, gen, count, state, run, seen, segments in rows
    ]


_STATES = {state.value: state for state in HOLDS_CAPACITY}
_OUTLINES = Fixed(
    select(
        deployments.c.id,
        deployments.c.handle,
        deployments.c.generation,
        deployments.c.replicas,
        deployments.c.state,
        runs.c.id,
        runs.c.seen_at,
        runs.c.segments,
    )
    .select_from(deployments.outerjoin(runs, and_(runs.c.deployment_id == deployments.c.id, runs.c.ended_at.is_(None))))
    .where(deployments.c.cluster_id == bindparam("cluster"), deployments.c.state.in_(map(literal, sorted(_STATES))))
    .order_by(deployments.c.id)
)
