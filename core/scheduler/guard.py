"""How long people would wait at worst under plain EASY: the measure by which `smart` calls somebody overdue.

A first-come-first-served queue with EASY backfill is played in counting beside the real one, on the same
arrivals. It learns how long something really ran only when that has really ended; until then its limit counts.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from copy import copy
from dataclasses import dataclass

LOOKED_AT = 2000  # as far behind its head the virtual queue is looked at, so that its length costs nothing


@dataclass(slots=True)
class _Job:
    id: str
    arrived: int
    size: int
    limit: int  # microseconds
    ran: int | None = None
    started: int | None = None
    end: int = 0


class VirtualEasy:
    """`size` is the share of the whole in parts of `WHOLE`; what has no limit takes no part."""

    WHOLE = 10**12

    def __init__(self, longest_wait: int = 0) -> None:
        self.longest_wait = longest_wait
        self._time = 0
        self._free = self.WHOLE
        self._queue: list[_Job] = []
        self._jobs: dict[str, _Job] = {}
        self._ends: list[tuple[int, str]] = []
        self._limits: list[tuple[int, str, int]] = []  # by the end of the limit, of those that run

    def copy(self) -> VirtualEasy:
        twin = copy(self)
        twin._jobs = {i: copy(job) for i, job in self._jobs.items()}
        twin._queue = [twin._jobs[job.id] for job in self._queue]
        twin._ends, twin._limits = self._ends.copy(), self._limits.copy()
        return twin

    def arrive(self, job_id: str, at: int, size: int, limit: int) -> None:
        if job_id in self._jobs or size > self.WHOLE:
            return
        self._advance(at)
        job = self._jobs[job_id] = _Job(job_id, at, size, limit)
        self._queue.append(job)
        if size <= self._free:
            self._schedule()

    def learn(self, job_id: str, at: int, ran: int) -> None:
        """It has really ended after running that long."""
        job = self._jobs.get(job_id)
        if job is None:
            return
        self._advance(at)
        job.ran = ran
        if job.started is not None and job_id in self._jobs:
            self._set_end(job, max(job.started + ran, self._time))
            self._advance(at)

    def worst_until(self, now: int) -> int:
        """The longest wait so far, those that still wait counted as well."""
        self._advance(now)
        waiting = now - self._queue[0].arrived if self._queue else 0
        return max(self.longest_wait, waiting)

    def _advance(self, now: int) -> None:
        while self._ends and self._ends[0][0] <= now:
            instant = self._ends[0][0]
            freed = False
            while self._ends and self._ends[0][0] == instant:
                end, job_id = heapq.heappop(self._ends)
                job = self._jobs.get(job_id)
                if job is not None and job.end == end:
                    self._free += job.size
                    assert job.started is not None
                    del self._limits[bisect_left(self._limits, (job.started + job.limit, job_id, job.size))]
                    del self._jobs[job_id]
                    freed = True
            self._time = max(self._time, instant)
            if freed:
                self._schedule()
        self._time = max(self._time, now)

    def _start(self, job: _Job) -> None:
        job.started = self._time
        self._free -= job.size
        self.longest_wait = max(self.longest_wait, self._time - job.arrived)
        insort(self._limits, (job.started + job.limit, job.id, job.size))
        self._set_end(job, job.started + (job.limit if job.ran is None else min(job.ran, job.limit)))

    def _set_end(self, job: _Job, end: int) -> None:
        if job.end != end:
            job.end = end
            heapq.heappush(self._ends, (end, job.id))

    def _schedule(self) -> None:
        queue = self._queue
        while queue and queue[0].size <= self._free:
            self._start(queue.pop(0))
        if not queue or not self._free:
            return
        head, at_then, shadow = queue[0], self._free, self._time
        for end, _, size in self._limits:
            at_then, shadow = at_then + size, end
            if at_then >= head.size:
                break
        spare = at_then - head.size
        gone: set[str] = set()
        reach = queue[1 : 1 + LOOKED_AT]
        for job in reach:
            if job.size > self._free:
                continue
            if self._time + job.limit > shadow:
                if job.size > spare:
                    continue
                spare -= job.size
            self._start(job)
            gone.add(job.id)
            if not self._free:
                break
        if gone:
            queue[1 : 1 + LOOKED_AT] = [job for job in reach if job.id not in gone]
