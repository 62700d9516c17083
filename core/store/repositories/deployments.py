"""Deployments as rows. Their state is written by `core.store.moves` alone."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, case, func, insert, literal, select, update

from core.domain.kinds import Kind
from core.domain.lifecycle import FINAL, HOLDS_CAPACITY, WAITING, State, StopCause
from core.domain.resources import Resources
from core.ledger.accounts import AccountKey, treasury, wallet
from core.store.fixed import Among, Fixed
from core.store.repositories.clusters import amount_values
from core.store.scope import Scope, covered
from core.store.tables import work

deployments = work.Deployment.__table__
dependencies = work.Dependency.__table__
preemptions = work.Preemption.__table__


class DeploymentRow(NamedTuple):
    """A tuple, since thousands are read and moved at a time: a dataclass of so many fields takes ten times as long."""

    id: str
    handle: str
    org_id: str
    owner_id: str
    cluster_id: str
    name: str
    kind: Kind
    state: State
    image: str | None
    command_text: str  # as the store has it, and so the next two: few who read a row ask for what they say
    env_text: str
    labels_text: str
    public_ip: str | None
    payer: str
    flavor: str | None
    resources: Resources  # of each replica
    gpu_model: str | None
    replicas: int
    priority: int
    limit_ms: int | None
    created_at: int
    updated_at: int
    submitted_at: int
    state_since: int
    eligible_since: int | None = None
    not_before: int | None = None
    started_at: int | None = None
    ended_at: int | None = None
    generation: int = 0
    attempts: int = 0
    holds: int = 0
    stop_cause: StopCause | None = None
    stop_by: int | None = None
    preempted_at: int | None = None
    exit_code: int | None = None
    reason: str | None = None

    @property
    def command(self) -> tuple[str, ...]:
        return () if self.command_text == "[]" else tuple(json.loads(self.command_text))

    @property
    def env(self) -> Mapping[str, str]:
        return _table(self.env_text)

    @property
    def labels(self) -> Mapping[str, str]:
        return _table(self.labels_text)

    @property
    def account(self) -> AccountKey:
        """Who pays for it."""
        return wallet(self.org_id, self.owner_id) if self.payer == "wallet" else treasury(self.org_id)

    @property
    def purse(self) -> str:
        """Whose purse that is, as the run-out ladder names it: the owner's, or nobody's for the treasury."""
        return self.owner_id if self.payer == "wallet" else ""

    @property
    def all_resources(self) -> Resources:
        return self.resources.times(self.replicas)


@dataclass(frozen=True, slots=True)
class DependencyRow:
    deployment_id: str
    after_id: str
    any_outcome: bool
    after_state: State
    after_handle: str
    after_name: str


class Deployments:
    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope

    def add(self, rows: Sequence[DeploymentRow]) -> None:
        _ADD.run(self._connection, [_values(row) for row in rows])

    def known_handles(self, handles: Sequence[str]) -> set[str]:
        """Those of them that a deployment has, of whatever organization."""
        return {handle for (handle,) in _KNOWN_HANDLES.among(self._connection, handles)}

    def by_id(self, deployment_id: str) -> DeploymentRow | None:
        return next(iter(self.by_ids([deployment_id])), None)

    def by_ids(self, ids: Sequence[str]) -> list[DeploymentRow]:
        found = _by_ids(self._scope.is_everything).among(self._connection, ids, self._scope.bound)
        return [_row(row) for row in found]

    def limits_of(self, ids: Sequence[str]) -> dict[str, int | None]:
        """Their time limits alone: read for everything that runs, again and again."""
        return dict(_limits_of(self._scope.is_everything).among(self._connection, ids, self._scope.bound))

    def by_handles(self, handles: Sequence[str]) -> list[DeploymentRow]:
        """In whatever order: to find them by age, SQLite would go through all that there are."""
        return self._found(deployments.c.handle.in_(list(handles)), by=None)

    def living_named(self, names: Sequence[str]) -> dict[str, str]:
        """The handles of those that have one of these names and have not ended, by name."""
        return dict(_living_named(self._scope.is_everything).among(self._connection, names, self._scope.bound))

    def referred(self, reference: str) -> list[DeploymentRow]:
        """What a name or the beginning of an id may mean: the living of that name first, then the newest.

        A whole id and the name of something that lives are found by an index, and nothing else can be meant then.
        """
        found = self.by_handles([reference, *self.living_named([reference]).values()])
        if not found:
            begins = deployments.c.handle.startswith(reference, autoescape=True)
            found = self._found(begins | (deployments.c.name == reference))
        return sorted(found, key=lambda row: (row.state in FINAL, -row.created_at))

    def in_states(
        self, states: Collection[State], cluster_id: str | None = None, *, since: int | None = None
    ) -> list[DeploymentRow]:
        """With `since` only those that have been in their state for so long."""
        given = {"cluster": cluster_id, "since": since}
        bound = {name: value for name, value in given.items() if value is not None} | self._scope.bound
        statement = _in_states(frozenset(states), frozenset(bound), self._scope.is_everything)
        return [_row(row) for row in statement.rows(self._connection, bound)]

    def listed(
        self,
        *,
        states: Collection[State] | None,
        cluster_id: str | None,
        owner_id: str | None,
        limit: int,
        after: str | None,
    ) -> list[DeploymentRow]:
        """A page, newest first, from behind the id `after`.

        Few are looked up by their state or owner and put in order then: on the way by age nearly all others would be
        passed over. Of many the way by age soon meets enough, while to put them all in order takes its time.
        """
        conditions: list[ColumnElement[bool]] = []
        if states is not None:
            conditions.append(deployments.c.state.in_([state.value for state in states]))
        if cluster_id is not None:
            conditions.append(deployments.c.cluster_id == cluster_id)
        if owner_id is not None:
            conditions.append(deployments.c.owner_id == owner_id)
        by_what_they_are = [ON_A_CLUSTER] if self._scope.is_everything and cluster_id is None else []
        are_few = self._are_few(*conditions, *by_what_they_are)
        if are_few:
            conditions += by_what_they_are
        if after is not None:
            conditions.append(deployments.c.id < after)
        return self._found(*conditions, by=(_AGE_OF_FEW if are_few else deployments.c.id).desc(), limit=limit)

    def _are_few(self, *conditions: ColumnElement[bool]) -> bool:
        """Counted along an index, and no further than it matters."""
        some = select(literal(1)).select_from(deployments).where(self._scope.covers(deployments), *conditions)
        counted = select(func.count()).select_from(some.limit(_MOST_PUT_IN_ORDER).subquery())
        return self._connection.execute(counted).scalar_one() < _MOST_PUT_IN_ORDER

    def count(self, states: Collection[State], *, owner_id: str | None = None) -> int:
        statement = select(func.count()).select_from(deployments)
        statement = statement.where(self._scope.covers(deployments))
        statement = statement.where(deployments.c.state.in_([state.value for state in states]))
        if owner_id is not None:
            statement = statement.where(deployments.c.owner_id == owner_id)
        return self._connection.execute(statement).scalar_one()

    def crowd(self, since: int) -> tuple[int, int]:
        """How many wait, and how many were submitted since an instant."""
        bound = {"since": since, **self._scope.bound}
        waiting, recent = _crowd(self._scope.is_everything).rows(self._connection, bound)[0]
        return waiting, recent

    def recent(self, owner_id: str, since: int) -> tuple[int, int, int]:
        """How many were submitted since then, by the owner and by all, and when the first of the owner's was."""
        mine = deployments.c.owner_id == owner_id
        statement = select(
            func.count().filter(mine), func.count(), func.min(deployments.c.created_at).filter(mine)
        ).where(self._scope.covers(deployments), deployments.c.created_at > since)
        by_owner, by_all, first = self._connection.execute(statement).one()
        return by_owner, by_all, first if first is not None else since

    def _found(
        self,
        *conditions: ColumnElement[bool],
        by: ColumnElement[str] | None = deployments.c.id,
        limit: int | None = None,
    ) -> list[DeploymentRow]:
        statement = select(*_IN_ORDER).where(self._scope.covers(deployments), *conditions)
        statement = statement.order_by(by).limit(limit)
        return [_row(row) for row in self._connection.execute(statement).all()]

    def change(self, deployment_id: str, **values: object) -> None:
        """What is not its state: limit, priority, position in time."""
        assert "state" not in values, "a state moves through core.store.moves"
        this = update(deployments).where(self._scope.covers(deployments), deployments.c.id == deployment_id)
        self._connection.execute(this.values(**values))

    def move_living(self, by: int, since: int, until: int) -> None:
        """The clock was set: what is not over is as old as before. When it was made stays on record as it was.

        That holds for what was dated from `since` to `until`: the rest was dated by people when the clock was set
        already. When it began to run the leader alone says, and so by the clock before.
        """
        here = deployments.c
        values = {name: case((here[name].between(since, until), here[name] + by), else_=here[name]) for name in _DATED}
        changed = here.state_since.between(since, until)
        values |= {name: case((changed, here[name] + by), else_=here[name]) for name in _LIES_AHEAD}
        lives = here.state.in_([state.value for state in (*WAITING, *HOLDS_CAPACITY)])
        this = update(deployments).where(self._scope.covers(deployments), lives)
        self._connection.execute(this.values(started_at=here.started_at + by, **values))

    def depend(self, deployment_id: str, after_id: str, *, any_outcome: bool) -> None:
        values = {"deployment_id": deployment_id, "after_id": after_id, "any_outcome": int(any_outcome)}
        self._connection.execute(insert(dependencies), values)

    def dependencies_of(self, ids: Sequence[str]) -> list[DependencyRow]:
        found = _dependencies_of(self._scope.is_everything).among(self._connection, ids, self._scope.bound)
        return [
            DependencyRow(whose, after, bool(any_outcome), _STATES[state], handle, name)
            for whose, after, any_outcome, state, handle, name in found
        ]

    def note_preemption(self, *, id: str, victim_id: str, preemptor_id: str, now: int) -> None:  # noqa: A002
        values = {"id": id, "victim_id": victim_id, "preemptor_id": preemptor_id, "at": now}
        self._connection.execute(insert(preemptions), values)

    def preemptions_since(self, since: int) -> dict[str, int]:
        """How often each was preempted since then."""
        return dict(_PREEMPTED.rows(self._connection, {"since": since}))

    def preempted_by(self, deployment_id: str) -> list[tuple[str, int]]:
        """By whom it had to make room, and when."""
        found = select(preemptions.c.preemptor_id, preemptions.c.at).where(preemptions.c.victim_id == deployment_id)
        return [(row[0], row[1]) for row in self._connection.execute(found.order_by(preemptions.c.at))]


