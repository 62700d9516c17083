"""Which deployments of a cluster a follower must look at again: named ones, those that wait for them, those by time."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, bindparam, select

from core.store.fixed import Among, Fixed
from core.store.repositories.deployments import dependencies, deployments, preemptions


def on_cluster(connection: Connection, cluster_id: str, handles: Collection[str]) -> set[str]:
    """The deployments with these handles that belong to the cluster, and those there that wait for one of them."""
    named = _NAMED.among(connection, sorted(handles))
    waiting = _WAITING.among(connection, [id_ for id_, _ in named])
    return {id_ for id_, where in [*named, *waiting] if where == cluster_id}


def by_time(connection: Connection, cluster_id: str, since: int, until: int) -> set[str]:
    """Those whose preemption of a day ago has stopped to count."""
    asked = {"cluster": cluster_id, "since": since, "until": until}
    return {victim for (victim,) in _AGED.rows(connection, asked)}


_AGED = Fixed(
    select(preemptions.c.victim_id)
    .select_from(preemptions.join(deployments, deployments.c.id == preemptions.c.victim_id))
    .where(
        preemptions.c.at >= bindparam("since"),
        preemptions.c.at < bindparam("until"),
        deployments.c.cluster_id == bindparam("cluster"),
    )
)
_NAMED = Fixed(select(deployments.c.id, deployments.c.cluster_id).where(Among(deployments.c.handle)))
_WAITING = Fixed(
    select(dependencies.c.deployment_id, deployments.c.cluster_id)
    .select_from(dependencies.join(deployments, deployments.c.id == dependencies.c.deployment_id))
    .where(Among(dependencies.c.after_id))
)
