"""From a spec to what the shim will do: the exact command, environment, user, limits and directory of a run."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.domain.engines import Capabilities, Spec, Trouble, members_may_use, trouble
from core.drivers.keeper.records import PLAIN_PATH, Place, Record
from core.drivers.process.limits import MIB, Limits

LANGUAGE = "C.UTF-8"
# After what was declared: a run cannot take devices or a name that it was not given.
RUN_VARIABLE, RANK_VARIABLE, DEVICES_VARIABLE = "BURSAR_RUN", "BURSAR_RANK", "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True, slots=True)
class Person:
    """The user of this host whom a run is started as."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


def person(name: str) -> Person | None:
    """None: as whom we are. Only root can become somebody else."""
    if not name:
        return None
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise trouble(
            Trouble.UNAUTHORIZED, f"run_as: this host has no user {name!a}", "create it, or change run_as"
        ) from None
    if found.pw_uid == os.getuid():
        return None
    if os.getuid() != 0:
        raise trouble(Trouble.UNAUTHORIZED, f"run_as: only root can become {name}", "run the daemon as root")
    groups = tuple(os.getgrouplist(name, found.pw_gid))
    return Person(name, found.pw_uid, found.pw_gid, groups, found.pw_dir)


def refuse_unfit(spec: Spec, capabilities: Capabilities, settings: Mapping[str, str]) -> None:
    if spec.kind not in capabilities.kinds:
        raise trouble(Trouble.CANNOT_RUN, f"a process cluster runs no {spec.kind}", "submit a job or a service")
    if not spec.command:
        hint = "give a command after --, or submit the image to another cluster"
        raise trouble(Trouble.CANNOT_RUN, "a process cluster runs commands, and none was given", hint)
    if not all(_can_be_passed(word) for word in (*spec.command, *spec.env, *spec.env.values())):
        raise trouble(Trouble.CANNOT_RUN, "command and environment cannot hold a NUL character or a lone surrogate")
    if not all(name and "=" not in name for name in spec.env):
        raise trouble(Trouble.CANNOT_RUN, "a variable has a name, and no = in it")
    if not spec.by_operator and not members_may_use(capabilities, settings):
        raise trouble(
            Trouble.MEMBERS_NOT_TRUSTED,
            "this cluster runs commands as the daemon's own user, so it is closed to members",
            "an operator sets run_as=USER, or trust=members",
        )


def _can_be_passed(word: str) -> bool:
    try:
        return b"\0" not in word.encode()
    except UnicodeEncodeError:
        return False


def launch_record(spec: Spec, run: Place, limits: Limits, who: Person | None, log_bytes: int, now: int) -> Record:
    home = who.home if who is not None and Path(who.home).is_dir() else run.work
    amount = spec.resources
    return {
        "token": str(spec.token),
        "name": spec.name,
        "kind": spec.kind,
        "labels": dict(spec.labels),
        "resources": [amount.cpu_milli, amount.ram_mib, amount.gpu_milli, amount.disk_mib],
        "gpu_devices": list(spec.gpu_devices),
        "node": spec.node,
        "created_at": now,
        "argv": list(spec.command),
        "env": _environment(spec, home, who),
        "cwd": home,
        "uid": who.uid if who else None,
        "gid": who.gid if who else None,
        "groups": list(who.groups) if who else [],
        "limits": limits.says,
        "cages": list(limits.cages),
        "ram_bytes": amount.ram_mib * MIB,
        "data_bytes": limits.data_bytes,
        "user_processes": limits.user_processes,
        "nice": limits.nice,
        "log_bytes": log_bytes,
    }


def _environment(spec: Spec, home: str, who: Person | None) -> dict[str, str]:
    plain = {"PATH": PLAIN_PATH, "HOME": home, "LANG": LANGUAGE}
    if who is not None:
        plain |= {"USER": who.name, "LOGNAME": who.name}
    allotted = {
        RUN_VARIABLE: str(spec.token),
        RANK_VARIABLE: str(spec.token.rank),
        DEVICES_VARIABLE: ",".join(spec.gpu_devices),
    }
    return plain | dict(spec.env) | allotted
