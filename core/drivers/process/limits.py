"""How a run's CPU and memory are held down here: by cgroups where they can be written, else by rlimits and nice.

Which of them it is, is found by trying, and said of every run.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from core.domain.resources import Resources

PERIOD_US = 100_000
SHORTEST_QUOTA_US = 1_000
GENTLE = 5
MIB = 1 << 20
OURS, SHIMS = "bursar", "shims"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the shim sets for one run."""

    says: str
    cages: tuple[dict[str, object], ...] = ()  # each a cgroup to make, the files to write in it, and where shims live
    data_bytes: int = 0
    nice: int = 0


@dataclass(frozen=True, slots=True)
class Means:
    """What this host lets us do."""

    version: int = 0  # of cgroups; 0: none can be written
    roots: dict[str, Path] = field(default_factory=dict)  # controller -> the cgroup that our runs' cgroups are in

    def of(self, name: str, amount: Resources) -> Limits:
        quota = max(SHORTEST_QUOTA_US, amount.cpu_milli * PERIOD_US // 1000)
        memory = amount.ram_mib * MIB
        if self.version == 0:
            says = "rlimits and nice: memory per process, CPU by courtesy"
            return Limits(says, data_bytes=memory, nice=GENTLE)
        if self.version == 2:
            wanted = {"cpu.max": f"{quota} {PERIOD_US}"} if amount.cpu_milli else {}
            if memory:
                wanted |= {"memory.max": str(memory), "memory.swap.max": "0", "memory.oom.group": "1"}
            return Limits("cgroup v2", cages=(self._cage("cpu", name, wanted),))
        cpu = {"cpu.cfs_period_us": str(PERIOD_US), "cpu.cfs_quota_us": str(quota)} if amount.cpu_milli else {}
        ram = {"memory.limit_in_bytes": str(memory), "memory.memsw.limit_in_bytes": str(memory)} if memory else {}
        return Limits("cgroup v1", cages=(self._cage("cpu", name, cpu), self._cage("memory", name, ram)))

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
    roots: dict[str, Path] = {}
    for controller in ("cpu", "memory"):
        if controller not in mounts or controller not in own:
            return Means()
        roots[controller] = _below(mounts[controller], own[controller]) / OURS
    return Means(1, roots) if all(_is_ours(root) for root in roots.values()) else Means()


def _version_2(root: Path) -> Means | None:
    if not _is_ours(root):
        return None
    for place in (root.parent, root):
        with contextlib.suppress(OSError):  # refused where processes live in it: then it is as it is
            (place / "cgroup.subtree_control").write_text("+cpu +memory")
    try:
        given = set((root / "cgroup.subtree_control").read_text().split())
    except OSError:
        return None
    return Means(2, {"cpu": root, "memory": root}) if {"cpu", "memory"} <= given else None


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
            for controller in set(words[3].split(",")) & {"cpu", "memory"}:
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
