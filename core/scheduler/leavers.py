"""Who on a host may be made to leave, and what each host would hold then: kept per host, for whoever asks.

A host's leavers lie in layers, one for each base priority. Whoever asks may clear all layers up to one, so a layer
knows what is free once it and all below it are gone. That depends neither on the shape nor on who asks; how many
replicas of a shape fit then is tallied per shape and layer, and only hosts that changed are looked at again.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from core.scheduler.board import Board
from core.scheduler.capacity import Host, Outline, Room
from core.scheduler.placement import Shape, admits, is_beyond, replicas_in
from core.scheduler.policy import Preemption
from core.scheduler.values import Holding
from core.scheduler.watch import ChangeLog, Latest

Rank = tuple[int, int, int, str]  # GPU time lost, CPU time lost, the youngest first, id
Gain = tuple[Rank, int, int]  # once those up to this rank have left, on which host how many more replicas fit


@dataclass(slots=True)
class Layer:
    """All on one host who may leave and have this base priority; `room` is free without them and all below them."""

    priority: int
    leaving: list[Holding]
    room: Room
    outline: Outline


def leavers_key(rules: Preemption) -> object:
    """All of the rules that says who may leave, so that who differs in others finds the same layers."""
    return "leavers", rules.min_run_ms, rules.budget


class Leavers:
    """The layers of every host at one instant. `log` tells which hosts have other layers than before."""

    def __init__(self, board: Board, rules: Preemption) -> None:
        self._board, self._rules, self.key = board, rules, leavers_key(rules)
        self._latest = Latest(board.log)
        self.now = 0
        self._ripening: list[tuple[int, int]] = []
        self._layers: list[list[Layer]] = []
        self._ranked: dict[tuple[int, int], list[tuple[Rank, Holding]]] = {}
        self.log = ChangeLog()

    def copy(self, board: Board) -> Leavers:
        twin = Leavers(board, self._rules)
        twin._latest, twin.log, twin.now = self._latest.copy(board.log), self.log.copy(), self.now
        twin._ripening, twin._layers = self._ripening.copy(), self._layers.copy()  # layers are replaced, never changed
        return twin

    def move_to(self, now: int) -> None:
        """Everything asked from here on is as of this instant."""
        changed = None if now < self.now else self._latest.changed()  # what was ripe then may not be so before
        if now != self.now:
            self._ranked.clear()
        self.now = now
        if changed is None:
            self._ripening.clear()
            self._ranked.clear()
            self._layers = [[] for _ in self._board.hosts]
            self.log.start_anew()
            changed = set(range(len(self._board.hosts)))
        while self._ripening and self._ripening[0][0] <= now:
            changed.add(heapq.heappop(self._ripening)[1])
        for index in changed:
            for layer in self._layers[index]:
                self._ranked.pop((index, layer.priority), None)
            self._layers[index] = self._layers_of(self._board.hosts[index])
            self.log.touch(index)
        self.log.forget(4 * len(self._layers) + 256)

    def up_to(self, index: int, priority: int) -> list[Layer]:
        layers = self._layers[index]
        return layers[: bisect_right(layers, priority, key=lambda layer: layer.priority)]

    def replicas(self, shape: Shape, host: Host, priority: int) -> int:
        """How many it holds once all layers up to that base priority have left."""
        cleared = None
        for layer in self._layers[host.index]:
            if layer.priority > priority:
                break
            cleared = layer
        room, outline = (host.free, host.outline()) if cleared is None else (cleared.room, cleared.outline)
        if is_beyond(shape.resources, outline) or not admits(host.node, shape):
            return 0
        return replicas_in(shape, room, host)

    def in_order(self, index: int, layer: Layer) -> list[tuple[Rank, Holding]]:
        """Those of a layer: least work lost first, then the youngest, then by id."""
        key = (index, layer.priority)
        found = self._ranked.get(key)
        if found is None:
            found = self._ranked[key] = sorted((self.rank(holding), holding) for holding in layer.leaving)
        return found

    def rank(self, holding: Holding) -> Rank:
        total, ran = self._board.totals[holding.id], self.now - holding.started_at
        return ran * total.gpu_milli, ran * total.cpu_milli, -holding.started_at, holding.id

    def _layers_of(self, host: Host) -> list[Layer]:
        by_priority: dict[int, list[Holding]] = {}
        unripe_until, least_run = 0, self._rules.min_run_ms * 1000
        for holding in host.by_id.values():
            if not may_ever_leave(holding, self._rules):
                continue
            ripe_at = holding.started_at + least_run
            if ripe_at <= self.now:
                by_priority.setdefault(holding.priority, []).append(holding)
            elif not unripe_until or ripe_at < unripe_until:
                unripe_until = ripe_at
        if unripe_until:
            heapq.heappush(self._ripening, (unripe_until, host.index))
        layers: list[Layer] = []
        room = host.free
        for priority in sorted(by_priority):
            room = room.copy()
            for holding in by_priority[priority]:
                clear(room, host, holding)
            layers.append(Layer(priority, by_priority[priority], room, room.outline()))
        return layers


def may_ever_leave(holding: Holding, rules: Preemption) -> bool:
    """Whether one of high enough base priority may evict it, apart from the minimum run."""
    is_leaving = holding.ending_by is not None or holding.pinned_for is not None
    return holding.preemptible and not is_leaving and holding.preemptions < rules.budget


class Tally:
    """How many replicas of one shape each host would hold with the layers up to one base priority gone."""

    def __init__(self, leavers: Leavers, hosts: list[Host], shape: Shape, priority: int) -> None:
        self._leavers, self._hosts, self._shape, self._priority = leavers, hosts, shape, priority
        self._latest = Latest(leavers.log)
        self._counts: list[int] = []
        self._total = 0

    def copy(self, leavers: Leavers, hosts: list[Host]) -> Tally:
        twin = Tally(leavers, hosts, self._shape, self._priority)
        twin._latest, twin._counts, twin._total = self._latest.copy(leavers.log), self._counts.copy(), self._total
        return twin

    def current(self) -> list[int]:
        changed: Iterable[int] | None = self._latest.changed()
        if changed is None:
            self._counts, self._total = [0] * len(self._hosts), 0
            changed = range(len(self._hosts))
        for index in changed:
            count = self._leavers.replicas(self._shape, self._hosts[index], self._priority)
            self._total += count - self._counts[index]
            self._counts[index] = count
        return self._counts

    def total(self) -> int:
        self.current()
        return self._total


class Evictions:
    """For one shape: how far down the base priorities it has to reach, and who in the last layer makes it fit."""

    def __init__(self, board: Board, shape: Shape, leavers: Leavers) -> None:
        self._board, self._shape, self.leavers = board, shape, leavers
        self._tallies: dict[int, Tally] = {}
        self._gains: dict[int, tuple[Layer, int, list[Gain]]] = {}  # by host, as of that layer and instant

    def copy(self, board: Board) -> Evictions:
        twin = Evictions(board, self._shape, board.memo(self.leavers.key, lambda: self.leavers.copy(board)))
        twin._tallies = {p: tally.copy(twin.leavers, board.hosts) for p, tally in self._tallies.items()}
        return twin

    def tally(self, priority: int) -> Tally:
        found = self._tallies.get(priority)
        if found is None:
            found = self._tallies[priority] = Tally(self.leavers, self._board.hosts, self._shape, priority)
        return found

    def reach(self, priorities: list[int]) -> int | None:
        """The place in this ascending list of the lowest base priority up to which all have to leave."""
        if not priorities or self._suffices(priorities[0]):  # most often the least precious are enough
            return 0 if priorities else None
        low, high = 0, len(priorities) - 1
        if not self._suffices(priorities[high]):
            return None
        while high - low > 1:
            middle = (low + high) // 2
            if self._suffices(priorities[middle]):
                high = middle
            else:
                low = middle
        return high

    def _suffices(self, priority: int) -> bool:
        return self.tally(priority).total() >= self._shape.replicas

    def gains(self, before: list[int], priority: int) -> list[Gain]:
        """Where so many fit with the layers below gone: who of this one lets one more fit, in the order of leaving."""
        after = self.tally(priority).current()
        gains = [
            gain
            for index, count in enumerate(after)
            if count > before[index]
            for gain in self._gains_on(self._board.hosts[index], before[index], count, priority)
        ]
        gains.sort()
        return gains

    def _gains_on(self, host: Host, before: int, after: int, priority: int) -> list[Gain]:
        layers = self.leavers.up_to(host.index, priority)
        known = self._gains.get(host.index)
        if known is not None and known[0] is layers[-1] and known[1] == self.leavers.now:
            return known[2]
        room = (layers[-2].room if len(layers) > 1 else host.free).copy()
        gains: list[Gain] = []
        for rank, holding in self.leavers.in_order(host.index, layers[-1]):
            clear(room, host, holding)
            count = replicas_in(self._shape, room, host)
            if count > before:
                gains.append((rank, host.index, count - before))
                before = count
                if count == after:
                    break
        self._gains[host.index] = (layers[-1], self.leavers.now, gains)
        return gains


def clear(room: Room, host: Host, holding: Holding) -> None:
    """Nobody who may leave overlaps with a pinned place, so what it holds is free once it left."""
    for claim in host.residents[holding.id]:
        room.give(claim)
