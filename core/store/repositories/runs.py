"""What deployments hold and how long they really ran: allocations, runs, pinned room."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, delete, func, insert, literal, select, update

from core.domain.flavors import RunRate
from core.domain.lifecycle import State, has_open_run
from core.domain.resources import Resources
from core.ledger.accounts import AccountKey, treasury, wallet
from core.ledger.meter import WHOLE, RunLine, Segment, Share
from core.store.fixed import Among, Fixed
from core.store.repositories.clusters import amount_values
from core.store.scope import Scope, covered
from core.store.tables import work

allocations = work.Allocation.__table__
runs = work.Run.__table__
pins = work.Pin.__table__
nodes = work.Node.__table__
deployments = work.Deployment.__table__


class AllocationRow(NamedTuple):
    id: str
    org_id: str
    deployment_id: str
    generation: int
    replica: int
    node_id: str
    resources: Resources
    shares: tuple[tuple[int, int], ...]
    taken_at: int


class RunRow(NamedTuple):
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
class RunEnd:
    run_id: str
    ended_at: int
    cause: str


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
        _TAKE.run(self._connection, values)

    def give_back(self, deployment_ids: Sequence[str], now: int) -> None:
        """Their places are free."""
        bound = {"now": now, **self._scope.bound}
        _give_back(self._scope.is_everything).run(self._connection, [{"whose": one, **bound} for one in deployment_ids])

    def allocations_of(self, deployment_ids: Sequence[str]) -> list[AllocationRow]:
        """What they hold now."""
        found = _allocations_of(self._scope.is_everything).among(self._connection, deployment_ids, self._scope.bound)
        return [_allocation(row) for row in found]

    def gpu_models_of(self, deployment_ids: Sequence[str]) -> dict[str, str | None]:
        """What model of GPU there is where each of them holds its place."""
        return dict(
            _gpu_models_of(self._scope.is_everything).among(self._connection, deployment_ids, self._scope.bound)
        )

    def allocations_on(self, cluster_id: str) -> list[AllocationRow]:
        """Everything that is held on a cluster now, whoever holds it."""
        here = allocations.c.node_id.in_(select(nodes.c.id).where(nodes.c.cluster_id == cluster_id))
        statement = _held(self._scope.covers(allocations)).where(here)
        return [_allocation(row) for row in self._connection.execute(statement)]

    def open_runs(self, rows: Sequence[RunRow]) -> None:
        _OPEN_RUN.run(self._connection, [_run_values(row) for row in rows])

    def close_runs(self, ends: Sequence[RunEnd]) -> None:
        """A run that turns out to have ended before it was seen to start lasted no time."""
        values = [{"which": end.run_id, "at": end.ended_at, "cause": end.cause} for end in ends]
        _CLOSE_RUN.run(self._connection, values)

    def note_seen(self, run_ids: Sequence[str], seen_at: int) -> None:
        this = update(runs).where(runs.c.id.in_(list(run_ids)), runs.c.ended_at.is_(None), runs.c.seen_at < seen_at)
        self._connection.execute(this.values(seen_at=seen_at))

    def change_segments(self, run_id: str, segments: tuple[Segment, ...]) -> None:
        this = update(runs).where(runs.c.id == run_id)
        self._connection.execute(this.values(segments=_segments_text(segments)))

    def rewrite(self, rows: Sequence[RunRow]) -> None:
        """Open runs whose line and last proof of life lie elsewhere, since the clock was set."""
        values = [
            {"which": row.id, "starts": row.started_at, "seen": row.seen_at, "parts": _segments_text(row.segments)}
            for row in rows
        ]
        _REWRITE.run(self._connection, values)

    def last_ends(self, deployment_ids: Sequence[str]) -> dict[str, int]:
        """When the newest run of each that is over ended; those without one are left out."""
        return dict(_LAST_ENDS.among(self._connection, deployment_ids))

    def move_pins(self, by: int) -> None:
        """The clock was set: what is pinned stays so for as long as it was meant to."""
        self._connection.execute(update(pins).values(expires_at=pins.c.expires_at + by))

    def open_of(self, deployment_id: str) -> RunRow | None:
        return self.open_of_each([deployment_id]).get(deployment_id)

    def open_of_each(self, deployment_ids: Sequence[str]) -> dict[str, RunRow]:
        """By deployment; those without an open run are left out."""
        found = _open_of(self._scope.is_everything).among(self._connection, deployment_ids, self._scope.bound)
        return {run.deployment_id: run for run in map(_run, found)}

    def of_deployment(self, deployment_id: str) -> list[RunRow]:
        return self._runs(runs.c.deployment_id == deployment_id)

    def all_open(self) -> list[RunRow]:
        return [_run(row) for row in self._connection.execute(_all_open(self._scope.is_everything), self._scope.bound)]

    def open_of_payer(self, org_id: str, owner_id: str) -> list[RunRow]:
        """The runs that a member's wallet pays for now; without an owner, the organization's treasury."""
        whose = {"org": org_id, "owner": owner_id} if owner_id else {"org": org_id}
        statement = _OPEN_OF_WALLET if owner_id else _OPEN_OF_TREASURY
        return [_run(row) for row in statement.rows(self._connection, whose)]

    def burning_of(self, org_id: str, owner_id: str) -> list[tuple[RunRate, int, int]]:
        """At which rates a member's wallet pays now: how many runs at each, and the start of the first."""
        found = _RATES_OF_WALLET.rows(self._connection, {"org": org_id, "owner": owner_id})
        return [(_rate(rate), count, since) for rate, count, since in found]

    def limits_of_payer(self, org_id: str, owner_id: str) -> list[tuple[RunRate, int | None, int]]:
        """At which rates and for how long at most a purse pays for what runs now, and how many runs each is."""
        whose = {"org": org_id, "owner": owner_id} if owner_id else {"org": org_id}
        found = (_LIMITS_OF_WALLET if owner_id else _LIMITS_OF_TREASURY).rows(self._connection, whose)
        return [(_rate(rate), limit_ms, count) for rate, limit_ms, count in found]

    def in_period(self, since: int, until: int) -> list[RunRow]:
        """Runs that lie at least partly in the half-open period."""
        return self._runs(runs.c.started_at < until, (runs.c.ended_at.is_(None)) | (runs.c.ended_at > since))

    def _runs(self, *conditions: object) -> list[RunRow]:
        statement = select(runs).where(self._scope.covers(runs), *conditions)  # type: ignore[arg-type]
        return [_run(row) for row in self._connection.execute(statement.order_by(runs.c.started_at, runs.c.id))]

    def pins_of(self, cluster_id: str) -> list[PinRow]:
        return [PinRow(*row) for row in _PINS.rows(self._connection, {"cluster": cluster_id})]

    def pin(self, row: PinRow) -> None:
        self.unpin([row.deployment_id])
        self._connection.execute(insert(pins), asdict(row))

    def unpin(self, deployment_ids: Sequence[str]) -> None:
        _UNPIN.run(self._connection, [{"whose": one} for one in deployment_ids])


