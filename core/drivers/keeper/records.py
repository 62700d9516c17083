"""What keeper, shim and driver share: the files of a run's directory, and facts about processes and this host."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

RUNS, SOCKET, KEEPER_LOCK = "runs", "keeper.sock", "keeper.lock"
SPEC, LOCK, STARTED, ENDED, STOP, LOG = "spec.json", "lock", "started.json", "ended.json", "stop.json", "output.log"
SUSPENDED, WORK = "suspended", "work"
LONGEST_NAME = 255
PLAIN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

Record = dict[str, Any]


def write_record(place: Path, record: Record) -> None:
    """All of it or nothing under that name, whenever the writer is killed."""
    fresh = place.with_name(f".{place.name}.{os.getpid()}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(fd, json.dumps(record).encode())
    finally:
        os.close(fd)
    fresh.rename(place)


def read_record(place: Path) -> Record | None:
    try:
        found = json.loads(place.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:  # only a power cut can leave it torn
        return {}
    return found if isinstance(found, dict) else {}


def wall_us() -> int:
    return time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000


def asleep_us() -> int:
    """How long this host has slept since it booted."""
    return (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)) // 1000


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def pid_space() -> str:
    """Process numbers mean something only within this; every container has its own."""
    return str(Path("/proc/self/ns/pid").readlink())


class Facts(NamedTuple):
    state: str
    parent: int
    session: int
    ticks: int  # its start, in clock ticks since the host started: a number used again has another


def process_facts(pid: int) -> Facts | None:
    try:
        words = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Facts(words[0].decode(), int(words[1]), int(words[3]), int(words[19]))


def is_alive(pid: int, ticks: int) -> bool:
    """A zombie counts as gone: its end is all that is left of it."""
    facts = process_facts(pid)
    return facts is not None and facts.ticks == ticks and facts.state not in "ZX"


def living() -> dict[int, Facts]:
    found = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - bare names are all that is wanted
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
    return sorted(pid for pid, its in living().items() if its.session == leader)


def send(pids: list[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
