"""What people do with deployments: submit, look, stop, start, end. What changes an engine is left to the daemon."""

from __future__ import annotations

from collections.abc import Sequence

from core.domain.engines import Registry
from core.domain.errors import Conflict, Invalid
from core.domain.lifecycle import State, StopCause, Trigger, after
from core.domain.names import did_you_mean
from core.domain.roles import Permission, require
from core.domain.text import visible
from core.domain.workloads import SubmitRequest
from core.ledger.amounts import Amounts
from core.ledger.refunds import RefundCause
from core.services import affording
from core.services import deployment_cards as cards
from core.services.clusters import visible_cluster
from core.services.references import picked
from core.services.submission import Desk
from core.services.trying import demand_version
from core.services.usecase import reads, writes
from core.settings import Settings
from core.store import settlement
from core.store.moves import move
from core.store.queries import retention
from core.store.repositories.deployments import DeploymentRow
from core.store.units import Unit, Units
from core.views.operations import Page
from core.views.work import DeploymentCard, DeploymentLine

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
    def submit_all(self, unit: Unit, requests: Sequence[SubmitRequest]) -> tuple[DeploymentCard, ...]:
        """Many at once, each judged as if those before it were in the queue: all of them or none."""
        if not 1 <= len(requests) <= MOST_AT_ONCE:
            message = f"count: {len(requests)} is not between 1 and {MOST_AT_ONCE}"
            raise Invalid("out_of_range", message, "submit in parts")
        return tuple(self._submit(unit, requests))

    def _submit(self, unit: Unit, requests: Sequence[SubmitRequest]) -> list[DeploymentCard]:
        first = [self._first_answer(unit, request) for request in requests]
        desk = Desk(
            unit, self._settings, self._registry, [r for r, known in zip(requests, first, strict=True) if not known]
        )
        holds: list[Amounts] = []
        for request, known in zip(requests, first, strict=True):
            if known is None:
                admitted = desk.admit(request)
                demand_version(unit, admitted, request.if_version, self._settings)
                desk.take(admitted)
                holds.append(admitted.hold)
        fresh = iter(zip(desk.write(), holds, strict=True))
        answers = []
        for request, known in zip(requests, first, strict=True):
            if known is not None:
                answers.append(cards.card(unit, find(unit, known)))
                continue
            row, hold = next(fresh)
            answers.append(cards.card(unit, row, just_held=hold))
            if request.key is not None:
                unit.answers.keep(unit.me.account_id, request.key, "submit", _fingerprint(unit, request), row.handle)
        return answers

    def _first_answer(self, unit: Unit, request: SubmitRequest) -> str | None:
        """What the same request with the same key came to, if it was asked before."""
        if request.key is None:
            return None
        return unit.answers.first(unit.me.account_id, request.key, _fingerprint(unit, request))

    @reads(Permission.DEPLOYMENT_READ)
    def show(self, unit: Unit, reference: str) -> DeploymentCard:
        return cards.card(unit, find(unit, reference))

    @reads(Permission.DEPLOYMENT_READ)
    def list(
        self,
        unit: Unit,
        *,
        states: tuple[str, ...] = (),
        cluster: str | None = None,
        mine: bool = False,
        limit: int = 100,
        after: str | None = None,
    ) -> Page[DeploymentLine]:
        """Newest first. Without states, all but what is deleted."""
        if not 1 <= limit <= MOST_LINES:
            raise Invalid("out_of_range", f"limit: {limit} is not between 1 and {MOST_LINES}", "ask for fewer at once")
        rows = unit.deployments.listed(
            states=_states(states),
            cluster_id=visible_cluster(unit, cluster).id if cluster else None,
            owner_id=unit.me.account_id if mine else None,
            limit=limit + 1,
            after=find(unit, after).id if after else None,
        )
        shown = rows[:limit]
        return Page(cards.lines(unit, shown), shown[-1].handle if len(rows) > limit else None)

    @writes(Permission.DEPLOYMENT_ACT)
    def cancel(self, unit: Unit, reference: str) -> DeploymentCard:
        """Give it up. Before it starts everything set aside comes back; after that, what it has not used."""
        row = self._mine(unit, reference)
        return self._end(unit, row, Trigger.CANCEL, StopCause.CANCELLED, RefundCause.CANCELLED_BEFORE_START)

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
        moved = move(unit, row, Trigger.START, submitted_at=unit.now, eligible_since=unit.now, ended_at=None)
        need, hold = affording.needed(unit, moved)
        affording.demand(unit, moved, need)
        moved = settlement.take_hold(unit, moved, hold, reason="started again")
        unit.clusters.touch(row.cluster_id)
        return cards.card(unit, moved)

    @writes(Permission.DEPLOYMENT_ACT)
    def suspend(self, unit: Unit, reference: str) -> DeploymentCard:
        """Let it stand still where it is: it keeps its place, and pays a part of its price once it is proved still."""
        row = self._mine(unit, reference)
        cluster = unit.clusters.by_id(row.cluster_id)
        assert cluster is not None, "a cluster is not deleted while something uses it"
        able = self._registry.capabilities(cluster.driver)
        if not (able.suspend and able.suspended_keeps_capacity):
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
        if unit.now - row.state_since >= window_us or retention.is_compacted(unit.connection, row):
            raise Conflict("too_late", f"{row.handle} was deleted too long ago", "submit it anew")
        taken = unit.deployments.living_named([row.name]).get(row.name)
        if taken is not None:
            raise Conflict("name_taken", f"name already used by {taken}", "delete or cancel that one first")
        moved = move(unit, row, Trigger.UNDELETE, ended_at=row.ended_at)
        return cards.card(unit, moved)

    def _let(self, unit: Unit, row: DeploymentRow, trigger: Trigger) -> DeploymentCard:
        moved = move(unit, row, trigger)
        unit.clusters.touch(row.cluster_id)
        return cards.card(unit, moved)

    def _mine(self, unit: Unit, reference: str) -> DeploymentRow:
        """One's own, or as an admin anybody's in the organization."""
        row = find(unit, reference)
        require(unit.me, Permission.DEPLOYMENT_ACT, owner_id=row.owner_id)
        return row

    def _end(
        self, unit: Unit, row: DeploymentRow, trigger: Trigger, stop_cause: StopCause, before_start: RefundCause
    ) -> DeploymentCard:
        """Move it; what lives on an engine goes through STOPPING, and the daemon proves its end."""
        grace = self._settings.scheduling.kill_wait_ms * 1000
        moved = move(unit, row, trigger, stop_cause=stop_cause, stop_by=unit.now + grace)
        if moved.state is not State.STOPPING:
            settlement.release_hold(unit, moved, before_start)
            unit.runs.unpin([moved.id])
        unit.clusters.touch(row.cluster_id)
        return cards.card(unit, moved)


def _fingerprint(unit: Unit, request: SubmitRequest) -> str:
    """In another organization it is another request."""
    return f"{unit.org_id}:{request.fingerprint()}"


def find(unit: Unit, reference: str) -> DeploymentRow:
    """By id, by the beginning of one, or by name: who lives comes before who has ended, the newest before the older."""
    return picked(
        reference,
        unit.deployments.referred(reference.lower()),
        lambda row: (row.handle, row.name),
        what="deployment",
        see="bursar list",
    )


def _states(words: tuple[str, ...]) -> tuple[State, ...]:
    if not words:
        return tuple(state for state in State if state is not State.DELETED)
    known = [state.value for state in State]
    for word in words:
        if word.lower() not in known:
            raise Invalid("unknown_state", f"state: there is no {visible(word)}", did_you_mean(word, known))
    return tuple(State(word.lower()) for word in words)
