"""How a run's CPU, memory and processes are held down: by cgroups where they can be written, else by rlimits and nice.

Which of them it is, is found by trying, and said of every run.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.domain.engines import UNHELD
from core.domain.resources import Resources
from core.drivers.keeper.records import PIDS_MAX

PERIOD_US = 100_000
SHORTEST_QUOTA_US = 1_000
GENTLE = 5
MIB = 1 << 20
OURS, SHIMS = "bursar", "shims"
NEEDED = frozenset({"cpu", "memory"})
PIDS = "pids"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the shim sets for one run."""

    says: str
    cages: tuple[dict[str, object], ...] = ()  # each a cgroup to make, the files to write in it, and where shims live
    data_bytes: int = 0
    user_processes: int = 0  # of all that the run's user has on this host
    nice: int = 0


@dataclass(frozen=True, slots=True)
class Means:
    """What this host lets us do."""

    version: int = 0  # of cgroups; 0: none can be written
    roots: dict[str, Path] = field(default_factory=dict)  # controller -> the cgroup that our runs' cgroups are in

    def of(self, name: str, amount: Resources, processes: int, *, own_user: bool) -> Limits:
        """`own_user`: the run is another user than the daemon's, so what counts by user does not count the daemon."""
        quota = max(SHORTEST_QUOTA_US, amount.cpu_milli * PERIOD_US // 1000)
        memory = amount.ram_mib * MIB
        if self.version == 0:
            says = "rlimits and nice: memory per process, CPU by courtesy"
            return self._with_processes(Limits(says, data_bytes=memory, nice=GENTLE), processes, own_user)
        if self.version == 2:
            wanted = {"cpu.max": f"{quota} {PERIOD_US}"} if amount.cpu_milli else {}
            if memory:
                wanted |= {"memory.max": str(memory), "memory.swap.max": "0", "memory.oom.group": "1"}
            if PIDS in self.roots:
                wanted[PIDS_MAX] = str(processes)
            return self._with_processes(Limits("cgroup v2", (self._cage("cpu", name, wanted),)), processes, own_user)
        cpu = {"cpu.cfs_period_us": str(PERIOD_US), "cpu.cfs_quota_us": str(quota)} if amount.cpu_milli else {}
        ram = {"memory.limit_in_bytes": str(memory), "memory.memsw.limit_in_bytes": str(memory)} if memory else {}
        cages = [self._cage("cpu", name, cpu), self._cage("memory", name, ram)]
        if PIDS in self.roots:
            cages.append(self._cage(PIDS, name, {PIDS_MAX: str(processes)}))
        return self._with_processes(Limits("cgroup v1", tuple(cages)), processes, own_user)

    def _with_processes(self, limits: Limits, processes: int, own_user: bool) -> Limits:
        """Without a cgroup the kernel counts by user alone. Where that is the daemon's, the count would be of it, too,
        and of whatever else that user does; root is not bound by it at all."""
        if PIDS in self.roots:
            return replace(limits, says=f"{limits.says}; at most {processes} processes")
        if own_user:
            says = f"{limits.says}; at most {processes} processes of its user in all"
            return replace(limits, says=says, user_processes=processes)
        return replace(limits, says=f"{limits.says}; {UNHELD}")

    def _cage(self, controller: str, name: str, wanted: dict[str, str]) -> dict[str, object]:
        root = self.roots[controller]
        return {"dir": str(root / name), "home": str(root / SHIMS), "set": wanted}


def find_means(choice: str, cgroup: str = "", proc: Path = Path("/proc")) -> Means:
    """`rlimits` does not try. A cgroup named by the operator is one delegated to us, of version 2."""
    if choice == "rlimits":
        return Means()
    mounts = _mounts(proc)
    own = _own_cgroups(proc)
    if cgroup:
        return _version_2(Path(cgroup)) or Means()
    if "" in own and "" in mounts:
        # A cgroup in which processes live, such as a service's with its daemon in it, cannot be divided; only the
        # host's first can all the same.
        for place in (_below(mounts[""], own[""]), mounts[""]):
            if means := _version_2(place / OURS):
                return means
            for useless in (place / OURS / SHIMS, place / OURS):
                with contextlib.suppress(OSError):  # it could not be made, or somebody lives in it
                    useless.rmdir()
    roots = {one: _below(mounts[one], own[one]) / OURS for one in (*NEEDED, PIDS) if one in mounts and one in own}
    roots = {controller: root for controller, root in roots.items() if _is_ours(root)}
    return Means(1, roots) if roots.keys() >= NEEDED else Means()


def _version_2(root: Path) -> Means | None:
    if not _is_ours(root):
        return None
    for place in (root.parent, root):
        for wanted in ("+cpu +memory +pids", "+cpu +memory"):  # it takes all or none
            with contextlib.suppress(OSError):  # refused where processes live in it: then it is as it is
                (place / "cgroup.subtree_control").write_text(wanted)
                break
    try:
        given = set((root / "cgroup.subtree_control").read_text().split())
    except OSError:
        return None
    return Means(2, dict.fromkeys(given & {*NEEDED, PIDS}, root)) if given >= NEEDED else None


def _is_ours(root: Path) -> bool:
    try:
        root.mkdir(exist_ok=True)
        (root / SHIMS).mkdir(exist_ok=True)  # processes live in leaves only, so the shims have one of their own
    except OSError:
        return False
    return os.access(root, os.W_OK)


def _mounts(proc: Path) -> dict[str, Path]:
    """Where each controller is mounted; version 2 under the empty name."""
    found: dict[str, Path] = {}
    for line in _lines(proc / "self/mounts"):
        words = line.split()
        if len(words) > 3 and words[2] == "cgroup2":
            found.setdefault("", Path(words[1]))
        elif len(words) > 3 and words[2] == "cgroup":
            for controller in set(words[3].split(",")) & {*NEEDED, PIDS}:
                found.setdefault(controller, Path(words[1]))
    return found


def _own_cgroups(proc: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in _lines(proc / "self/cgroup"):
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            found[controller] = path
    return found


def _below(mount: Path, path: str) -> Path:
    inside = mount / path.lstrip("/")
    return inside if inside.is_dir() else mount  # a container sees its own cgroup as the mount's root


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []
