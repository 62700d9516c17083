"""The guarded order `smart`: least expected work first, and a guard for whoever waits too long because of it.

Its key is sqrt(expected run time * limit) * size, small first, within base priority. Promises use the limit, never
the expectation. What "too long" means is measured by a virtual EASY on the same arrivals (`guard.py`).
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Iterator
from copy import copy
from itertools import islice
from math import inf, nextafter, sqrt
from typing import TYPE_CHECKING, TypeVar

from core.domain.resources import Resources
from core.scheduler.guard import VirtualEasy
from core.scheduler.ordering import Class, Closed
from core.scheduler.policy import DAY_MS, Policy
from core.scheduler.values import Holding, Waiting

if TYPE_CHECKING:
    from core.scheduler.facts import Arrival, Facts

ENDLESS_MS = 30 * DAY_MS  # how a service counts in the order; it takes no part in the guard
RECENT = 500  # arrivals from which it is learned which work is tiny
Key = tuple[int, float, int, str]  # base priority below zero, work, submitted, id
Age = tuple[int, str]  # since when it ages, id
Entry = TypeVar("Entry", Key, Age)


class Line:
    """Those who wait of one member, or of one class: by key and by age. Others keep their order when it changes."""

    __slots__ = ("ages", "keys", "klass", "size")

    def __init__(self, klass: Class | None = None, size: int = 0) -> None:
        self.klass, self.size = klass, size  # of a member's line there is neither
        self.keys: list[Key] = []
        self.ages: list[Age] = []

    def copy(self, klass: Class | None = None) -> Line:
        twin = Line(klass, self.size)
        twin.keys, twin.ages = self.keys.copy(), self.ages.copy()
        return twin

    def add(self, key: Key, age: Age) -> None:
        insort(self.keys, key)
        insort(self.ages, age)

    def remove(self, key: Key, age: Age) -> None:
        del self.keys[bisect_left(self.keys, key)]
        del self.ages[bisect_left(self.ages, age)]

    def tiny(self, most: float) -> Iterator[Key]:
        """Those with that much work at most."""
        first = 0
        while first < len(self.keys):
            priority = self.keys[first][0]
            end = bisect_left(self.keys, (priority, nextafter(most, inf), 0, ""), first)
            for place in range(first, end):
                yield self.keys[place]
            first = bisect_left(self.keys, (priority + 1, 0.0, 0, ""), end)

    def before(self, instant: int) -> Iterator[Age]:
        return islice(self.ages, bisect_left(self.ages, (instant, "")))


class SmartQueue:
    def __init__(self, policy: Policy, facts: Facts) -> None:
        self._rules, self._facts = policy.smart, facts
        self._items: dict[str, tuple[Waiting, Class]] = {}
        self._keys: dict[str, Key] = {}
        self._of_member: dict[tuple[str, str], Line] = {}
        self._of_class: dict[Class, Line] = {}
        self._timers: list[tuple[int, str]] = []
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._most_tiny, self._learned = 0.0, 0
        self._easy = VirtualEasy(facts.longest_wait)
        self._recalled: set[str] = set()
        self._places: tuple[int, dict[str, int]] | None = None  # in the order of that instant, while nothing changes
        self._recall(facts.arrivals)

    def copy(self, twins: dict[Class, Class], facts: Facts) -> SmartQueue:
        twin = copy(self)
        twin._facts, twin._keys, twin._timers = facts, self._keys.copy(), self._timers.copy()
        twin._items = {i: (item, twins[klass]) for i, (item, klass) in self._items.items()}
        twin._of_member = {who: line.copy() for who, line in self._of_member.items()}
        twin._of_class = {twins[klass]: line.copy(twins[klass]) for klass, line in self._of_class.items()}
        twin._recalled = self._recalled.copy()
        twin._recent, twin._easy = self._recent.copy(), self._easy.copy()
        return twin

    def add(self, item: Waiting, klass: Class) -> None:
        self._items[item.id] = (item, klass)
        is_new = item.id not in self._recalled
        self._recalled.discard(item.id)
        size = dominant_share(item.resources.times(item.replicas), self._facts.capacity)
        if item.limit_ms is not None and is_new:
            self._easy.arrive(item.id, item.ages_from, size, item.limit_ms * 1000)
        if item.not_before is not None:
            heapq.heappush(self._timers, (item.not_before, item.id))
        else:
            self._insert(item, klass)
            if is_new:
                self._learn_tiny(self._keys[item.id][1])

    def _recall(self, arrivals: tuple[Arrival, ...]) -> None:
        """Play again what came before the board was built, so that a restart forgets neither waits nor what is tiny."""
        events = [(one.at, 0, one.id, one) for one in arrivals]
        events += [(one.ended_at, 1, one.id, one) for one in arrivals if one.ended_at is not None]
        for at, is_end, waiting_id, one in sorted(events, key=lambda event: event[:3]):
            if is_end:
                self._easy.learn(waiting_id, at, one.ran_ms * 1000)
                continue
            size = dominant_share(one.total, self._facts.capacity)
            self._easy.arrive(waiting_id, at, size, one.limit_ms * 1000)
            self._learn_tiny(self._work((one.org, one.member), one.limit_ms, None, size))
        self._recalled = {one.id for one in arrivals}
        self._facts.longest_wait = self._easy.longest_wait

    def remove(self, item: Waiting) -> None:
        _, klass = self._items.pop(item.id)
        self._take_out(item, klass)

    def note_end(self, holding: Holding, at: int) -> None:
        """What its member's waiting ones are expected to take has changed with it."""
        self._easy.learn(holding.id, at, max(0, at - holding.started_at))
        self._facts.longest_wait = self._easy.longest_wait
        mates = self._of_member.get((holding.org, holding.member))
        if mates is None:
            return
        for _, waiting_id in mates.ages:
            item, klass = self._items[waiting_id]
            line, before = self._of_class[klass], self._keys[waiting_id]
            after = self._keys[waiting_id] = self._key(item, line.size)
            if after != before:
                del line.keys[bisect_left(line.keys, before)]
                insort(line.keys, after)
        mates.keys = sorted(self._keys[waiting_id] for _, waiting_id in mates.ages)
        self._places = None

    def promises(self, now: int, most: int) -> int:
        return most if self._overdue_before(now) is None else max(most, self._rules.overdue_reservations)

    def walk(self, now: int, closed: Closed, only: list[Class] | None = None) -> Iterator[tuple[Waiting, Class]]:
        self._let_in(now)
        if only is None:
            lines = list(self._of_member.values())
        else:
            lines = [self._of_class[klass] for klass in only if klass in self._of_class]
        for waiting_id in self._in_order(lines, now, closed):
            item, klass = self._items[waiting_id]
            if klass not in closed.classes and (klass, item.org, item.member) not in closed.members:
                yield item, klass

    def ahead_of(self, item: Waiting, now: int) -> int:
        """The order is walked once for all who ask; one that is held back counts as the last."""
        if self._places is None or self._places[0] != now:
            order = self.walk(now, Closed())
            places = {other.id: place for place, (other, _) in enumerate(order)}
            self._places = now, places
        return self._places[1].get(item.id, len(self._keys))

    def _in_order(self, lines: list[Line], now: int, closed: Closed) -> Iterator[str]:
        before, most = self._overdue_before(now), self._most_tiny
        if before is None:
            yield from (key[3] for key in _merged(lines, (iter(line.keys) for line in lines), closed))
            return
        yield from (key[3] for key in _merged(lines, (line.tiny(most) for line in lines), closed))
        for _, waiting_id in _merged(lines, (line.before(before) for line in lines), closed):
            if self._keys[waiting_id][1] > most:
                yield waiting_id
        for key in _merged(lines, (iter(line.keys) for line in lines), closed):
            if key[1] > most and self._items[key[3]][0].ages_from >= before:
                yield key[3]

    def _let_in(self, now: int) -> None:
        while self._timers and self._timers[0][0] <= now:
            _, waiting_id = heapq.heappop(self._timers)
            if waiting_id in self._items and waiting_id not in self._keys:
                self._insert(*self._items[waiting_id])

    def _overdue_before(self, now: int) -> int | None:
        """Whoever has waited since before then waits longer than the guard allows; None where nobody does."""
        oldest = min((line.ages[0][0] for line in self._of_member.values()), default=now)
        floor = self._rules.floor_ms * 1000
        if now - oldest <= floor:
            return None
        before = now - max(floor, self._easy.worst_until(now) * self._rules.percent // 100)
        return before if oldest < before else None

    def _insert(self, item: Waiting, klass: Class) -> None:
        line = self._of_class.get(klass)
        if line is None:
            line = self._of_class[klass] = Line(
                klass, dominant_share(item.resources.times(item.replicas), self._facts.capacity)
            )
        key, age = self._key(item, line.size), (item.ages_from, item.id)
        self._keys[item.id] = key
        line.add(key, age)
        self._of_member.setdefault((item.org, item.member), Line()).add(key, age)
        self._places = None

    def _take_out(self, item: Waiting, klass: Class) -> None:
        key = self._keys.pop(item.id, None)
        if key is None:
            return
        who, age = (item.org, item.member), (item.ages_from, item.id)
        self._of_member[who].remove(key, age)
        if not self._of_member[who].keys:
            del self._of_member[who]
        self._of_class[klass].remove(key, age)
        if not self._of_class[klass].keys:
            del self._of_class[klass]
        self._places = None

    def _key(self, item: Waiting, size: int) -> Key:
        work = self._work((item.org, item.member), item.limit_ms, item.expected_ms, size)
        return -item.priority, work, item.submitted_at, item.id

    def _work(self, who: tuple[str, str], limit_ms: int | None, expected_ms: int | None, size: int) -> float:
        """Expected is the mean of its owner's last two runs, or what the store expects, at most the limit."""
        most = ENDLESS_MS if limit_ms is None else limit_ms
        runs = self._facts.last_runs.get(who)
        if runs:
            expected_ms = 1000 * sum(runs) // len(runs)
        return sqrt(min(most, most if expected_ms is None else expected_ms) * most) * size

    def _learn_tiny(self, work: float) -> None:
        """The smallest that together make up the set part of recent work; looked up anew every few arrivals."""
        self._recent.append(work)
        self._learned += 1
        if self._learned % 50 and len(self._recent) > 50:
            return
        left = sum(self._recent) * self._rules.tiny_permille / 1000
        self._most_tiny = 0.0
        for amount in sorted(self._recent):
            left -= amount
            if left < 0:
                break
            self._most_tiny = amount


def _merged(lines: list[Line], parts: Iterable[Iterator[Entry]], closed: Closed) -> Iterator[Entry]:
    """Parts of the lines as one in order; of a class that was closed on the way nothing more."""

    def while_open(part: Iterator[Entry], klass: Class | None) -> Iterator[Entry]:
        for entry in part:
            if klass in closed.classes:
                return
            yield entry

    return heapq.merge(*(while_open(part, line.klass) for line, part in zip(lines, parts, strict=True)))


def dominant_share(need: Resources, capacity: Resources) -> int:
    """The part of the cluster it takes, in the dimension of which it takes the largest part."""
    parts = [
        amount * VirtualEasy.WHOLE // whole
        for amount, whole in (
            (need.cpu_milli, capacity.cpu_milli),
            (need.ram_mib, capacity.ram_mib),
            (need.gpu_milli, capacity.gpu_milli),
        )
        if whole
    ]
    return max(parts, default=0)
