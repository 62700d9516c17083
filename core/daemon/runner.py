"""The loop: follows the feed, seeks to lead, and lets each cluster be tended by a thread of its own.

Between two things to do it sleeps: what others commit wakes it, and so does the next instant that was computed.
The ticker of APScheduler, kept in memory alone, renews the lease and does the rare work at a steady pace.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from apscheduler.executors.pool import ThreadPoolExecutor  # type: ignore[import-untyped]
from apscheduler.schedulers.background import BackgroundScheduler  # type: ignore[import-untyped]

from core.clock import SECOND
from core.daemon.ground import Ground
from core.daemon.logs import told
from core.daemon.tending import Tender
from core.domain.errors import BursarError
from core.store.feed import Feed

log = logging.getLogger("bursar.daemon")

SEEK_EVERY_S = 0.25
_LEAVE_WITHIN_S = 4.0
_LONGEST_SLEEP_S = 5.0
_SHORTEST_WAIT_S = 0.02
_AFTER_AN_ERROR_S = 1.0
# After a pass that moved something it rests for twice as long as that took: whoever submits has the store meanwhile,
# and the next pass finds more to do at once. A pass costs nearly as much for one deployment as for thirty.
_REST_SHARE, _LONGEST_REST_S = 2, 0.05


class Led(Protocol):
    """What the runner asks of the daemon."""

    @property
    def ground(self) -> Ground: ...
    def lead(self) -> bool: ...
    def renew(self) -> bool: ...
    def resign(self) -> None: ...
    def tenders(self) -> list[Tender]: ...
    def keep_time(self, *, only_due: bool) -> int: ...
    def hurry(self) -> None: ...
    def time_at(self) -> int: ...
    def sweep(self) -> int: ...
    def back_up(self) -> int: ...


class Worker:
    """The thread of one cluster."""

    def __init__(self, tender: Tender, now: Callable[[], int]) -> None:
        self.tender = tender
        self._now = now
        self._news = threading.Event()
        self._ended = threading.Event()
        self.exhausted: MemoryError | None = None
        self._thread = threading.Thread(target=self._work, name=f"bursar-cluster-{tender.name}", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        self._news.set()

    def end(self) -> None:
        self._ended.set()
        self._news.set()

    def join(self, timeout_s: float) -> bool:
        self._thread.join(max(0.0, timeout_s))
        return not self._thread.is_alive()

    def _work(self) -> None:
        try:
            self._tend()
        except MemoryError as error:  # the runner hears of it, and ends the process
            self.exhausted = error

    def _tend(self) -> None:
        while not self._ended.is_set():
            self._news.clear()
            began = time.monotonic()
            moved = _guarded(lambda: self.tender.tend(now_or_later=True), cluster=self.tender.name)
            if moved is None:
                self._ended.wait(_AFTER_AN_ERROR_S)
            elif moved:
                self._ended.wait(min(_LONGEST_REST_S, _REST_SHARE * (time.monotonic() - began)))
            elif not moved:
                self._news.wait(max(_SHORTEST_WAIT_S, _seconds_until(self.tender.next_at(), self._now())))


class Runner:
    def __init__(self, daemon: Led, *, embedded: bool = False) -> None:
        self._daemon = daemon
        self._embedded = embedded
        self._ground = daemon.ground
        self._now = daemon.ground.units.now
        self._workers: dict[str, Worker] = {}
        self._leads = False
        self._stands_by = False
        self._turned_at = 0
        self._gives_way_until = 0

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; then whatever is under way is finished or left to the next leader, within seconds."""
        settings = self._ground.settings.daemon
        feed = Feed(self._ground.units.database, settings.poll_ms / 1000)
        threading.Thread(target=_wake_at, args=(stop, feed), name="bursar-stop", daemon=True).start()
        ticker = self._ticker(feed)
        try:
            while not stop.is_set():
                if _guarded(lambda: self._turn(feed, stop)) is None:
                    stop.wait(_AFTER_AN_ERROR_S)
        finally:
            ticker.shutdown(wait=False)
            self._end_workers(_LEAVE_WITHIN_S)
            if self._leads:
                _guarded(self._resign)
            feed.close()

    def _turn(self, feed: Feed, stop: threading.Event) -> int:
        if not self._leads:
            self._end_workers(0)
            if self._gives_way() or not self._seek():
                stop.wait(SEEK_EVERY_S)
                return 0
        if self._ground.leadership.epoch is None:
            self._lose()
            return 0
        for worker in self._workers.values():
            if worker.exhausted is not None:
                raise worker.exhausted
        self._turned_at = self._now()
        self._keep_workers()
        self._daemon.keep_time(only_due=True)
        news = feed.wait(min(_LONGEST_SLEEP_S, _seconds_until(self._daemon.time_at(), self._now())))
        if news:
            self._daemon.hurry()
            for worker in self._workers.values():
                worker.wake()
        return 1

    def _gives_way(self) -> bool:
        """For the length of a lease at most, also by a clock that was set meanwhile."""
        return 0 < self._gives_way_until - self._now() <= self._ground.settings.daemon.lease_ms * 1000

    def _seek(self) -> bool:
        if self._daemon.lead():
            self._leads, self._stands_by = True, False
            self._turned_at = self._now()
            log.info("leads", extra=told(epoch=self._ground.leadership.epoch))
        elif not self._stands_by:
            self._stands_by = True
            log.info("stands by: another process leads")
        return self._leads

    def _lose(self) -> None:
        log.warning("leads no more: another process does")
        self._leads = False
        self._end_workers(0)

    def _resign(self) -> int:
        self._daemon.resign()
        self._leads = False
        log.info("leads no more: it gives way" if self._gives_way_until else "leads no more: it leaves")
        return 1

    def _keep_workers(self) -> None:
        tenders = {tender.cluster_id: tender for tender in self._daemon.tenders()}
        for key in [key for key, worker in self._workers.items() if tenders.get(key) is not worker.tender]:
            self._workers.pop(key).end()
        for key in tenders.keys() - self._workers.keys():
            self._workers[key] = Worker(tenders[key], self._now)

    def _end_workers(self, within_s: float) -> None:
        """Those that hang in an engine are left behind: they prove no epoch any more, so they can write nothing."""
        workers, self._workers = list(self._workers.values()), {}
        for worker in workers:
            worker.end()
        until = self._now() + round(within_s * SECOND)
        for worker in workers:
            if not worker.join(_seconds_until(until, self._now())) and within_s:
                log.warning("left behind in a call of its engine", extra=told(cluster=worker.tender.name))

    def _ticker(self, feed: Feed) -> BackgroundScheduler:
        settings = self._ground.settings.daemon
        ticker = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(2)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )
        ticker.add_job(self._renew, "interval", args=(feed,), seconds=settings.lease_ms / 3000)
        ticker.add_job(self._sweep, "interval", seconds=settings.sweep_every_ms / 1000)
        ticker.start()
        return ticker

    def _renew(self, feed: Feed) -> None:
        """Only for a loop that turns: one that is stuck must be followed, although its process lives."""
        now, lease_us = self._now(), self._ground.settings.daemon.lease_ms * 1000
        if self._stands_by and not self._embedded:
            _guarded(lambda: self._wish(now))
        if not self._leads or now - self._turned_at > max(lease_us, 2 * round(_LONGEST_SLEEP_S * SECOND)):
            return
        if self._embedded and self._ground.leadership.is_wished(now):
            self._gives_way_until = now + lease_us
            self._leads = False
            _guarded(self._resign)
            feed.wake()
        elif not _guarded(self._daemon.renew):
            feed.wake()

    def _wish(self, now: int) -> int:
        self._ground.leadership.wish(now)
        return 1

    def _sweep(self) -> None:
        if self._leads:
            _guarded(self._daemon.sweep)
            _guarded(self._daemon.back_up)


def _wake_at(stop: threading.Event, feed: Feed) -> None:
    stop.wait()
    feed.wake()


def _guarded(work: Callable[[], int | bool], **where: object) -> int | None:
    """The answer, or None where it failed: that is said, and the loop goes on."""
    try:
        return int(work())
    except BursarError as error:
        log.warning(error.message, extra=told(code=error.code, **where))
    except MemoryError:
        raise  # whatever was half done is undone, and who starts the process anew starts it with all its memory
    except Exception:  # one bug must not leave every cluster untended
        log.exception("a bug", extra=told(**where))
    return None


def _seconds_until(instant: int, now: int) -> float:
    return max(0.0, (instant - now) / SECOND)
