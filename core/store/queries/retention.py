"""What has been kept for long enough, and its removal. Money and audit are kept for ever, and so are tombstones."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select, update

from core.domain.lifecycle import FINAL, State
from core.store.repositories.accounts import sessions
from core.store.repositories.answers import first_answers
from core.store.repositories.deployments import DeploymentRow, Deployments, deployments, preemptions
from core.store.repositories.instances import instances
from core.store.repositories.journal import events
from core.store.repositories.runs import allocations

_ENDED = [state.value for state in FINAL - {State.DELETED}]


def ended_before(connection: Connection, repository: Deployments, instant: int, limit: int) -> list[DeploymentRow]:
    """What ended so long ago that only its tombstone is kept, the oldest first."""
    old = select(deployments.c.id).where(deployments.c.state.in_(_ENDED), deployments.c.ended_at < instant)
    ids = connection.execute(old.order_by(deployments.c.ended_at, deployments.c.id).limit(limit)).scalars().all()
    return repository.by_ids(list(ids))


def compact(connection: Connection, deployment_id: str) -> None:
    """Leave of it what a tombstone tells: name, labels, times, cost; not what was run with which secrets."""
    this = update(deployments).where(deployments.c.id == deployment_id)
    connection.execute(this.values(env="{}", command="[]"))
    connection.execute(
        delete(allocations).where(allocations.c.deployment_id == deployment_id, allocations.c.released_at.is_not(None))
    )
    connection.execute(delete(instances).where(instances.c.deployment_id == deployment_id))
    connection.execute(delete(preemptions).where(preemptions.c.victim_id == deployment_id))


def is_compacted(connection: Connection, row: DeploymentRow) -> bool:
    """Whether only the tombstone is left of it: its places are gone, or it was swept away long after it ended."""
    if row.generation == 0:
        return row.ended_at is not None and row.ended_at < row.state_since
    placed = select(allocations.c.id).where(allocations.c.deployment_id == row.id).limit(1)
    return connection.execute(placed).first() is None


def events_before(connection: Connection, instant: int, *, remove: bool) -> int:
    return _old(connection, events, events.c.at < instant, remove)


def answers_before(connection: Connection, instant: int, *, remove: bool) -> int:
    return _old(connection, first_answers, first_answers.c.at < instant, remove)


def sessions_before(connection: Connection, instant: int, *, remove: bool) -> int:
    """Sessions and tokens that ended so long ago, whichever way."""
    ended = (sessions.c.revoked_at < instant) | (sessions.c.expires_at < instant)
    return _old(connection, sessions, ended, remove)


def _old(connection: Connection, table: Table, is_old: ColumnElement[bool], remove: bool) -> int:
    if remove:
        return connection.execute(delete(table).where(is_old)).rowcount
    return connection.execute(select(func.count()).select_from(table).where(is_old)).scalar_one()