def _values(row: DeploymentRow) -> dict[str, object]:
    values: dict[str, Any] = row._asdict()
    amounts: Resources = values.pop("resources")
    values.update(amount_values(amounts))
    for name in _TEXTS:
        values[_column_of(name)] = values.pop(name)
    values.update(kind=row.kind.value, state=row.state.value)
    values["stop_cause"] = row.stop_cause.value if row.stop_cause else None
    return values


def as_text(said: Sequence[str] | Mapping[str, str]) -> str:
    """A command, an environment or labels as the store has them."""
    if isinstance(said, Mapping):
        return json.dumps(dict(said)) if said else "{}"
    return json.dumps(said) if said else "[]"


def _table(text: str) -> dict[str, str]:
    return {} if text == "{}" else dict(json.loads(text))


def _column_of(field: str) -> str:
    return field.removesuffix("_text")


def _row(row: Sequence[Any]) -> DeploymentRow:
    """From `_IN_ORDER`."""
    values = list(row)
    values[_SIZE : _SIZE + len(_AMOUNTS)] = [Resources(*values[_SIZE : _SIZE + len(_AMOUNTS)])]
    values[_KIND], values[_STATE] = _KINDS[values[_KIND]], _STATES[values[_STATE]]
    if values[_CAUSE] is not None:
        values[_CAUSE] = StopCause(values[_CAUSE])
    return DeploymentRow._make(values)


