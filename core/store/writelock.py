"""One writer at a time among all threads and processes that share a SQLite file, and each in turn.

SQLite's own waiting is polling: a busy writer starves the others for seconds. Here a writer waits at a gate for
its turn at the door. Whoever leaves and wants in again must pass the gate, where another already stands, so nobody
is overtaken more than once. Checkpoints happen inside write units too, which also keeps clear of SQLite's
corruption fault with two connections that write and checkpoint at the same moment (present before 3.51.3).
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.domain.errors import Unavailable

_alive: weakref.WeakSet[WriteLock] = weakref.WeakSet()


class WriteLock:
    def __init__(self, path: Path, patience_s: float = 5.0) -> None:
        self._path = path
        self._patience_s = patience_s
        self._open()
        _alive.add(self)

    def _open(self) -> None:
        # Threads queue on the pair of locks in memory, processes on the pair of files: gate first, then door.
        self._gate, self._door = threading.Lock(), threading.Lock()
        self._gate_file, self._door_file = _LockFile(f"{self._path}-gate"), _LockFile(f"{self._path}-lock")

    @contextmanager
    def held(self) -> Iterator[None]:
        deadline = time.monotonic() + self._patience_s
        if not self._enter_in_turn(deadline):
            raise _busy(self._patience_s)
        door, door_file = self._door, self._door_file
        try:
            self._enter_among_processes(deadline)
            try:
                yield
            finally:
                door_file.release()
        finally:
            door.release()

    def _enter_in_turn(self, deadline: float) -> bool:
        if not self._gate.acquire(timeout=self._patience_s):
            return False
        try:
            return self._door.acquire(timeout=max(0.0, deadline - time.monotonic()))
        finally:
            self._gate.release()

    def _enter_among_processes(self, deadline: float) -> None:
        if not self._gate_file.acquire(deadline):
            raise _busy(self._patience_s)
        try:
            if not self._door_file.acquire(deadline):
                raise _busy(self._patience_s)
        finally:
            self._gate_file.release()

    def close(self) -> None:
        self._gate_file.close()
        self._door_file.close()

    def after_fork(self) -> None:
        """A child shares its parent's locks on open files; it needs its own."""
        self._open()


class _LockFile:
    """An exclusive lock between processes, with a time-out that flock itself does not have."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = self._opened()
        self._waited_fd: int | None = None

    def _opened(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def acquire(self, deadline: float) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Waiting in the kernel's queue keeps the order; a thread does it, so that we can stop waiting.
            waiter = _Waiter(self._opened())
            waiter.start()
            self._waited_fd = waiter.lock_within(max(0.0, deadline - time.monotonic()))
            return self._waited_fd is not None
        return True

    def release(self) -> None:
        if self._waited_fd is None:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        else:
            os.close(self._waited_fd)
            self._waited_fd = None

    def close(self) -> None:
        os.close(self._fd)


class _Waiter(threading.Thread):
    """Blocks on a lock over a descriptor of its own; hands it over locked, or closes it when it comes too late."""

    def __init__(self, fd: int) -> None:
        super().__init__(daemon=True, name="bursar-write-lock")
        self._fd = fd
        self._verdict = threading.Lock()
        self._locked = threading.Event()
        self._given_up = False

    def run(self) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        with self._verdict:
            if self._given_up:
                os.close(self._fd)
            else:
                self._locked.set()

    def lock_within(self, seconds: float) -> int | None:
        self._locked.wait(seconds)
        with self._verdict:
            self._given_up = not self._locked.is_set()
            return None if self._given_up else self._fd


def _busy(patience_s: float) -> Unavailable:
    return Unavailable(
        "store_busy",
        f"the store was busy for {patience_s:g} seconds; nothing was changed",
        "try again; if it stays so, a process that uses this store hangs",
    )


def _reopen_all() -> None:
    for lock in list(_alive):
        lock.after_fork()


os.register_at_fork(after_in_child=_reopen_all)
