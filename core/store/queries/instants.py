"""When something is due by time alone, so that the daemon can sleep until then and need not ask again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from core.domain.lifecycle import HOLDS_CAPACITY, State
from core.ledger.postings import METERED
from core.store.repositories.deployments import ON_A_CLUSTER, deployments
from core.store.repositories.journal import events
from core.store.repositories.ledger import postings
from core.store.repositories.runs import pins

_HOLDING = [state.value for state in HOLDS_CAPACITY]
_LIMITED = [State.RUNNING.value, State.SUSPENDED.value]


@dataclass(frozen=True, slots=True)
class Outlook:
    """One cluster: how many hold a place there, and when time alone will change what a plan does."""

    holding: int
    next_at: int | None


def of_cluster(connection: Connection, cluster_id: str, now: int) -> Outlook:
    here = deployments.c.cluster_id == cluster_id
    waits = deployments.c.state == State.QUEUED.value
    counts = select(
        func.count().filter(deployments.c.state.in_(_HOLDING)),
        func.min(deployments.c.not_before).filter(waits, deployments.c.not_before > now),
    ).where(here, deployments.c.state.in_([*_HOLDING, State.QUEUED.value]))
    holding, not_before = connection.execute(counts).one()
    unpinned = select(func.min(pins.c.expires_at)).where(pins.c.cluster_id == cluster_id, pins.c.expires_at > now)
    instants = [at for at in (not_before, connection.execute(unpinned).scalar()) if at is not None]
    return Outlook(holding, min(instants, default=None))


@dataclass(frozen=True, slots=True)
class Limited:
    """A job that runs with a time limit: enough of it to warn and to stop."""

    id: str
    handle: str
    org_id: str
    started_at: int
    ends_at: int


def limited(connection: Connection, before: int | None = None) -> list[Limited]:
    """What will reach its limit, soonest first; with `before` only what does so until then."""
    ends_at = deployments.c.started_at + deployments.c.limit_ms * 1000
    statement = select(
        deployments.c.id, deployments.c.handle, deployments.c.org_id, deployments.c.started_at, ends_at
    ).where(
        ON_A_CLUSTER,
        deployments.c.state.in_(_LIMITED),
        deployments.c.limit_ms.is_not(None),
        deployments.c.started_at.is_not(None),
    )
    if before is not None:
        statement = statement.where(ends_at <= before)
    return [Limited(*row) for row in connection.execute(statement.order_by(ends_at, deployments.c.id))]


def next_limit(connection: Connection, after: int) -> int | None:
    """The first limit that will be reached behind an instant."""
    ends_at = deployments.c.started_at + deployments.c.limit_ms * 1000
    statement = select(func.min(ends_at)).where(ON_A_CLUSTER, deployments.c.state.in_(_LIMITED), ends_at > after)
    found: int | None = connection.execute(statement).scalar()
    return found


def oldest_in(connection: Connection, state: State) -> int | None:
    """Since when the one that has been longest in a state is in it."""
    statement = select(func.min(deployments.c.state_since)).where(ON_A_CLUSTER, deployments.c.state == state.value)
    found: int | None = connection.execute(statement).scalar()
    return found


def last_posted(connection: Connection, run_ids: Sequence[str]) -> dict[str, int]:
    """The instant of each run's newest charge, where it has one."""
    kinds = [kind.value for kind in METERED]
    found: dict[str, int] = {}
    for start in range(0, len(run_ids), 500):
        newest = select(postings.c.run_id, func.max(postings.c.at)).where(
            postings.c.run_id.in_(run_ids[start : start + 500]), postings.c.kind.in_(kinds)
        )
        found.update((row[0], row[1]) for row in connection.execute(newest.group_by(postings.c.run_id)))
    return found


def was_told(connection: Connection, kind: str, subject: str, since: int) -> set[str]:
    """What events of a kind have said of a subject since then, so that nothing is said twice."""
    said = select(events.c.data).where(events.c.subject == subject, events.c.kind == kind, events.c.at >= since)
    return set(connection.execute(said).scalars())
