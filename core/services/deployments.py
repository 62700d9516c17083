"""What people do with deployments: submit, look, stop, start, end. What changes an engine is left to the daemon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from core.domain.browsing import Look, Order
from core.domain.engines import Registry
from core.domain.errors import BursarError, Conflict, Invalid, NotFound
from core.domain.lifecycle import State, StopCause, Trigger, after
from core.domain.names import did_you_mean
from core.domain.roles import Permission, require
from core.domain.text import visible
from core.ledger.refunds import RefundCause
from core.services import affording
from core.services import deployment_cards as cards
from core.services.clusters import visible_cluster
from core.services.happenings import last_of
from core.services.references import find
from core.services.sights import Sights
from core.services.usecase import reads, writes
from core.settings import Settings
from core.store import boots, settlement
from core.store.moves import Move, move, move_all
from core.store.queries import browsing, retention
from core.store.repositories.deployments import DeploymentRow
from core.store.units import Unit, Units
from core.views.operations import Page
from core.views.work import DeploymentCard, DeploymentLine

if TYPE_CHECKING:
    from core.domain.workloads import SubmitRequest

MOST_LINES = 200
MOST_AT_ONCE = 1_000


class Deployments:
    def __init__(self, units: Units, settings: Settings, registry: Registry) -> None:
        self.units = units
        self._settings = settings
        self._registry = registry

    @writes(Permission.SUBMIT)
    def submit(self, unit: Unit, request: SubmitRequest) -> DeploymentCard:
        """Admit the work, set its cost aside and take its place in the queue: all of it or nothing."""
        return self._submit(unit, [request])[0]

    @writes(Permission.SUBMIT)
    def submit_all(self, unit: Unit, requests: Sequence[SubmitRequest]) -> Page[DeploymentCard]:
        """Many at once, each judged as if those before it were in the queue: all of them or none."""
        if not 1 <= len(requests) <= MOST_AT_ONCE:
            message = f"count: {len(requests)} is not between 1 and {MOST_AT_ONCE}"
            raise Invalid("out_of_range", message, "submit in parts")
        return Page(tuple(self._submit(unit, requests)))

    def _submit(self, unit: Unit, requests: Sequence[SubmitRequest]) -> list[DeploymentCard]:
        from core.services.submission import Desk  # noqa: PLC0415 - the scheduler with it: a look at a list needs neither
        from core.services.trying import demand_version  # noqa: PLC0415 - see above

        known = [self._first_answer(unit, request) for request in requests]
        asked = [request for request, answer in zip(requests, known, strict=True) if answer is None]
        desk = Desk(unit, self._settings, self._registry, asked)
        holds = []
        for request in asked:
            try:
                admitted = desk.admit(request)
                demand_version(unit, admitted, request.if_version, Sights(self._settings))
            except BursarError as error:
                if len(requests) > 1:
                    raise type(error)(
                        error.code, f"{request.name}: {error.message}; none was submitted", error.hint, error.fields
                    ) from None
                raise
            desk.take(admitted)
            holds.append(admitted.hold)
        fresh = iter(zip(asked, desk.write(), holds, strict=True))
        answers = []
        for answer in known:
            if answer is not None:
                answers.append(self._card(unit, find(unit, answer)))
                continue
            request, row, hold = next(fresh)
            answers.append(cards.card(unit, row, self._registry, just_held=hold, may_follow=bool(request.after)))
            if request.key is not None:
                unit.answers.keep(unit.me.account_id, request.key, "submit", _fingerprint(unit, request), row.handle)
        return answers

    def _first_answer(self, unit: Unit, request: SubmitRequest) -> str | None:
        """What the same request with the same key came to, if it was asked before."""
        if request.key is None:
            return None
        return unit.answers.first(unit.me.account_id, request.key, _fingerprint(unit, request))

    @reads(Permission.DEPLOYMENT_READ)
    def show(self, unit: Unit, reference: str, lately: int = 0) -> DeploymentCard:
        """With so many of the last things that happened to it."""
        card = self._card(unit, find(unit, reference))
        return replace(card, history=last_of(unit, card.id, min(lately, MOST_LINES))) if lately > 0 else card

    @reads(Permission.DEPLOYMENT_READ)
    def list(
        self,
        unit: Unit,
        *,
        states: tuple[str, ...] = (),
        cluster: str | None = None,
        mine: bool = False,
        order: str = Order.AGE.value,
        limit: int = 100,
        after: str | None = None,
    ) -> Page[DeploymentLine]:
        """Newest first, or in another order. Without states, all but what is deleted."""
        return _listed(unit, Look(states, cluster, mine, order, limit, after))

    @reads(Permission.DEPLOYMENT_READ_ALL)
    def list_everywhere(self, unit: Unit, look: Look) -> Page[DeploymentLine]:
        """The same of every organization, each line with its own."""
        return _listed(unit.for_all("operators see the installation"), look, with_org=True)

    @writes(Permission.DEPLOYMENT_ACT)
    def cancel(self, unit: Unit, reference: str) -> DeploymentCard:
        """Give it up. Before it starts everything set aside comes back; after that, what it has not used."""
        row = self._mine(unit, reference)
        return self._end(unit, row, Trigger.CANCEL, StopCause.CANCELLED, RefundCause.CANCELLED_BEFORE_START)

    @writes(Permission.DEPLOYMENT_ACT)
    def cancel_all(self, unit: Unit, names: Sequence[str]) -> Page[DeploymentLine]:
        """Give up all of these that live, such as the tasks of a sweep: in one step, all or none."""
        if not 1 <= len(names) <= MOST_AT_ONCE:
            message = f"count: {len(names)} is not between 1 and {MOST_AT_ONCE}"
            raise Invalid("out_of_range", message, "cancel in parts")
        wanted = [name.lower() for name in names]
        living = unit.deployments.living_named(wanted)
        found = {row.name: row for row in unit.deployments.by_handles(list(living.values()))}
        rows = [found[name] for name in dict.fromkeys(wanted) if name in found]
        if not rows:
            said = f"no deployment of these {len(names)} names lives here"
            raise NotFound("deployment_not_found", said, "bursar list shows what does")
        for row in rows:
            require(unit.me, Permission.DEPLOYMENT_ACT, owner_id=row.owner_id)
        moved = self._end_all(unit, rows, Trigger.CANCEL, StopCause.CANCELLED, RefundCause.CANCELLED_BEFORE_START)
        return Page(cards.lines(unit, moved))

    @writes(Permission.DEPLOYMENT_ACT)
    def stop(self, unit: Unit, reference: str) -> DeploymentCard:
        """Stop it so that it can be started again; it costs nothing meanwhile but a kept disk."""
        row = self._mine(unit, reference)
        return self._end(unit, row, Trigger.STOP, StopCause.USER, RefundCause.CANCELLED_BEFORE_START)

    @writes(Permission.DEPLOYMENT_ACT)
    def delete(self, unit: Unit, reference: str) -> DeploymentCard:
        """End it if it lives, and keep only a tombstone with its name, labels and times."""
        row = self._mine(unit, reference)
        return self._end(unit, row, Trigger.DELETE, StopCause.DELETED, RefundCause.CANCELLED_BEFORE_START)

    @writes(Permission.DEPLOYMENT_ACT)
    def start(self, unit: Unit, reference: str) -> DeploymentCard:
        """Put what was stopped back into the queue; a job's cost is set aside anew."""
        row = self._mine(unit, reference)
        anew = {"started_at": None, "ended_at": None, "exit_code": None}  # the runs before keep what they were
        moved = move(unit, row, Trigger.START, submitted_at=unit.now, eligible_since=unit.now, **anew)
        need, hold = affording.needed(unit, moved)
        affording.demand(unit, moved, need)
        moved = settlement.take_hold(unit, moved, hold, reason="started again")
        unit.clusters.touch(row.cluster_id)
        return self._card(unit, moved)

    @writes(Permission.DEPLOYMENT_ACT)
    def suspend(self, unit: Unit, reference: str) -> DeploymentCard:
        """Let it stand still where it is: it keeps its place, and pays a part of its price once it is proved still."""
        row = self._mine(unit, reference)
        cluster = unit.clusters.by_id(row.cluster_id)
        assert cluster is not None, "a cluster is not deleted while something uses it"
        if not self._registry.capabilities(cluster.driver).may_suspend:
            message = f"{cluster.name} ({cluster.driver}) cannot suspend what runs there"
            raise Conflict("cannot_suspend", message, f"bursar stop {row.handle}")
        return self._let(unit, row, Trigger.SUSPEND)

    @writes(Permission.DEPLOYMENT_ACT)
    def resume(self, unit: Unit, reference: str) -> DeploymentCard:
        """Let what was suspended go on from where it stood."""
        return self._let(unit, self._mine(unit, reference), Trigger.RESUME)

    @writes(Permission.DEPLOYMENT_ACT)
    def undelete(self, unit: Unit, reference: str) -> DeploymentCard:
        """Take a deletion back while its window is open: it is stopped then, and can be started."""
        row = self._mine(unit, reference)
        after(row.state, Trigger.UNDELETE)
        window_us = self._settings.retention.undelete_ms * 1000
        is_over = row.state_since <= boots.surely_older(unit.connection, unit.now, window_us)
        if is_over or retention.is_compacted(unit.connection, row):
            raise Conflict("too_late", f"{row.handle} was deleted too long ago", "submit it anew")
        taken = unit.deployments.living_named([row.name]).get(row.name)
        if taken is not None:
            raise Conflict("name_taken", f"name already used by {taken}", "delete or cancel that one first")
        moved = move(unit, row, Trigger.UNDELETE, ended_at=row.ended_at)
        return self._card(unit, moved)

    def _let(self, unit: Unit, row: DeploymentRow, trigger: Trigger) -> DeploymentCard:
        moved = move(unit, row, trigger)
        unit.clusters.touch(row.cluster_id)
        return self._card(unit, moved)

    def _card(self, unit: Unit, row: DeploymentRow) -> DeploymentCard:
        return cards.card(unit, row, self._registry)

    def _mine(self, unit: Unit, reference: str) -> DeploymentRow:
        """One's own, or as an admin anybody's in the organization."""
        row = find(unit, reference)
        require(unit.me, Permission.DEPLOYMENT_ACT, owner_id=row.owner_id)
        return row

    def _end(
        self, unit: Unit, row: DeploymentRow, trigger: Trigger, stop_cause: StopCause, before_start: RefundCause
    ) -> DeploymentCard:
        return self._card(unit, self._end_all(unit, [row], trigger, stop_cause, before_start)[0])

    def _end_all(
        self,
        unit: Unit,
        rows: Sequence[DeploymentRow],
        trigger: Trigger,
        stop_cause: StopCause,
        before_start: RefundCause,
    ) -> tuple[DeploymentRow, ...]:
        """Move them; what lives on an engine goes through STOPPING, and the daemon proves its end."""
        stop_by = unit.now + self._settings.scheduling.kill_wait_ms * 1000
        changes = {"stop_cause": stop_cause, "stop_by": stop_by}
        moved = move_all(unit, [Move(row, trigger, None, changes) for row in rows])
        over = [row for row in moved if row.state is not State.STOPPING]
        if over:
            settlement.release_holds(unit, over, before_start)
            unit.runs.unpin([row.id for row in over])
        for cluster_id in dict.fromkeys(row.cluster_id for row in moved):
            unit.clusters.touch(cluster_id)
        return tuple(moved)


