"""The board: all that a plan sees of one cluster, built once and then moved by events.

It is bookkeeping only and decides nothing. Every change goes through one of the feed methods, each of which
keeps capacity, queue and quota use in step and raises `version`. A plan may try things on it inside `trial()`,
which takes every change back, so that planning leaves no trace.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from core.domain.errors import Conflict, NotFound
from core.domain.resources import NOTHING, Resources
from core.scheduler.capacity import Host, by_node
from core.scheduler.facts import Facts, Held, Usage, Who
from core.scheduler.fragments import packer_for
from core.scheduler.ordering import Class, Queue
from core.scheduler.placement import Shape, check_request
from core.scheduler.policy import Mix, Packing, Policy
from core.scheduler.queues import queue_for
from core.scheduler.values import Claim, Holding, Node, Pin, Waiting, total_of
from core.scheduler.watch import ChangeLog, Packer, ShapeWatch

T = TypeVar("T")
MOST_KEPT = 1024


class Board:
    def __init__(
        self,
        nodes: Iterable[Node] = (),
        holdings: Iterable[Holding] = (),
        waiting: Iterable[Waiting] = (),
        *,
        pins: Iterable[Pin] = (),
        foreign: Iterable[Claim] = (),
        usage: Mapping[tuple[str, str], Usage] | None = None,
        last_ended_at: int = 0,
        version: int = 0,
    ) -> None:
        self.hosts: list[Host] = []
        self.host_of: dict[str, Host] = {}
        self.log = ChangeLog()
        self.holdings: dict[str, Holding] = {}
        self.totals: dict[str, Resources] = {}  # what each holding holds, on all nodes together
        self.waiting: dict[str, Waiting] = {}
        self.pins: dict[str, Pin] = {}
        self.foreign: dict[str, Claim] = {claim.node_id: claim for claim in foreign}
        self.held: dict[Who, Held] = {}
        self.facts = Facts(usage=dict(usage or {}))
        self.last_ended_at = last_ended_at
        self.by_priority: dict[int, dict[str, None]] = {}
        self.by_start: list[tuple[int, str]] = []  # of all that hold a place, the longest running first
        self.leaving: dict[str, set[str]] = {}  # pinned waiting id to the victims that have not left yet
        self.doomed: dict[str, str] = {}  # waiting id to the dependency that failed
        self.classes: dict[tuple[Shape, int | None], Class] = {}
        self.classes_of: dict[Shape, dict[Class, None]] = {}
        self._watches: dict[tuple[Shape, Packing, Mix | None], ShapeWatch] = {}
        self._queues: dict[object, Queue] = {}
        self._packers: dict[tuple[Packing, Mix | None], Packer] = {}
        self._memo: dict[object, Any] = {}
        self._undo: list[Callable[[], object]] | None = None
        self._number(list(nodes))
        for holding in holdings:
            self._seat(holding)
        for item in waiting:
            self._enqueue(item)
        for pin in pins:
            self._pin(pin)
        self.version = version

    # -- the feed ---------------------------------------------------------------------------------------------

    def add_waiting(self, item: Waiting) -> None:
        check_request(item)
        if item.id in self.waiting or item.id in self.holdings:
            raise Conflict("already_on_board", f"{item.id} is on the board already", "change it instead")
        self._enqueue(item)
        self.version += 1

    def change_waiting(self, item: Waiting) -> None:
        self._dequeue(item.id)
        self._enqueue(item)
        if item.id in self.pins:  # until when its place is taken hangs on its limit
            self._pin(self.pins[item.id])
        self.version += 1

    def remove_waiting(self, waiting_id: str) -> None:
        self._dequeue(waiting_id)
        if waiting_id in self.pins:
            self._unpin(waiting_id)
        self.version += 1

    def started(self, holding: Holding) -> None:
        """It holds its place from now on; it leaves the queue, and its pinned place becomes its own."""
        if holding.id in self.waiting:
            self._dequeue(holding.id)
        if holding.id in self.pins:
            self._unpin(holding.id)
        self._seat(holding)
        self.version += 1

    def change_holding(self, holding: Holding) -> None:
        """Its limit, its end or its place changed: extended, being stopped, preempted, moved."""
        self._unseat(holding.id)
        self._seat(holding)
        self.version += 1

    def ended(self, holding_id: str, at: int) -> None:
        """It is proved gone. One that was preempted is not an end of its own for the rule of stability."""
        holding = self._unseat(holding_id)
        if holding.pinned_for is None:
            self.last_ended_at = max(self.last_ended_at, at)
            self.facts.note_run(holding, at)
            for queue in self._queues.values():
                queue.note_end(holding, at)
        self.version += 1

    def pin(self, pin: Pin) -> None:
        self._pin(pin)
        self.version += 1

    def unpin(self, waiting_id: str) -> None:
        self._unpin(waiting_id)
        self.version += 1

    def node_changed(self, node: Node) -> None:
        """A node is new, or its totals, devices, labels or state are."""
        host = self.host_of.get(node.id)
        if host is None or host.node.name != node.name:
            self._number([h.node for h in self.hosts if h.node.id != node.id] + [node])
        else:
            host.replace_node(node, self.foreign.get(node.id))
            self.log.touch(host.index)
            self._measure()
        self.version += 1

    def node_removed(self, node_id: str) -> None:
        host = self._host(node_id)
        if host.residents or host.pins:
            raise Conflict("node_in_use", f"node {host.node.name} still holds deployments", "drain it first")
        self.foreign.pop(node_id, None)
        self._number([h.node for h in self.hosts if h is not host])
        self.version += 1

    def foreign_changed(self, node_id: str, use: Claim | None) -> None:
        """What others than us use on the node, as its engine told."""
        if use is None:
            self.foreign.pop(node_id, None)
        else:
            self.foreign[node_id] = use
        host = self._host(node_id)
        host.replace_node(host.node, use)
        self.log.touch(host.index)
        self.version += 1

    def usage_changed(self, org: str, member: str, usage: Usage) -> None:
        self.facts.usage[org, member] = usage
        self.version += 1

    # -- what a plan asks -------------------------------------------------------------------------------------

    def queue(self, policy: Policy) -> Queue:
        """The queue in the order of this policy, kept from pass to pass."""
        key = (policy.order, policy.aging, policy.fair_share, policy.smart)
        found = self._queues.get(key)
        if found is None:
            found = self._queues[key] = queue_for(policy, self.facts)
            for item in self.waiting.values():
                if not item.is_held_back:
                    found.add(item, self.class_of(item))
        return found

    def class_of(self, item: Waiting) -> Class:
        """All waiting ones with the same shape and limit are one class and are judged together."""
        key = (Shape.of(item), item.limit_ms)
        found = self.classes.get(key)
        return found if found is not None else Class(*key)

    def watch(self, shape: Shape, policy: Policy) -> ShapeWatch:
        mix = policy.mix or self.facts.mix
        key = (shape, policy.packing, mix)
        found = self._watches.get(key)
        if found is None:
            if len(self._watches) > 4 * len(self.classes) + 512:
                self._watches.clear()
            found = self._watches[key] = ShapeWatch(shape, self.hosts, self.log, self._packer(policy.packing, mix))
        return found

    def _packer(self, packing: Packing, mix: Mix | None) -> Packer:
        """One for all shapes: what it works out of a mix is dear."""
        if (packing, mix) not in self._packers:
            self._packers[packing, mix] = packer_for(packing, mix)
        return self._packers[packing, mix]

    def watch_of(self, klass: Class, policy: Policy) -> ShapeWatch:
        """The watch of its shape, kept on the class, since to look one up by shape is dear."""
        known, mix = klass.watch, policy.mix or self.facts.mix
        if known is None or known[0] is not policy.packing or known[1] is not mix:
            known = klass.watch = (policy.packing, mix, self.watch(klass.shape, policy))
        return known[2]

    def claims_by_host(self, claims: Iterable[Claim]) -> Iterator[tuple[Host, list[Claim]]]:
        for node_id, gathered in by_node(claims).items():
            yield self._host(node_id), gathered

    def memo(self, key: object, make: Callable[[], T]) -> T:
        """Something that follows the board by itself and is worth keeping; the longest unused is forgotten first."""
        kept: T = self._memo.pop(key) if key in self._memo else make()
        self._memo[key] = kept
        if len(self._memo) > MOST_KEPT:
            del self._memo[next(iter(self._memo))]
        return kept

    def lowest_priority(self) -> int | None:
        """The lowest base priority of all that hold a place."""
        return min(self.by_priority, default=None)

    def held_by(self, org: str, member: str | None = None) -> Held:
        return self.held.get((org, member)) or Held()

    @contextmanager
    def trial(self) -> Iterator[Board]:
        """Inside, places can be taken and given on the board itself; on leaving, all is as it was."""
        if self._undo is not None:
            raise Conflict("trial_open", "a plan is being made on this board already", "plan on a copy")
        self._undo = []
        try:
            yield self
        finally:
            undo, self._undo = self._undo, None
            for step in reversed(undo):
                step()
            self.log.forget(4 * len(self.hosts) + 256)

    def try_start(self, holding: Holding) -> None:
        assert self._undo is not None
        if holding.id in self.pins:
            self._undo.append(self._unpin(holding.id))
        self._seat(holding)
        self._undo.append(lambda: self._unseat(holding.id))

    def try_pin(self, pin: Pin) -> None:
        assert self._undo is not None
        self._pin(pin)
        self._undo.append(lambda: self._drop_pin(pin))

    def try_unpin(self, waiting_id: str) -> None:
        assert self._undo is not None
        self._undo.append(self._unpin(waiting_id))

    def try_stop(self, stopping: Holding) -> None:
        """The same holding, now being stopped."""
        assert self._undo is not None
        before = self._unseat(stopping.id)
        self._seat(stopping)

        def back() -> None:
            self._unseat(stopping.id)
            self._seat(before)

        self._undo.append(back)

    # -- bookkeeping ------------------------------------------------------------------------------------------

    def _host(self, node_id: str) -> Host:
        try:
            return self.host_of[node_id]
        except KeyError:
            raise NotFound("no_such_node", f"the board has no node {node_id}", "feed the node first") from None

    def _number(self, nodes: list[Node]) -> None:
        """Hosts are numbered by name, so that nothing depends on the order in which rows came."""
        in_order = sorted(nodes, key=lambda n: (n.name, n.id))
        self.hosts[:] = [Host(i, node, self.foreign.get(node.id)) for i, node in enumerate(in_order)]
        self._measure()
        self.host_of = {host.node.id: host for host in self.hosts}
        self.log.start_anew()
        for holding in self.holdings.values():
            for host, claims in self.claims_by_host(holding.claims):
                host.seat(holding, claims)
        for pin in self.pins.values():
            for host, claims in self.claims_by_host(pin.claims):
                host.pin(pin.waiting_id, claims, self._pin_end(pin))

    def _pin_end(self, pin: Pin) -> int | None:
        item = self.waiting.get(pin.waiting_id)
        return None if item is None or item.limit_ms is None else pin.expires_at + item.limit_ms * 1000

    def _measure(self) -> None:
        self.facts.capacity = sum((host.node.totals for host in self.hosts), NOTHING)

    def _seat(self, holding: Holding) -> None:
        self.holdings[holding.id] = holding
        for host, claims in self.claims_by_host(holding.claims):
            host.seat(holding, claims)
            self.log.touch(host.index)
        total = self.totals[holding.id] = total_of(holding.claims)
        for who in ((holding.org, None), (holding.org, holding.member)):
            self.held.setdefault(who, Held()).add(total, 1)
        self.by_priority.setdefault(holding.priority, {})[holding.id] = None
        insort(self.by_start, (holding.started_at, holding.id))
        if holding.pinned_for is not None:
            self.leaving.setdefault(holding.pinned_for, set()).add(holding.id)
        self.facts.count(holding.org, holding.member, holding.hold, 1)

    def _unseat(self, holding_id: str) -> Holding:
        try:
            holding = self.holdings.pop(holding_id)
        except KeyError:
            raise NotFound("not_on_board", f"{holding_id} holds nothing on this board", None) from None
        for host, _ in self.claims_by_host(holding.claims):
            host.unseat(holding_id)
            self.log.touch(host.index)
        total = self.totals.pop(holding_id)
        for who in ((holding.org, None), (holding.org, holding.member)):
            self.held[who].add(total, -1)
        if holding.pinned_for is not None:
            self.leaving[holding.pinned_for].discard(holding_id)
            if not self.leaving[holding.pinned_for]:
                del self.leaving[holding.pinned_for]
        level = self.by_priority[holding.priority]
        del level[holding_id]
        if not level:
            del self.by_priority[holding.priority]
        del self.by_start[bisect_left(self.by_start, (holding.started_at, holding_id))]
        self.facts.count(holding.org, holding.member, holding.hold, -1)
        return holding

    def _pin(self, pin: Pin) -> None:
        self.pins[pin.waiting_id] = pin
        for host, claims in self.claims_by_host(pin.claims):
            host.pin(pin.waiting_id, claims, self._pin_end(pin))
            self.log.touch(host.index)

    def _drop_pin(self, pin: Pin) -> None:
        del self.pins[pin.waiting_id]
        for host, _ in self.claims_by_host(pin.claims):
            host.unpin(pin.waiting_id)
            self.log.touch(host.index)

    def _unpin(self, waiting_id: str) -> Callable[[], None]:
        """Whoever still leaves for it leaves for nobody in particular from now on. Returns how to take it back."""
        pin = self.pins[waiting_id]
        self._drop_pin(pin)
        still_leaving = [self._unseat(victim) for victim in sorted(self.leaving.get(waiting_id, ()))]
        for holding in still_leaving:
            self._seat(replace(holding, pinned_for=None))

        def back() -> None:
            for holding in still_leaving:
                self._unseat(holding.id)
                self._seat(holding)
            self._pin(pin)

        return back

    def _enqueue(self, item: Waiting) -> None:
        self.waiting[item.id] = item
        klass = self.class_of(item)
        self.classes[klass.shape, klass.limit_ms] = klass
        self.classes_of.setdefault(klass.shape, {})[klass] = None
        klass.count(item, 1)
        if (doom := next((d.id for d in item.after if d.is_doomed), None)) is not None:
            self.doomed[item.id] = doom
        if not item.is_held_back:
            for queue in self._queues.values():
                queue.add(item, klass)
        self.facts.count(item.org, item.member, item.hold, 1)

    def _dequeue(self, waiting_id: str) -> None:
        try:
            item = self.waiting.pop(waiting_id)
        except KeyError:
            raise NotFound("not_on_board", f"{waiting_id} does not wait on this board", None) from None
        klass = self.class_of(item)
        klass.count(item, -1)
        self.doomed.pop(waiting_id, None)
        if not item.is_held_back:
            for queue in self._queues.values():
                queue.remove(item)
        if not klass.priorities:
            del self.classes[klass.shape, klass.limit_ms]
            del self.classes_of[klass.shape][klass]
            if not self.classes_of[klass.shape]:
                del self.classes_of[klass.shape]
        self.facts.count(item.org, item.member, item.hold, -1)