def _run_values(row: RunRow) -> dict[str, object]:
    values: dict[str, object] = row._asdict()
    values.update(rate=_rate_text(row.rate), segments=_segments_text(row.segments))
    return values


def _segments_text(segments: tuple[Segment, ...]) -> str:
    """Start and share of each, and a one behind what was skipped."""
    return json.dumps([[s.start, s.share.compute_milli, s.share.disk_milli, *[1] * s.skipped] for s in segments])


def _allocation(row: Sequence[Any]) -> AllocationRow:
    id_, org, deployment, generation, replica, node, cpu, ram, gpu, disk, shares, taken_at, _ = row
    devices = () if shares == "[]" else tuple((index, milli) for index, milli in json.loads(shares))
    amount = Resources(cpu, ram, gpu, disk)
    return AllocationRow(id_, org, deployment, generation, replica, node, amount, devices, taken_at)


def _run(row: Sequence[Any]) -> RunRow:
    """Many thousands are read at a time, and few differ in their rate."""
    id_, org, deployment, owner, cluster, generation, payer, rate, segments, start, seen, end, cause = row
    line = (_rate(rate), _segments(segments))
    return RunRow(id_, org, deployment, owner, cluster, generation, payer, *line, start, seen, end, cause)


@lru_cache(maxsize=1_000)
def _rate_text(rate: RunRate) -> str:
    return json.dumps(asdict(rate))


@lru_cache(maxsize=1_000)
def _rate(text: str) -> RunRate:
    return RunRate(**json.loads(text))


def _segments(text: str) -> tuple[Segment, ...]:
    if pays_whole(text) and text.count("[") == _BRACKETS_OF_ONE:  # as nearly all do
        return (Segment(int(text[_BRACKETS_OF_ONE : -len(_WHOLE_AT_THE_END)])),)
    return tuple([Segment(one[0], _share(one[1], one[2]), len(one) > _SHORT) for one in json.loads(text)])


def pays_whole(segments_text: str) -> bool:
    """Whether its last segment is at the whole price; told from the text, since thousands are asked at each look."""
    return segments_text.endswith(_WHOLE_AT_THE_END)


@lru_cache(maxsize=1_000)
def _share(compute_milli: int, disk_milli: int) -> Share:
    return Share(compute_milli, disk_milli)


