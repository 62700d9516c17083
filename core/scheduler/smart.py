"""The guarded order `smart`: least expected work first, and a guard for whoever waits too long because of it.

Its key is sqrt(expected run time * limit) * size, small first, within base priority. Promises use the limit, never
the expectation. What "too long" means is measured by a virtual EASY on the same arrivals (`guard.py`).
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator
from itertools import chain
from math import sqrt
from typing import TYPE_CHECKING

from core.domain.resources import Resources
from core.scheduler.guard import VirtualEasy
from core.scheduler.ordering import Class, Closed
from core.scheduler.policy import DAY_MS, Policy
from core.scheduler.values import Holding, Waiting

if TYPE_CHECKING:
    from core.scheduler.facts import Facts

ENDLESS_MS = 30 * DAY_MS  # how a service counts in the order; it takes no part in the guard
RECENT = 500  # arrivals from which it is learned which work is tiny
Key = tuple[int, float, int, str]


class SmartQueue:
    def __init__(self, policy: Policy, facts: Facts) -> None:
        self._rules, self._facts = policy.smart, facts
        self._items: dict[str, tuple[Waiting, Class]] = {}
        self._keys: dict[str, Key] = {}
        self._by_key: list[Key] = []
        self._by_age: list[tuple[int, str]] = []
        self._of_member: dict[tuple[str, str], dict[str, None]] = {}
        self._timers: list[tuple[int, str]] = []
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._tiny_below, self._learned = 0.0, 0
        self._easy = VirtualEasy(facts.longest_wait)

    def add(self, item: Waiting, klass: Class) -> None:
        self._items[item.id] = (item, klass)
        self._of_member.setdefault((item.org, item.member), {})[item.id] = None
        size = dominant_share(item, self._facts.capacity)
        if item.limit_ms is not None:
            self._easy.arrive(item.id, item.ages_from, size, item.limit_ms * 1000)
        if item.not_before is not None:
            heapq.heappush(self._timers, (item.not_before, item.id))
        else:
            self._insert(item)
            self._learn_tiny(self._keys[item.id][1])

    def remove(self, item: Waiting) -> None:
        del self._items[item.id]
        mates = self._of_member[item.org, item.member]
        del mates[item.id]
        if not mates:
            del self._of_member[item.org, item.member]
        self._take_out(item)

    def note_end(self, holding: Holding, at: int) -> None:
        """What its member's waiting ones are expected to take has changed with it."""
        self._easy.learn(holding.id, at, max(0, at - holding.started_at))
        self._facts.longest_wait = self._easy.longest_wait
        for waiting_id in self._of_member.get((holding.org, holding.member), ()):
            if waiting_id in self._keys:
                item = self._items[waiting_id][0]
                self._take_out(item)
                self._insert(item)

    def promises(self, now: int, most: int) -> int:
        return max(most, self._rules.overdue_reservations) if self._overdue(now) else most

    def walk(self, now: int, closed: Closed, only: list[Class] | None = None) -> Iterator[tuple[Waiting, Class]]:
        wanted = None if only is None else set(only)
        for waiting_id in self._order(now):
            item, klass = self._items[waiting_id]
            if klass in closed.classes or (wanted is not None and klass not in wanted):
                continue
            if (klass, item.org, item.member) not in closed.members:
                yield item, klass

    def ahead_of(self, item: Waiting, now: int) -> int:
        """By walking the order; one that is held back counts as the last."""
        return next((n for n, waiting_id in enumerate(self._order(now)) if waiting_id == item.id), len(self._by_key))

    def _order(self, now: int) -> Iterator[str]:
        while self._timers and self._timers[0][0] <= now:
            _, waiting_id = heapq.heappop(self._timers)
            if waiting_id in self._items and waiting_id not in self._keys:
                self._insert(self._items[waiting_id][0])
        overdue = self._overdue(now)
        by_key = (key[3] for key in self._by_key)
        if not overdue:
            return by_key
        tiny = (key[3] for key in self._by_key if key[1] <= self._tiny_below)
        first = dict.fromkeys(chain(tiny, overdue))
        return chain(first, (waiting_id for waiting_id in by_key if waiting_id not in first))

    def _overdue(self, now: int) -> list[str]:
        """Ids of those that wait longer than the guard allows, the longest first."""
        if not self._by_age:
            return []
        floor = self._rules.floor_ms * 1000
        if now - self._by_age[0][0] <= floor:
            return []
        allowed = max(floor, self._easy.worst_until(now) * self._rules.percent // 100)
        return [i for _, i in self._by_age[: bisect_left(self._by_age, (now - allowed, ""))]]

    def _insert(self, item: Waiting) -> None:
        limit_ms = ENDLESS_MS if item.limit_ms is None else item.limit_ms
        work = sqrt(self._expected_ms(item) * limit_ms) * dominant_share(item, self._facts.capacity)
        key = self._keys[item.id] = (-item.priority, work, item.submitted_at, item.id)
        insort(self._by_key, key)
        insort(self._by_age, (item.ages_from, item.id))

    def _take_out(self, item: Waiting) -> None:
        key = self._keys.pop(item.id, None)
        if key is not None:
            del self._by_key[bisect_left(self._by_key, key)]
            del self._by_age[bisect_left(self._by_age, (item.ages_from, item.id))]

    def _expected_ms(self, item: Waiting) -> int:
        """The mean of its owner's last two runs, or what the store expects, at most the limit."""
        limit_ms = ENDLESS_MS if item.limit_ms is None else item.limit_ms
        runs = self._facts.last_runs.get((item.org, item.member))
        if runs:
            return min(limit_ms, 1000 * sum(runs) // len(runs))
        return limit_ms if item.expected_ms is None else min(item.expected_ms, limit_ms)

    def _learn_tiny(self, work: float) -> None:
        """The smallest that together make up the set part of recent work; looked up anew every few arrivals."""
        self._recent.append(work)
        self._learned += 1
        if self._learned % 50 and len(self._recent) > 50:
            return
        left = sum(self._recent) * self._rules.tiny_permille / 1000
        self._tiny_below = 0.0
        for amount in sorted(self._recent):
            left -= amount
            if left < 0:
                break
            self._tiny_below = amount


def dominant_share(item: Waiting, capacity: Resources) -> int:
    """The part of the cluster it takes, in the dimension of which it takes the largest part."""
    need = item.resources.times(item.replicas)
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
