"""Which deployments of a cluster a follower must look at again: named ones, those that wait for them, those by time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import Connection, select

from core.store.repositories.deployments import DeploymentRow, Deployments, dependencies, deployments, preemptions

_PART = 500


def on_cluster(connection: Connection, cluster_id: str, handles: Collection[str]) -> set[str]:
    """The deployments with these handles that belong to the cluster, and those there that wait for one of them."""
    found: set[str] = set()
    for part in _parts(sorted(handles)):
        named = select(deployments.c.id, deployments.c.cluster_id).where(deployments.c.handle.in_(part))
        rows = connection.execute(named).all()
        found.update(row.id for row in rows if row.cluster_id == cluster_id)
        joined = dependencies.join(deployments, deployments.c.id == dependencies.c.deployment_id)
        waiting = select(dependencies.c.deployment_id).select_from(joined)
        waiting = waiting.where(dependencies.c.after_id.in_([row.id for row in rows]))
        found.update(connection.execute(waiting.where(deployments.c.cluster_id == cluster_id)).scalars())
    return found


def by_time(connection: Connection, cluster_id: str, since: int, until: int) -> set[str]:
    """Those whose preemption of a day ago has stopped to count."""
    joined = preemptions.join(deployments, deployments.c.id == preemptions.c.victim_id)
    aged = select(preemptions.c.victim_id).select_from(joined)
    aged = aged.where(preemptions.c.at >= since, preemptions.c.at < until, deployments.c.cluster_id == cluster_id)
    return set(connection.execute(aged).scalars())


def rows(repository: Deployments, ids: Sequence[str]) -> list[DeploymentRow]:
    return [row for part in _parts(ids) for row in repository.by_ids(part)]


def _parts(words: Sequence[str]) -> Iterator[list[str]]:
    """A store takes so many words at once."""
    for start in range(0, len(words), _PART):
        yield list(words[start : start + _PART])