# True of each, and a way to those in a few states by the index of clusters and states: what has ended is not looked at.
ON_A_CLUSTER = deployments.c.cluster_id.in_(select(work.Cluster.__table__.c.id))

# To put in order what was found by something else: the index of ages is no way to it.
_AGE_OF_FEW = deployments.c.id.concat("")
_MOST_PUT_IN_ORDER = 5_000

# The instants from which ages are counted, and those that were counted from the last change of its state.
_DATED = ("submitted_at", "eligible_since", "state_since", "preempted_at")
_LIES_AHEAD = ("not_before", "stop_by")
_FIELDS = DeploymentRow._fields
_COLUMNS = tuple(deployments.c.keys())
# The columns as the fields of a row follow each other, with the four amounts in the place of its resources.
_AMOUNTS = [deployments.c[name] for name in Resources.__slots__]
_IN_ORDER = [c for name in _FIELDS for c in (_AMOUNTS if name == "resources" else [deployments.c[_column_of(name)]])]
_TEXTS = ("command_text", "env_text", "labels_text")
_SIZE, _KIND, _STATE, _CAUSE = map(_FIELDS.index, ("resources", "kind", "state", "stop_cause"))
_KINDS = {kind.value: kind for kind in Kind}
_STATES = {state.value: state for state in State}


