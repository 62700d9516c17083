"""What a container takes now, read from the control groups of this host: an engine's own figures take a second each.

Of engines on other hosts it knows nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from core.clock import SECOND
from core.domain.engines import GpuFound, Use

_CGROUPS = Path("/sys/fs/cgroup")
_USEC_NS = 1000
# A limit of CPU is enforced in spans of a tenth of a second: over less than several of them it shows nothing.
_SHORTEST = SECOND


@dataclass(frozen=True, slots=True)
class Reading:
    at: int
    cpu_ns: int | None
    memory_bytes: int | None


class UsageMeter:
    """Remembers the last reading of each container, since CPU is a difference."""

    def __init__(self, root: Path = _CGROUPS) -> None:
        self._root = root
        self._last: dict[str, tuple[Reading, Use]] = {}

    def use(self, container: str, pid: int, now: int) -> Use:
        before, told = self._last.get(container, (None, Use()))
        if before is not None and now - before.at < _SHORTEST:
            return told
        reading = read(pid, now, self._root)
        cpu_milli = None
        if before is not None and before.cpu_ns is not None and reading.cpu_ns is not None:
            cpu_milli = max(0, reading.cpu_ns - before.cpu_ns) // (now - before.at)
        use = Use(cpu_milli, None if reading.memory_bytes is None else reading.memory_bytes >> 20)
        self._last[container] = (reading, use)
        return use

    def keep(self, containers: set[str]) -> None:
        for gone in self._last.keys() - containers:
            del self._last[gone]


def read(pid: int, now: int, root: Path = _CGROUPS) -> Reading:
    places = _places(pid)
    unified = places.get("")
    if unified and (folder := root / unified / "cpu.stat").exists():
        usage = _field(folder, "usage_usec")
        cpu = None if usage is None else usage * _USEC_NS
        return Reading(now, cpu, _number(root / unified / "memory.current"))
    cpu = _number(root / "cpuacct" / places["cpuacct"] / "cpuacct.usage") if "cpuacct" in places else None
    memory = _number(root / "memory" / places["memory"] / "memory.usage_in_bytes") if "memory" in places else None
    return Reading(now, cpu, memory)


def with_gpus(use: Use, devices: Iterable[str], found: Mapping[str, GpuFound]) -> Use:
    """With what its devices do, as far as they can be asked: who shares one shares these figures."""
    given = [found[device] for device in devices if device in found]
    busy = [gpu.utilization_milli for gpu in given if gpu.utilization_milli is not None]
    taken = [gpu.used_mib for gpu in given if gpu.used_mib is not None]
    return replace(
        use,
        gpu_busy_milli=sum(busy) // len(busy) if busy else None,
        gpu_ram_mib=sum(taken) if taken else None,
    )


def is_alive(pid: int) -> bool:
    """A zombie is dead: only its parent has not heard of it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


def may_look() -> bool:
    """Whether processes of others are shown to us at all."""
    return os.geteuid() == 0 or Path("/proc/1/stat").exists()


def _places(pid: int) -> dict[str, str]:
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return {}
    places = {}
    for line in lines:
        _, controllers, place = line.split(":", 2)
        for controller in controllers.split(","):
            places[controller.removeprefix("name=")] = place.lstrip("/")
    return places


def _number(place: Path) -> int | None:
    try:
        return int(place.read_text())
    except (OSError, ValueError):
        return None


def _field(place: Path, name: str) -> int | None:
    try:
        fields = dict(line.split(" ", 1) for line in place.read_text().splitlines())
        return int(fields[name])
    except (OSError, ValueError, KeyError):
        return None
