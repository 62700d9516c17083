"""One writer at a time, each in turn, and nobody waits for ever."""

from __future__ import annotations

import multiprocessing
import threading
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from core.domain.errors import Unavailable
from core.store.writelock import WriteLock
from tests.fakes import clean


def _hold(path: Path, holding: Event, let_go: Event) -> None:
    with WriteLock(path).held():
        holding.set()
        let_go.wait()


def test_E12_a_writer_that_waits_too_long_is_told_so(tmp_path: Path) -> None:
    holding, let_go = clean.Event(), clean.Event()
    other = clean.Process(target=_hold, args=(tmp_path / "db", holding, let_go))
    other.start()
    holding.wait()
    lock = WriteLock(tmp_path / "db", patience_s=0.05)
    with pytest.raises(Unavailable) as refused, lock.held():
        pass
    assert refused.value.code == "store_busy"
    let_go.set()
    other.join()
    patient = WriteLock(tmp_path / "db", patience_s=30)
    with patient.held():  # whoever gave up does not keep the lock when its turn comes
        pass
    with lock.held():
        pass


def _write_once(path: Path, log: Path) -> None:
    with WriteLock(path, patience_s=60).held(), log.open("a") as file:
        file.write("other ")


def _waits(pid: int | None) -> bool:
    """The kernel's own list of locks marks those who wait in a queue."""
    lines = Path("/proc/locks").read_text().splitlines()
    return any("-> FLOCK" in line and f" {pid} " in line for line in lines)


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux tells who waits for a lock")
def test_who_leaves_and_wants_in_again_lets_the_waiting_one_pass_first(tmp_path: Path) -> None:
    """With SQLite's own polling the leaver would win nearly every time, and the other could wait for seconds."""
    log = tmp_path / "log"
    lock = WriteLock(tmp_path / "db", patience_s=60)
    for _ in range(5):
        other = clean.Process(target=_write_once, args=(tmp_path / "db", log))
        with lock.held():
            other.start()
            while not _waits(other.pid):
                assert other.is_alive()
        with lock.held(), log.open("a") as file:
            file.write("me ")
        other.join()
    assert log.read_text() == "other me " * 5


def test_threads_of_one_process_never_write_at_once(tmp_path: Path) -> None:
    lock = WriteLock(tmp_path / "db", patience_s=60)
    inside, most = [0], [0]

    def work() -> None:
        for _ in range(200):
            with lock.held():
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.monotonic()
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_an_error_inside_lets_the_next_one_in(tmp_path: Path) -> None:
    lock = WriteLock(tmp_path / "db")
    with pytest.raises(RuntimeError), lock.held():
        raise RuntimeError
    with lock.held():
        pass


def _child_writes(lock_path: Path, lock: WriteLock) -> None:
    with lock.held():
        pass


def test_E29_a_forked_child_has_a_lock_of_its_own(tmp_path: Path) -> None:
    lock = WriteLock(tmp_path / "db", patience_s=0.05)
    child = multiprocessing.get_context("fork").Process(target=_child_writes, args=(tmp_path / "db", lock))
    with lock.held():
        child.start()
        child.join()
    assert child.exitcode == 1  # it was kept out, as any other process is
