"""When something is due by time alone, so that the daemon can sleep until then and need not ask again and again."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, literal, select

from core.domain.lifecycle import HOLDS_CAPACITY, State
from core.ledger.postings import METERED
from core.store.fixed import Fixed
from core.store.repositories.deployments import ON_A_CLUSTER, deployments
from core.store.repositories.journal import events
from core.store.repositories.ledger import postings
from core.store.repositories.runs import pins, runs

_HOLDING = [literal(state.value) for state in HOLDS_CAPACITY]
_QUEUED = literal(State.QUEUED.value)
_LIMITED = [State.RUNNING.value, State.SUSPENDED.value]


@dataclass(frozen=True, slots=True)
class Outlook:
    """One cluster: how many hold a place there, and when time alone will change what a plan does."""

    holding: int
    next_at: int | None


def of_cluster(connection: Connection, cluster_id: str, now: int) -> Outlook:
    asked = {"cluster": cluster_id, "now": now}
    ((holding, not_before),) = _COUNTS.rows(connection, asked)
    ((unpinned,),) = _UNPINNED.rows(connection, asked)
    return Outlook(holding, min((at for at in (not_before, unpinned) if at is not None), default=None))


_COUNTS = Fixed(
    select(
        func.count().filter(deployments.c.state.in_(_HOLDING)),
        func.min(deployments.c.not_before).filter(
            deployments.c.state == _QUEUED, deployments.c.not_before > bindparam("now")
        ),
    ).where(deployments.c.cluster_id == bindparam("cluster"), deployments.c.state.in_([*_HOLDING, _QUEUED]))
)
_UNPINNED = Fixed(
    select(func.min(pins.c.expires_at)).where(
        pins.c.cluster_id == bindparam("cluster"), pins.c.expires_at > bindparam("now")
    )
)


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


@dataclass(frozen=True, slots=True)
class Unposted:
    """An open run, and since when nothing was posted of it."""

    deployment_id: str
    org_id: str
    seen_at: int
    since: int


def unposted(connection: Connection, before: int) -> list[Unposted]:
    """Of the runs that began before an instant and are still open."""
    charged = postings.c.run_id == runs.c.id, postings.c.kind.in_([kind.value for kind in METERED])
    # The newest is the last written, not the latest dated, since a clock may have been ahead. A charge is dated with
    # the last microsecond that it pays for; the next one counts from behind it.
    newest = select(postings.c.at + 1).where(*charged).order_by(postings.c.seq.desc()).limit(1)
    since = func.coalesce(newest.scalar_subquery(), runs.c.started_at)
    statement = select(runs.c.deployment_id, runs.c.org_id, runs.c.seen_at, since)
    statement = statement.where(runs.c.ended_at.is_(None), runs.c.started_at < before)
    return [Unposted(*row) for row in connection.execute(statement.order_by(runs.c.started_at, runs.c.id))]


def first_open_run(connection: Connection, since: int) -> int | None:
    """When the first of the open runs began, of those that did so at an instant or later."""
    first = select(func.min(runs.c.started_at)).where(runs.c.ended_at.is_(None), runs.c.started_at >= since)
    found: int | None = connection.execute(first).scalar()
    return found


def was_told(connection: Connection, kind: str, subject: str, since: int) -> set[str]:
    """What events of a kind have said of a subject since then, so that nothing is said twice."""
    said = select(events.c.data).where(events.c.subject == subject, events.c.kind == kind, events.c.at >= since)
    return set(connection.execute(said).scalars())
