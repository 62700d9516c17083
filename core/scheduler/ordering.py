"""The queue in its order: effective priority with linear aging, then submission, then id.

All age at the same pace, so among those that still age the order never changes, and among those at the cap
neither. Each lane (one member, one class, aging or capped) is therefore a fixed list, and only the fronts of
the lanes are compared at `now`. Smaller ranks come first; a rank is priority turned into microseconds of waiting.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Iterator
from copy import copy
from typing import TYPE_CHECKING, Protocol

from core.scheduler.fairshare import penalties
from core.scheduler.placement import Shape
from core.scheduler.policy import Mix, Packing, Policy
from core.scheduler.values import Holding, Waiting

if TYPE_CHECKING:
    from core.scheduler.facts import Facts
    from core.scheduler.watch import ShapeWatch

Entry = tuple[int, int, str, Waiting]  # rank, submitted, id
Ranked = tuple[int, int, str, "Lane", int]  # rank at now, submitted, id, lane, position in it


class Class:
    """All that wait with one shape and one limit. Judged together."""

    __slots__ = ("limit_ms", "priorities", "shape", "watch")

    def __init__(self, shape: Shape, limit_ms: int | None) -> None:
        self.shape, self.limit_ms = shape, limit_ms
        self.watch: tuple[Packing, Mix | None, ShapeWatch] | None = None
        self.priorities: dict[int, int] = {}  # how many wait with each base priority

    def copy(self) -> Class:
        twin = Class(self.shape, self.limit_ms)
        twin.priorities = self.priorities.copy()
        return twin

    def count(self, item: Waiting, sign: int) -> None:
        self.priorities[item.priority] = self.priorities.get(item.priority, 0) + sign
        if not self.priorities[item.priority]:
            del self.priorities[item.priority]


class Closed:
    """What the walk need not show any more: whole classes, or a class of one member."""

    def __init__(self) -> None:
        self.classes: set[Class] = set()
        self.members: set[tuple[Class, str, str]] = set()


class Queue(Protocol):
    def copy(self, twins: dict[Class, Class], facts: Facts) -> Queue:
        """The same order of the same ones, on its own from here on; each class becomes its twin."""
        ...

    def add(self, item: Waiting, klass: Class) -> None: ...

    def remove(self, item: Waiting) -> None: ...

    def walk(self, now: int, closed: Closed, only: list[Class] | None = None) -> Iterator[tuple[Waiting, Class]]:
        """All eligible ones in order, those of closed classes left out, also when closed on the way."""
        ...

    def note_end(self, holding: Holding, at: int) -> None:
        """Something ended by itself; an order may learn from how long it ran."""
        ...

    def promises(self, now: int, most: int) -> int:
        """How many blocked ones get a reserved start."""
        ...

    def ahead_of(self, item: Waiting, now: int) -> int:
        """How many eligible ones stand before it."""
        ...


class Lane:
    __slots__ = ("capped", "entries", "klass", "tag", "who")

    def __init__(self, klass: Class, who: tuple[str, str], capped: bool) -> None:
        self.klass, self.who, self.capped = klass, who, capped
        self.tag = (klass, *who)
        self.entries: list[Entry] = []

    def copy(self, twins: dict[Class, Class]) -> Lane:
        twin = Lane(twins[self.klass], self.who, self.capped)
        twin.entries = self.entries.copy()
        return twin


class Group:
    """Lanes that keep their order among each other: all of them, or with fair share those of one member.

    The fronts of its aging and of its capped lanes, each list sorted.
    """

    __slots__ = ("fronts",)

    def __init__(self) -> None:
        self.fronts: tuple[list[Ranked], list[Ranked]] = ([], [])

    def copy(self, lanes: dict[Lane, Lane]) -> Group:
        twin = Group()
        for fronts, own in zip(self.fronts, twin.fronts, strict=True):
            own += [(rank, submitted, i, lanes[lane], position) for rank, submitted, i, lane, position in fronts]
        return twin


class LaneQueue:
    def __init__(self, policy: Policy, facts: Facts) -> None:
        self._step = policy.aging.step_ms * 1000
        self._cap = policy.aging.cap
        self._share, self._facts = policy.fair_share, facts
        self._items: dict[str, tuple[Waiting, Class]] = {}
        self._home: dict[str, Lane] = {}
        self._lanes: dict[tuple[Class, str, str, bool], Lane] = {}
        self._of_class: dict[Class, Group] = {}
        self._groups: dict[tuple[str, str] | None, Group] = {}
        self._timers: list[tuple[int, str]] = []
        self._time: int | None = None  # until it is first asked, nobody has a lane

    def copy(self, twins: dict[Class, Class], facts: Facts) -> LaneQueue:
        twin = copy(self)
        twin._facts, twin._timers = facts, self._timers.copy()
        twin._items = {i: (item, twins[klass]) for i, (item, klass) in self._items.items()}
        lanes = {lane: lane.copy(twins) for lane in self._lanes.values()}
        twin._lanes = {(lane.klass, *lane.who, lane.capped): lane for lane in lanes.values()}
        twin._home = {i: lanes[lane] for i, lane in self._home.items()}
        twin._groups = {who: group.copy(lanes) for who, group in self._groups.items()}
        twin._of_class = {twins[klass]: group.copy(lanes) for klass, group in self._of_class.items()}
        return twin

    # -- keeping it -------------------------------------------------------------------------------------------

    def add(self, item: Waiting, klass: Class) -> None:
        self._items[item.id] = (item, klass)
        if self._time is not None:
            self._settle(item, klass, self._time)

    def remove(self, item: Waiting) -> None:
        del self._items[item.id]
        self._leave(item)

    def _settle(self, item: Waiting, klass: Class, now: int) -> None:
        """Put it where it belongs at this time, and note when that changes by itself."""
        full_at = item.ages_from + self._cap * self._step
        if item.not_before is not None and item.not_before > now:
            heapq.heappush(self._timers, (item.not_before, item.id))
            return
        capped = full_at <= now
        if not capped:
            heapq.heappush(self._timers, (full_at, item.id))
        key = (klass, item.org, item.member, capped)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(klass, (item.org, item.member), capped)
            self._of_class.setdefault(klass, Group())
        self._home[item.id] = lane
        self._edit(lane, self._entry(item, capped), arrives=True)

    def _leave(self, item: Waiting) -> None:
        lane = self._home.pop(item.id, None)
        if lane is None:
            return
        self._edit(lane, self._entry(item, lane.capped), arrives=False)
        if not lane.entries:
            del self._lanes[(lane.klass, *lane.who, lane.capped)]
            if not any(self._of_class[lane.klass].fronts):
                del self._of_class[lane.klass]

    def _edit(self, lane: Lane, entry: Entry, *, arrives: bool) -> None:
        front = lane.entries[0] if lane.entries else None
        if arrives:
            insort(lane.entries, entry)
        else:
            del lane.entries[bisect_left(lane.entries, entry)]
        after = lane.entries[0] if lane.entries else None
        if after is front:
            return
        for group in (self._group(lane), self._of_class[lane.klass]):
            fronts = group.fronts[lane.capped]
            if front is not None:
                del fronts[bisect_left(fronts, (*front[:3], lane, 0))]
            if after is not None:
                insort(fronts, (*after[:3], lane, 0))

    def _group(self, lane: Lane) -> Group:
        return self._groups.setdefault(lane.who if self._share is not None else None, Group())

    def _entry(self, item: Waiting, capped: bool) -> Entry:
        """The rank that does not change with time: of an aging one its zero point, of a capped one its rank."""
        rank = -(item.priority + self._cap) * self._step if capped else item.ages_from - item.priority * self._step
        return rank, item.submitted_at, item.id, item

    def _advance(self, now: int) -> None:
        """Let in those whose time has come, and move those that aged in full to their capped lane."""
        if self._time is None or now < self._time:
            self._settle_all(now)
        self._time = now
        while self._timers and self._timers[0][0] <= now:
            _, waiting_id = heapq.heappop(self._timers)
            if waiting_id in self._items:
                item, klass = self._items[waiting_id]
                self._leave(item)
                self._settle(item, klass, now)

    def _settle_all(self, now: int) -> None:
        """At the first question, or when asked about the past, which is rare and never done by the daemon."""
        for item, _ in self._items.values():
            self._leave(item)
        self._timers.clear()
        in_order = sorted(self._items.values(), key=lambda known: self._entry(known[0], capped=False)[:3])
        for item, klass in in_order:  # so that each goes to the end of its lane
            self._settle(item, klass, now)

    # -- asking it --------------------------------------------------------------------------------------------

    def note_end(self, holding: Holding, at: int) -> None:
        """This order learns nothing from it."""

    def promises(self, now: int, most: int) -> int:  # noqa: ARG002 - other orders ask the time
        return most

    def walk(self, now: int, closed: Closed, only: list[Class] | None = None) -> Iterator[tuple[Waiting, Class]]:
        self._advance(now)
        offsets = self._offsets(now)
        ranked: Iterator[Ranked]
        wanted = [klass for klass in only or () if klass in self._of_class]
        if only is None:
            ranked = heapq.merge(
                *(self._merge(self._fronts(g, now, offsets), [], now, offsets, closed) for g in self._groups.values())
            )
        else:
            fronts = self._while_open(wanted, now, offsets, closed)
            ranked = self._merge(fronts, [], now, offsets, closed)
        for _, _, _, lane, position in ranked:
            yield lane.entries[position][3], lane.klass

    def ahead_of(self, item: Waiting, now: int) -> int:
        self._advance(now)
        offsets = self._offsets(now)
        home = self._home.get(item.id)
        full = item.ages_from + self._cap * self._step <= now
        capped = full if home is None else home.capped  # one that is held back is asked as if it were not
        rank = self._entry(item, capped)[0] + offsets.get((item.org, item.member), 0) - (0 if capped else now)
        mine = (rank, item.submitted_at, item.id)
        ahead = 0
        for lane in self._lanes.values():
            shift = offsets.get(lane.who, 0) - (0 if lane.capped else now)
            ahead += bisect_left(lane.entries, (mine[0] - shift, mine[1], mine[2]))
        return ahead

    def _offsets(self, now: int) -> dict[tuple[str, str], int]:
        if self._share is None:
            return {}
        return {who: round(p * self._step) for who, p in penalties(self._facts, self._share, now).items()}

    def _at(self, lane: Lane, position: int, now: int, offsets: dict[tuple[str, str], int]) -> Ranked:
        rank, submitted, waiting_id, _ = lane.entries[position]
        return rank + offsets.get(lane.who, 0) - (0 if lane.capped else now), submitted, waiting_id, lane, position

    def _fronts(self, group: Group, now: int, offsets: dict[tuple[str, str], int]) -> Iterator[Ranked]:
        aging, capped = group.fronts
        return heapq.merge(
            (self._at(lane, 0, now, offsets) for *_, lane, _ in aging),
            (self._at(lane, 0, now, offsets) for *_, lane, _ in capped),
        )

    def _while_open(
        self, wanted: list[Class], now: int, offsets: dict[tuple[str, str], int], closed: Closed
    ) -> Iterator[Ranked]:
        """The fronts of these classes; once one is closed, its other lanes are not even looked at."""
        heap = [first for number, klass in enumerate(wanted) for first in self._first(klass, number, now, offsets)]
        heapq.heapify(heap)
        while heap:
            ranked, number, others = heap[0]
            if wanted[number] not in closed.classes:
                yield ranked
            if wanted[number] in closed.classes:
                heapq.heappop(heap)
                continue
            if others is None:
                others = self._fronts(self._of_class[wanted[number]], now, offsets)
                next(others)
            following = next(others, None)
            if following is None:
                heapq.heappop(heap)
            else:
                heapq.heapreplace(heap, (following, number, others))

    def _first(
        self, klass: Class, number: int, now: int, offsets: dict[tuple[str, str], int]
    ) -> Iterator[tuple[Ranked, int, Iterator[Ranked] | None]]:
        """The foremost of a class, with its number, and the fronts behind it where they had to be ranked for that."""
        group = self._of_class[klass]
        if self._share is None:
            yield min(self._at(fronts[0][3], 0, now, offsets) for fronts in group.fronts if fronts), number, None
        else:
            others = self._reordered(group, now, offsets)
            yield next(others), number, others

    def _reordered(self, group: Group, now: int, offsets: dict[tuple[str, str], int]) -> Iterator[Ranked]:
        """Lanes of several members, of which each falls back by something else, but by no less than the least.

        They come in the order that they would have without it, so only those within reach of the first are ranked.
        """
        least = min(offsets.values(), default=0)
        heap: list[Ranked] = []
        for rank, submitted, waiting_id, lane, _ in self._fronts(group, now, {}):
            while heap and heap[0][:3] <= (rank + least, submitted, waiting_id):
                yield heapq.heappop(heap)
            heapq.heappush(heap, self._at(lane, 0, now, offsets))
        while heap:
            yield heapq.heappop(heap)

    def _merge(
        self,
        fronts: Iterator[Ranked],
        heap: list[Ranked],
        now: int,
        offsets: dict[tuple[str, str], int],
        closed: Closed,
    ) -> Iterator[Ranked]:
        """Fronts, which come sorted and as needed, and behind each one taken the next of its lane."""
        heapq.heapify(heap)
        front = next(fronts, None)
        while True:
            if front is not None and (not heap or front < heap[0]):
                taken, front = front, next(fronts, None)
            elif heap:
                taken = heapq.heappop(heap)
            else:
                return
            lane, position = taken[3], taken[4]
            if lane.klass in closed.classes or lane.tag in closed.members:
                continue
            yield taken
            if position + 1 < len(lane.entries):
                heapq.heappush(heap, self._at(lane, position + 1, now, offsets))


def effective_priority(item: Waiting, policy: Policy, now: int) -> float:
    """Base priority plus aging, without fair share: the number that people are shown."""
    if policy.aging.cap == 0:
        return float(item.priority)
    aged = max(0, now - item.ages_from) / (policy.aging.step_ms * 1000)
    return item.priority + min(policy.aging.cap, aged)
