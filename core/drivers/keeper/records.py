"""What keeper, shim and driver share: the record of a run, and facts about processes and this host.

A run's record is one file of JSON lines, only ever appended to: first its spec, then that it started, then how it
ended. What a killed writer left half written is no line yet, and so has not happened.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from _thread import get_ident
from typing import Any, NamedTuple

RUNS, SOCKET, KEEPER_LOCK = "runs", "keeper.sock", "keeper.lock"
OUTPUT, STOP, SUSPENDED, WORK = "output", "stop", "suspended", "work"
PIDS_MAX = "pids.max"
LONGEST_NAME = 255
PLAIN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

Record = dict[str, Any]


class Place(NamedTuple):
    """Where the parts of a run lie. Those of a kind share a directory: to make one for each run costs more than it."""

    home: str
    name: str

    @property
    def record(self) -> str:
        return f"{self.home}/{RUNS}/{self.name}"

    @property
    def output(self) -> str:
        return f"{self.home}/{OUTPUT}/{self.name}"

    @property
    def old_output(self) -> str:
        return f"{self.output}.old"

    @property
    def stop(self) -> str:
        return f"{self.home}/{STOP}/{self.name}"

    @property
    def suspended(self) -> str:
        return f"{self.home}/{SUSPENDED}/{self.name}"

    @property
    def work(self) -> str:
        return f"{self.home}/{WORK}/{self.name}"


class Account(NamedTuple):
    """What is written of a run so far."""

    spec: Record
    started: Record | None
    ended: Record | None


def create_account(run: Place, spec: Record) -> bool:
    """The first line, whole or not at all. False where there is one already: that one holds."""
    fresh = f"{run.home}/{RUNS}/.{_writer()}.new"
    _write(fresh, os.O_CREAT | os.O_TRUNC, spec)
    try:
        os.link(fresh, run.record)
    except FileExistsError:
        return False
    else:
        return True
    finally:
        os.unlink(fresh)  # noqa: PTH108 - this module is forked for every run and stays small


def append(run: Place, event: Record) -> None:
    _write(run.record, os.O_APPEND, event)


def _writer() -> str:
    return f"{os.getpid()}-{get_ident()}"


def _write(place: str, how: int, event: Record) -> None:
    fd = os.open(place, os.O_WRONLY | how, 0o600)
    try:
        line = json.dumps(event).encode() + b"\n"
        if os.write(fd, line) != len(line):
            os.write(fd, b"\n")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), place)
    finally:
        os.close(fd)


def read_account(run: Place) -> Account | None:
    try:
        with open(run.record, "rb") as file:  # noqa: PTH123
            lines = file.read().split(b"\n")[:-1]
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    spec = started = ended = None
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:  # a full disk cut it short, and it was written again
            continue
        if "argv" in event:
            spec = event
        elif "code" in event:
            ended = event
        else:
            started = event
    return None if spec is None else Account(spec, started, ended)


def read_note(place: str) -> Record | None:
    """One JSON file that is replaced as a whole, such as the last wish to stop."""
    try:
        with open(place, "rb") as file:  # noqa: PTH123
            found = json.loads(file.read())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write_note(place: str, note: Record) -> None:
    fresh = f"{place}.{_writer()}.new"
    _write(fresh, os.O_CREAT | os.O_TRUNC, note)
    os.replace(fresh, place)  # noqa: PTH105


def wall_us() -> int:
    return time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000


def asleep_us() -> int:
    """How long this host has slept since it booted."""
    return (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)) // 1000


def boot_id() -> str:
    with open("/proc/sys/kernel/random/boot_id") as file:  # noqa: PTH123
        return file.read().strip()


def pid_space() -> str:
    """Process numbers mean something only within this; every container has its own."""
    return os.readlink("/proc/self/ns/pid")  # noqa: PTH115


class Facts(NamedTuple):
    state: str
    parent: int
    session: int
    ticks: int  # its start, in clock ticks since the host started: a number used again has another


def process_facts(pid: int) -> Facts | None:
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        words = os.read(fd, 4096).rpartition(b")")[2].split()
    except ProcessLookupError:
        return None
    finally:
        os.close(fd)
    return Facts(words[0].decode(), int(words[1]), int(words[3]), int(words[19]))


def is_alive(pid: int, ticks: int) -> bool:
    """A zombie counts as gone: its end is all that is left of it."""
    facts = process_facts(pid)
    return facts is not None and facts.ticks == ticks and facts.state not in "ZX"


def living() -> dict[int, Facts]:
    found = {}
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit() and (facts := process_facts(int(name))) is not None and facts.state not in "ZX":
            found[int(name)] = facts
    return found


def descendants(of: int) -> list[int]:
    """All living processes below one, also those that made a session of their own."""
    facts = living()
    below: set[int] = set()
    fresh = {of}
    while fresh:
        fresh = {pid for pid, its in facts.items() if its.parent in fresh} - below
        below |= fresh
    return sorted(below)


def session_of(leader: int) -> list[int]:
    """The living members of a session without its leader."""
    return sorted(pid for pid, its in living().items() if its.session == leader and pid != leader)


def send(pids: list[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
