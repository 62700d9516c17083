"""What deployments hold and how long they really ran: allocations, runs, pinned room."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, Row, delete, insert, select, update

from core.domain.flavors import RunRate
from core.domain.resources import Resources
from core.ledger.accounts import AccountKey, treasury, wallet
from core.ledger.meter import RunLine, Segment, Share
from core.store.repositories.clusters import amount_values, amounts_of
from core.store.scope import Scope
from core.store.tables import work

allocations = work.Allocation.__table__  # type: ignore[attr-defined]
runs = work.Run.__table__  # type: ignore[attr-defined]
pins = work.Pin.__table__  # type: ignore[attr-defined]
nodes = work.Node.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class AllocationRow:
    id: str
    org_id: str
    deployment_id: str
    generation: int
    replica: int
    node_id: str
    resources: Resources
    shares: tuple[tuple[int, int], ...]
    taken_at: int


@dataclass(frozen=True, slots=True)
class RunRow:
    id: str
    org_id: str
    deployment_id: str
    owner_id: str
    cluster_id: str
    generation: int
    payer: str
    rate: RunRate
    segments: tuple[Segment, ...]
    started_at: int
    seen_at: int
    ended_at: int | None = None
    end_cause: str | None = None

    @property
    def account(self) -> AccountKey:
        return wallet(self.org_id, self.owner_id) if self.payer == "wallet" else treasury(self.org_id)

    @property
    def line(self) -> RunLine:
        return RunLine(self.id, self.deployment_id, self.account, self.rate, self.segments, self.ended_at)


@dataclass(frozen=True, slots=True)
class PinRow:
    deployment_id: str
    cluster_id: str
    claims: str
    expires_at: int


class Runs:
    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope

    def take(self, rows: Sequence[AllocationRow]) -> None:
        values = [
            {
                "id": row.id,
                "org_id": row.org_id,
                "deployment_id": row.deployment_id,
                "generation": row.generation,
                "replica": row.replica,
                "node_id": row.node_id,
                **amount_values(row.resources),
                "shares": json.dumps(row.shares),
                "taken_at": row.taken_at,
            }
            for row in rows
        ]
        self._connection.execute(insert(allocations), values)

    def give_back(self, deployment_id: str, now: int) -> None:
        this = update(allocations).where(
            self._scope.covers(allocations),
            allocations.c.deployment_id == deployment_id,
            allocations.c.released_at.is_(None),
        )
        self._connection.execute(this.values(released_at=now))

    def allocations_of(self, deployment_ids: Sequence[str]) -> list[AllocationRow]:
        """What they hold now."""
        return self._open(allocations.c.deployment_id.in_(list(deployment_ids)))

    def allocations_on(self, cluster_id: str) -> list[AllocationRow]:
        """Everything that is held on a cluster now, whoever holds it."""
        return self._open(allocations.c.node_id.in_(select(nodes.c.id).where(nodes.c.cluster_id == cluster_id)))

    def _open(self, condition: object) -> list[AllocationRow]:
        statement = select(allocations).where(
            self._scope.covers(allocations),
            allocations.c.released_at.is_(None),
            condition,  # type: ignore[arg-type]
        )
        ordered = statement.order_by(allocations.c.deployment_id, allocations.c.replica)
        return [_allocation(row) for row in self._connection.execute(ordered)]

    def open_run(self, row: RunRow) -> None:
        values = {name: getattr(row, name) for name in RunRow.__slots__}
        values.update(rate=json.dumps(asdict(row.rate)), segments=_segments_text(row.segments))
        self._connection.execute(insert(runs), values)

    def close_run(self, run_id: str, *, ended_at: int, cause: str) -> None:
        """A run that turns out to have ended before it was seen to start lasted no time."""
        this = update(runs).where(runs.c.id == run_id, runs.c.ended_at.is_(None))
        self._connection.execute(this.values(ended_at=ended_at, end_cause=cause))

    def note_seen(self, run_ids: Sequence[str], seen_at: int) -> None:
        this = update(runs).where(runs.c.id.in_(list(run_ids)), runs.c.ended_at.is_(None), runs.c.seen_at < seen_at)
        self._connection.execute(this.values(seen_at=seen_at))

    def change_segments(self, run_id: str, segments: tuple[Segment, ...]) -> None:
        this = update(runs).where(runs.c.id == run_id)
        self._connection.execute(this.values(segments=_segments_text(segments)))

    def open_of(self, deployment_id: str) -> RunRow | None:
        return next(iter(self._runs(runs.c.deployment_id == deployment_id, runs.c.ended_at.is_(None))), None)

    def of_deployment(self, deployment_id: str) -> list[RunRow]:
        return self._runs(runs.c.deployment_id == deployment_id)

    def all_open(self, cluster_id: str | None = None) -> list[RunRow]:
        on = [] if cluster_id is None else [runs.c.cluster_id == cluster_id]
        return self._runs(runs.c.ended_at.is_(None), *on)

    def open_of_payer(self, org_id: str, owner_id: str) -> list[RunRow]:
        """The runs that a member's wallet pays for now; without an owner, the organization's treasury."""
        whose = (runs.c.owner_id == owner_id, runs.c.payer == "wallet") if owner_id else (runs.c.payer == "treasury",)
        return self._runs(runs.c.ended_at.is_(None), runs.c.org_id == org_id, *whose)

    def in_period(self, since: int, until: int) -> list[RunRow]:
        """Runs that lie at least partly in the half-open period."""
        return self._runs(runs.c.started_at < until, (runs.c.ended_at.is_(None)) | (runs.c.ended_at > since))

    def _runs(self, *conditions: object) -> list[RunRow]:
        statement = select(runs).where(self._scope.covers(runs), *conditions)  # type: ignore[arg-type]
        return [_run(row) for row in self._connection.execute(statement.order_by(runs.c.started_at, runs.c.id))]

    def pins_of(self, cluster_id: str) -> list[PinRow]:
        found = self._connection.execute(select(pins).where(pins.c.cluster_id == cluster_id))
        return [PinRow(*row) for row in found]

    def pin(self, row: PinRow) -> None:
        self.unpin(row.deployment_id)
        self._connection.execute(insert(pins), asdict(row))

    def unpin(self, deployment_id: str) -> None:
        self._connection.execute(delete(pins).where(pins.c.deployment_id == deployment_id))


def _segments_text(segments: tuple[Segment, ...]) -> str:
    return json.dumps([[s.start, s.share.compute_milli, s.share.disk_milli] for s in segments])


def _allocation(row: Row[tuple[object, ...]]) -> AllocationRow:
    return AllocationRow(
        row.id,
        row.org_id,
        row.deployment_id,
        row.generation,
        row.replica,
        row.node_id,
        amounts_of(row),
        tuple((index, milli) for index, milli in json.loads(row.shares)),
        row.taken_at,
    )


def _run(row: Row[tuple[object, ...]]) -> RunRow:
    segments = tuple(Segment(start, Share(c, d)) for start, c, d in json.loads(row.segments))
    return RunRow(**{**row._mapping, "rate": RunRate(**json.loads(row.rate)), "segments": segments})