@cache
def _by_ids(everything: bool) -> Fixed:
    these = (covered(deployments, everything=everything), Among(deployments.c.id))
    return Fixed(select(*_IN_ORDER).where(*these).order_by(deployments.c.id))


@cache
def _in_states(states: frozenset[State], asked_by: frozenset[str], everything: bool) -> Fixed:
    these = [covered(deployments, everything=everything)]
    these.append(deployments.c.state.in_([literal(state.value) for state in sorted(states)]))
    if "cluster" in asked_by:
        these.append(deployments.c.cluster_id == bindparam("cluster"))
    elif everything:
        these.append(ON_A_CLUSTER)
    if "since" in asked_by:
        these.append(deployments.c.state_since <= bindparam("since"))
    return Fixed(select(*_IN_ORDER).where(*these).order_by(_AGE_OF_FEW))


@cache
def _limits_of(everything: bool) -> Fixed:
    these = (covered(deployments, everything=everything), Among(deployments.c.id))
    return Fixed(select(deployments.c.id, deployments.c.limit_ms).where(*these))


@cache
def _living_named(everything: bool) -> Fixed:
    these = (covered(deployments, everything=everything), Among(deployments.c.name), work.LIVING)
    return Fixed(select(deployments.c.name, deployments.c.handle).where(*these))


@cache
def _dependencies_of(everything: bool) -> Fixed:
    joined = dependencies.join(deployments, deployments.c.id == dependencies.c.after_id)
    these = (covered(deployments, everything=everything, joined=True), Among(dependencies.c.deployment_id))
    followed = (deployments.c.state, deployments.c.handle, deployments.c.name)
    return Fixed(select(*dependencies.c, *followed).select_from(joined).where(*these))


@cache
def _crowd(everything: bool) -> Fixed:
    here = covered(deployments, everything=everything)
    waiting = select(func.count()).where(here, deployments.c.state.in_([literal(state.value) for state in WAITING]))
    recent = select(func.count()).where(here, deployments.c.created_at > bindparam("since"))
    return Fixed(select(waiting.scalar_subquery(), recent.scalar_subquery()))


_PREEMPTED = Fixed(
    select(preemptions.c.victim_id, func.count())
    .where(preemptions.c.at >= bindparam("since"))
    .group_by(preemptions.c.victim_id)
)
_ADD = Fixed(insert(deployments), _COLUMNS)
_KNOWN_HANDLES = Fixed(select(deployments.c.handle).where(Among(deployments.c.handle)))