def _fingerprint(unit: Unit, request: SubmitRequest) -> str:
    """In another organization it is another request."""
    return f"{unit.org_id}:{request.fingerprint()}"


def _listed(unit: Unit, wanted: Look, *, with_org: bool = False) -> Page[DeploymentLine]:
    limit, order, states = wanted.limit, _order(wanted.order), _states(wanted.states)
    owner_id = unit.me.account_id if wanted.mine else None
    if not 1 <= limit <= MOST_LINES:
        raise Invalid("out_of_range", f"limit: {limit} is not between 1 and {MOST_LINES}", "ask for fewer at once")
    cluster_id = visible_cluster(unit, wanted.cluster).id if wanted.cluster else None
    after = find(unit, wanted.after) if wanted.after else None
    if order is Order.AGE:
        rows = unit.deployments.listed(
            states=states,
            cluster_id=cluster_id,
            owner_id=owner_id,
            limit=limit + 1,
            after=after.id if after else None,
        )
    else:
        handles = browsing.order_of_deployments(
            unit.connection,
            unit.scope,
            states=[state.value for state in states],
            words=(),
            owner_id=owner_id,
            order=order,
            backwards=False,
            cluster_id=cluster_id,
            most=limit + 1 if after is None else None,
        )
        begin = handles.index(after.handle) + 1 if after is not None and after.handle in handles else 0
        some = handles[begin : begin + limit + 1]
        found = {row.handle: row for row in unit.deployments.by_handles(some)}
        rows = [found[handle] for handle in some]
    shown = rows[:limit]
    return Page(cards.lines(unit, shown, with_org=with_org), shown[-1].handle if len(rows) > limit else None)


def _order(word: str) -> Order:
    known = [order.value for order in Order]
    if word not in known:
        raise Invalid("unknown_order", f"sort: there is no {visible(word)}", did_you_mean(word, known))
    return Order(word)


def _states(words: tuple[str, ...]) -> tuple[State, ...]:
    if not words:
        return tuple(state for state in State if state is not State.DELETED)
    known = [state.value for state in State]
    for word in words:
        if word.lower() not in known:
            raise Invalid("unknown_state", f"state: there is no {visible(word)}", did_you_mean(word, known))
    return tuple(State(word.lower()) for word in words)
