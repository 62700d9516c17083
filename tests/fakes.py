"""Stand-ins that count or crowd: what a test must see of a part that it does not replace."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from core.clock import SystemClock
from core.domain.errors import BursarError
from core.ids import RandomIds
from core.security import passwords
from tests.builders import World, quick_settings

Task = Callable[[World, int], Any]
PROCESSES = 4

# A clean process that has read all modules once, from which the others are forked: as good as a new one, and quick.
clean = multiprocessing.get_context("forkserver")
clean.set_forkserver_preload(["tests.fakes"])


class CountingBcrypt:
    """The real thing, with a count of how often it was made to work."""

    def __init__(self) -> None:
        self._real = passwords.bcrypt
        self.computed = 0
        self.gensalt = self._real.gensalt

    def hashpw(self, password: bytes, salt: bytes) -> bytes:
        self.computed += 1
        return self._real.hashpw(password, salt)

    def checkpw(self, password: bytes, hashed: bytes) -> bool:
        self.computed += 1
        return self._real.checkpw(password, hashed)

    @contextmanager
    def put_in(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[CountingBcrypt]:
        with monkeypatch.context() as patch:
            patch.setattr(passwords, "bcrypt", self)
            yield self


def outcome(task: Task, world: World, number: int) -> str:
    """What came of it, in a word that can be counted."""
    try:
        return str(task(world, number))
    except BursarError as error:
        return error.code


def patient(world: World) -> None:
    """Whoever waits for its turn behind sixteen others on a busy host is not told that the store is busy."""
    if world.store._lock is not None:
        world.store._lock._patience_s = 60.0


def at_once(world: World, task: Task, numbers: Sequence[int]) -> list[str]:
    """The task once for each number, by as many threads that begin together."""
    patient(world)
    ready = threading.Barrier(len(numbers))
    outcomes: dict[int, str] = {}

    def run(number: int) -> None:
        ready.wait()
        outcomes[number] = outcome(task, world, number)

    threads = [threading.Thread(target=run, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [outcomes[number] for number in numbers]


def _process(home: Path, url: str, task: Task, numbers: Sequence[int]) -> list[str]:
    world = World.of(quick_settings(home, url), SystemClock(), RandomIds())
    try:
        return at_once(world, task, numbers)
    finally:
        world.close()


def at_once_in_processes(home: Path, url: str, task: Task, count: int) -> list[str]:
    """The same by the threads of four processes. The task is a function of a module, so that it can be sent."""
    shares = [range(first, count, PROCESSES) for first in range(PROCESSES)]
    with ProcessPoolExecutor(PROCESSES, clean) as pool:
        found = pool.map(_process, [home] * PROCESSES, [url] * PROCESSES, [task] * PROCESSES, shares)
        return [one for share in found for one in share]
