"""What was foretold of those who wait, and how good that was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from core.clock import DAY, MINUTE
from core.scheduler.estimates import REMEMBERED, Estimate, Told
from core.store.repositories.runs import runs
from core.store.tables import work

estimates = work.Estimate.__table__
SCORED = 30 * DAY
LEARNED_AGAIN = 10 * MINUTE  # people here do not change by the minute, and to look is dear
_PART = 500


@dataclass(frozen=True, slots=True)
class Foretold:
    """Where a deployment stands in the queue, when a projection sees it start, and what people are told of that."""

    deployment_id: str
    position: int
    seen: Estimate
    told: Estimate


class Estimates:
    """Of any organization: a cluster's queue is one. What is shown of it is cut to one's own by who shows it."""

    def __init__(self, connection: Connection, now: int) -> None:
        self._connection = connection
        self._now = now

    def put(self, cluster_id: str, foretold: Sequence[Foretold]) -> None:
        """What holds now. The first that was seen of each stays beside it: from what came of it, it is learned."""
        known = self._known([one.deployment_id for one in foretold])
        fresh = []
        for one in foretold:
            now = {"position": one.position, "p50": one.told.p50, "p90": one.told.p90, "made_at": self._now}
            if one.deployment_id in known:
                this = update(estimates).where(estimates.c.deployment_id == one.deployment_id)
                self._connection.execute(this.values(now))
            else:
                first = {"first_p50": one.seen.p50, "first_p90": one.seen.p90, "first_made_at": self._now}
                fresh.append({"deployment_id": one.deployment_id, "cluster_id": cluster_id, **now, **first})
        if fresh:
            self._connection.execute(insert(estimates), fresh)

    def _known(self, ids: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for start in range(0, len(ids), _PART):
            part = estimates.c.deployment_id.in_(ids[start : start + _PART])
            found.update(self._connection.execute(select(estimates.c.deployment_id).where(part)).scalars())
        return found

    def of(self, deployment_id: str) -> tuple[int, Estimate] | None:
        """Its position, and what people are told."""
        row = self._connection.execute(
            select(estimates).where(estimates.c.deployment_id == deployment_id)
        ).one_or_none()
        return (row.position, Estimate(row.p50, row.p90)) if row else None

    def kept(self, cluster_id: str, since: int, most: int | None = None) -> list[Told]:
        """The first estimate of each that has started since then, and when it really did; the last to start first."""
        started = func.min(runs.c.started_at)
        joined = estimates.join(runs, runs.c.deployment_id == estimates.c.deployment_id)
        statement = (
            select(estimates.c.first_made_at, estimates.c.first_p50, estimates.c.first_p90, started)
            .select_from(joined)
            .where(estimates.c.cluster_id == cluster_id, runs.c.started_at >= estimates.c.first_made_at)
            .group_by(
                estimates.c.deployment_id, estimates.c.first_made_at, estimates.c.first_p50, estimates.c.first_p90
            )
            .having(started >= since)
            .order_by(started.desc(), estimates.c.deployment_id)
            .limit(most)
        )
        return [Told(row[0], Estimate(row[1], row[2]), row[3]) for row in self._connection.execute(statement)]

    def lately(self, cluster_id: str) -> list[Told]:
        """As many as are enough to learn from."""
        return self.kept(cluster_id, self._now - SCORED, REMEMBERED)

    def forget(self, deployment_ids: Sequence[str]) -> None:
        gone = estimates.c.deployment_id.in_(list(deployment_ids))
        self._connection.execute(delete(estimates).where(gone))
