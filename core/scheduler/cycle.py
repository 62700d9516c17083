"""One pass: `plan(board, policy, now)` says who starts where, who leaves for whom, what is promised, who waits.

Stages: the doomed, then pinned places, then the queue in strict order up to the first promises, then backfill of
classes that fit beside them. The pass tries everything on the board itself and takes it back, so it leaves no
trace; the same board, policy and instant give the same plan.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace
from itertools import takewhile
from math import inf

from core.scheduler.backfill import Promise, Promises, fill
from core.scheduler.board import Board
from core.scheduler.capacity import Host, Room
from core.scheduler.decisions import Code, Doom, Plan, Preempt, Reserve, Start, Unpin, Wait
from core.scheduler.ordering import Class, Closed
from core.scheduler.placement import Score, Shape, replicas_in
from core.scheduler.policy import Policy
from core.scheduler.preemption import choose_victims
from core.scheduler.quota import shortfalls
from core.scheduler.values import Claim, NodeState, Pin, Waiting
from core.scheduler.watch import ShapeWatch


def plan(board: Board, policy: Policy, now: int) -> Plan:
    with board.trial():
        return Pass(board, policy, now).run()


class Pass:
    def __init__(self, board: Board, policy: Policy, now: int) -> None:
        self.board, self.policy, self.now = board, policy, now
        self.closed = Closed()
        self.promises = Promises(board, now)
        self.done: set[str] = set(board.pins)
        self.failed_evictions: dict[Class, int] = {}
        self.starts: list[Start] = []
        self.preempts: list[Preempt] = []
        self.waits: list[Wait] = []
        self.unpins: list[Unpin] = []
        self.looked_at = 0

    def run(self) -> Plan:
        dooms = tuple(Doom(i, self.board.doomed[i]) for i in sorted(self.board.doomed))
        self._honour_pins()
        self._serve_heads()
        if self.promises.made and self.policy.backfill and not self._is_spent():
            self._backfill()
        return Plan(
            board_version=self.board.version,
            now=self.now,
            starts=tuple(self.starts),
            preempts=tuple(self.preempts),
            reserves=tuple(Reserve(p.id, p.at, p.claims) for p in self.promises.made),
            waits=tuple(self.waits),
            dooms=dooms,
            unpins=tuple(self.unpins),
            looked_at=self.looked_at,
        )

    # -- 1. pinned places -------------------------------------------------------------------------------------

    def _honour_pins(self) -> None:
        if not self.board.pins:
            return
        away = frozenset(host.node.id for host in self.board.hosts if host.node.state is not NodeState.UP)
        for pin in sorted(self.board.pins.values(), key=lambda p: p.waiting_id):
            item = self.board.waiting.get(pin.waiting_id)
            if item is not None and self._is_being_cleared(pin, away):
                self.waits.append(Wait(pin.waiting_id, Code.PREEMPTING))
            elif item is not None and not item.is_held_back and self._is_vacant(pin):
                self._start(item, pin.claims)
            else:
                self.board.try_unpin(pin.waiting_id)
                self.unpins.append(Unpin(pin.waiting_id))
                self.done.discard(pin.waiting_id)

    def _is_being_cleared(self, pin: Pin, away: frozenset[str]) -> bool:
        """Whether victims are still leaving it, in time, on nodes that will then take the one that it is kept for."""
        if pin.waiting_id not in self.board.leaving or pin.expires_at <= self.now:
            return False
        return not away or away.isdisjoint(claim.node_id for claim in pin.claims)

    def _is_vacant(self, pin: Pin) -> bool:
        """Whether its victims are gone and the pinned place can be taken this instant."""
        if pin.waiting_id in self.board.leaving:
            return False
        mine = frozenset({pin.waiting_id})
        for host, claims in self.board.claims_by_host(pin.claims):
            if host.node.state is not NodeState.UP:
                return False
            room = host.room_if(lambda _: True, ignoring=mine)
            for claim in claims:
                room.take(claim)
            if room.is_overbooked():
                return False
        return True

    # -- 2. heads ---------------------------------------------------------------------------------------------

    def _serve_heads(self) -> None:
        queue = self.board.queue(self.policy)
        most = queue.promises(self.now, self.policy.reservations)
        for item, klass in queue.walk(self.now, self.closed):
            if item.id in self.done:
                continue
            self.looked_at += 1
            if self._try_start(item, klass) or item.id in self.done:
                continue
            if self._is_over_quota(item, klass):
                continue
            if self._try_preempt(item, klass):
                if self._is_spent():
                    return
                continue
            self._try_promise(item, klass)
            if len(self.promises.made) >= most:
                return

    def _try_start(self, item: Waiting, klass: Class) -> bool:
        if self._is_over_quota(item, klass):
            return False
        claims = self.place(klass)
        if claims is None:
            return False
        self._start(item, claims)
        return True

    def _start(self, item: Waiting, claims: tuple[Claim, ...]) -> None:
        self.board.try_start(item.seated(claims, self.now))
        self.starts.append(Start(item.id, claims))
        self.done.add(item.id)

    def _is_over_quota(self, item: Waiting, klass: Class) -> bool:
        if not self.policy.quotas.are_any or not shortfalls(self.board, self.policy.quotas, item):
            return False
        self.closed.members.add((klass, item.org, item.member))
        return True

    def _is_spent(self) -> bool:
        """It evicted for as many heads as one pass may; whoever comes behind them is for the next pass."""
        return len(self.preempts) == self.policy.preemption.heads_per_pass

    def _try_preempt(self, item: Waiting, klass: Class) -> bool:
        if self.promises.made or self.failed_evictions.get(klass, -1) >= item.priority:
            return False
        preempt = choose_victims(self.board, self.policy, self.now, item)
        if preempt is None:
            if item.preempted_at is None:
                self.failed_evictions[klass] = item.priority
            return False
        for victim in preempt.victims:
            stopping = replace(self.board.holdings[victim], ending_by=preempt.grace_until, pinned_for=item.id)
            self.board.try_stop(stopping)
        self.board.try_pin(Pin(item.id, preempt.claims, preempt.pin_until))
        self.preempts.append(preempt)
        self.done.add(item.id)
        return True

    def _try_promise(self, item: Waiting, klass: Class) -> None:
        found = self.promises.next_start(self.board.watch(klass.shape, self.policy), klass.limit_ms)
        if found is None:
            self.waits.append(Wait(item.id, Code.NO_FORESEEABLE_START))
            if max(klass.priorities) <= item.priority:  # a higher one could still evict somebody
                self.closed.classes.add(klass)
            return
        at, claims = found
        until = None if item.limit_ms is None else at + item.limit_ms * 1000
        self.promises.add(Promise(item.id, at, until, claims))
        self.waits.append(Wait(item.id, Code.CAPACITY))
        self.done.add(item.id)

    # -- 3. backfill ------------------------------------------------------------------------------------------

    def _backfill(self) -> None:
        open_classes = [
            klass for shape, alike in self.board.classes_of.items() for klass in self._that_may_start(shape, alike)
        ]
        left = self.policy.backfill_depth
        for item, klass in self.board.queue(self.policy).walk(self.now, self.closed, open_classes):
            if item.id in self.done:
                continue
            if left is not None:
                if left == 0:
                    return
                left -= 1
            self.looked_at += 1
            if self._try_start(item, klass) or self._is_over_quota(item, klass):
                continue
            self.closed.classes.add(klass)
            if not self.board.watch_of(klass, self.policy).fitting.current():
                self.closed.classes.update(self.board.classes_of[klass.shape])

    def _that_may_start(self, shape: Shape, alike: Iterable[Class]) -> list[Class]:
        """The classes of a shape that fit now. Beside a promise, one that fits no longer is followed by none."""
        fitting = self.board.watch_of(next(iter(alike)), self.policy).fitting.current()
        if not fitting:
            return []
        candidates = [klass for klass in alike if klass not in self.closed.classes]
        if shape.replicas == 1 and any(i not in self.promises.on_host for i in fitting):
            return candidates
        by_limit = sorted(candidates, key=lambda k: inf if k.limit_ms is None else k.limit_ms)
        known: dict[int, bool] = {}  # those whose limits reach past the same promises have the same room

        def fits(klass: Class) -> bool:
            reached = self.promises.reached(None if klass.limit_ms is None else self.now + klass.limit_ms * 1000)
            if reached not in known:
                known[reached] = self.place(klass) is not None
            return known[reached]

        return list(takewhile(fits, by_limit))

    # -- placement beside the promises ------------------------------------------------------------------------

    def place(self, klass: Class) -> tuple[Claim, ...] | None:
        """Where one of the class starts now without delaying a promise, or None."""
        watch = self.board.watch_of(klass, self.policy)
        fitting = watch.fitting.current()
        if not fitting:
            return None
        kept = self.promises.on_host
        places: Iterable[tuple[Score, int]] = fitting.values()
        rooms: dict[int, Room] = {}
        if kept:
            rooms = self._rooms_beside(klass, fitting)
            places = [fact for index, fact in fitting.items() if index not in kept]
            places += [self._judge(watch, self.board.hosts[index], room) for index, room in rooms.items()]
        if klass.shape.replicas == 1:
            best = min(places, default=None)
            order = [] if best is None else [best]
        else:
            if sum(count for _, count in places) < klass.shape.replicas:
                return None
            order = sorted(places, key=lambda p: p[0] if klass.shape.spread else (-p[1], *p[0]))
        hosts = [self.board.hosts[score[-1]] for score, _ in order]
        return fill(klass.shape, [(host, rooms.get(host.index, host.free)) for host in hosts], watch.packer.device)

    def _rooms_beside(self, klass: Class, fitting: Container[int]) -> dict[int, Room]:
        """For hosts with a promise on which it fits now: what is left beside the promise, where it still fits."""
        until = None if klass.limit_ms is None else self.now + klass.limit_ms * 1000
        rooms: dict[int, Room] = {}
        for index in self.promises.on_host:
            if index in fitting:
                host = self.board.hosts[index]
                room = self.promises.room(host, until)
                if replicas_in(klass.shape, room, host):
                    rooms[index] = room
        return rooms

    def _judge(self, watch: ShapeWatch, host: Host, room: Room) -> tuple[Score, int]:
        return watch.packer.score(watch.shape, room, host), replicas_in(watch.shape, room, host)