_SHORT = 3
_BRACKETS_OF_ONE = 2
_WHOLE_AT_THE_END = f", {WHOLE.compute_milli}, {WHOLE.disk_milli}]]"
_RUN_COLUMNS = tuple(runs.c.keys())


def _held(scope: ColumnElement[bool]) -> Select[Any]:
    statement = select(allocations).where(scope, allocations.c.released_at.is_(None))
    return statement.order_by(allocations.c.deployment_id, allocations.c.replica)


@cache
def _allocations_of(everything: bool) -> Fixed:
    return Fixed(_held(covered(allocations, everything=everything)).where(Among(allocations.c.deployment_id)))


@cache
def _gpu_models_of(everything: bool) -> Fixed:
    placed = select(allocations.c.deployment_id, nodes.c.gpu_model).join(nodes, nodes.c.id == allocations.c.node_id)
    these = (covered(allocations, everything=everything), allocations.c.released_at.is_(None))
    return Fixed(placed.where(*these, Among(allocations.c.deployment_id)).order_by(allocations.c.replica))


@cache
def _open_of(everything: bool) -> Fixed:
    these = (Among(runs.c.deployment_id), runs.c.ended_at.is_(None))
    return Fixed(select(runs).where(covered(runs, everything=everything), *these))


@cache
def _give_back(everything: bool) -> Fixed:
    these = (allocations.c.deployment_id == bindparam("whose"), allocations.c.released_at.is_(None))
    this = update(allocations).where(covered(allocations, everything=everything), *these)
    return Fixed(this.values(released_at=bindparam("now")))


_TAKE = Fixed(insert(allocations), [name for name in allocations.c.keys() if name != "released_at"])  # noqa: SIM118
_OPEN_RUN = Fixed(insert(runs), _RUN_COLUMNS)
_CLOSE_RUN = Fixed(
    update(runs)
    .where(runs.c.id == bindparam("which"), runs.c.ended_at.is_(None))
    .values(ended_at=bindparam("at"), end_cause=bindparam("cause"))
)
_REWRITE = Fixed(
    update(runs)
    .where(runs.c.id == bindparam("which"), runs.c.ended_at.is_(None))
    .values(started_at=bindparam("starts"), seen_at=bindparam("seen"), segments=bindparam("parts"))
)
_LAST_ENDS = Fixed(
    select(runs.c.deployment_id, func.max(runs.c.ended_at))
    .where(Among(runs.c.deployment_id), runs.c.ended_at.is_not(None))
    .group_by(runs.c.deployment_id)
)
_PINS = Fixed(select(*(pins.c[name] for name in PinRow.__slots__)).where(pins.c.cluster_id == bindparam("cluster")))
_UNPIN = Fixed(delete(pins).where(pins.c.deployment_id == bindparam("whose")))

_MAY_RUN = deployments.c.state.in_([literal(state.value) for state in State if has_open_run(state)])
_IN_WALLET = (
    deployments.c.owner_id == bindparam("owner"),
    runs.c.org_id == bindparam("org"),
    runs.c.payer == "wallet",
)


def _by_deployments(statement: Select[Any]) -> Select[Any]:
    """By way of the deployments that may have an open run: what has ended is never looked at, however much that is."""
    joined = deployments.join(runs, and_(runs.c.deployment_id == deployments.c.id, runs.c.ended_at.is_(None)))
    return statement.select_from(joined).where(_MAY_RUN)


@cache
def _all_open(everything: bool) -> Select[Any]:
    """Of all by the index of what is open."""
    if everything:
        return _IN_ORDER.where(runs.c.ended_at.is_(None))
    return _by_deployments(_IN_ORDER).where(covered(deployments, everything=False), covered(runs, everything=False))


_IN_ORDER = select(runs).order_by(runs.c.started_at, runs.c.id)
_IN_TREASURY = (deployments.c.org_id == bindparam("org"), runs.c.payer == "treasury")
_OPEN_OF_WALLET = Fixed(_by_deployments(_IN_ORDER).where(*_IN_WALLET))
_OPEN_OF_TREASURY = Fixed(_by_deployments(_IN_ORDER).where(*_IN_TREASURY))
_RATES = select(runs.c.rate, func.count(), func.min(runs.c.started_at)).group_by(runs.c.rate)
_RATES_OF_WALLET = Fixed(_by_deployments(_RATES).where(*_IN_WALLET))
_LIMITS = select(runs.c.rate, deployments.c.limit_ms, func.count()).group_by(runs.c.rate, deployments.c.limit_ms)
_LIMITS_OF_WALLET = Fixed(_by_deployments(_LIMITS).where(*_IN_WALLET))
_LIMITS_OF_TREASURY = Fixed(_by_deployments(_LIMITS).where(*_IN_TREASURY))
