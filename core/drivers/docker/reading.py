"""What an engine shows of a container, read into an `Observed`. Pure: facts of this host are handed in."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.domain.engines import Observed, Phase, Token, Trouble, Use
from core.domain.errors import Invalid
from core.domain.resources import NOTHING, Resources
from core.drivers.docker.recipe import CLUSTER, GIVEN, MIB, TOKEN, Place, name_of

Json = dict[str, Any]

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")
_MADE = ("created", "configured", "initialized")
_CANNOT_RUN = (125, 126, 127)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the container's own record does not say."""

    install: str
    place: Place
    is_podman: bool = False
    dead_since: int | None = None  # the engine says that it runs, and its process is no more
    ended_by_engine: bool = False  # it ended because the engine was restarted
    killed_by_us: bool = False
    use: Use | None = None


def instant(text: str | None) -> int | None:
    """Microseconds; engines write nanoseconds, and the year 1 where there is none."""
    nanoseconds = instant_ns(text)
    return None if nanoseconds is None else nanoseconds // 1000


def instant_ns(text: str | None) -> int | None:
    found = _INSTANT.fullmatch(text or "")
    if found is None or found[1].startswith("0001-"):
        return None
    whole = datetime.fromisoformat(found[1] + found[3].replace("Z", "+00:00"))
    passed = whole - _EPOCH
    return (passed.days * 86400 + passed.seconds) * 1_000_000_000 + int((found[2] or "0").ljust(9, "0")[:9])


def token_of(inspected: Json) -> Token | None:
    """Whose it is. An image can carry a label of ours, but only we give a container the name that belongs to it."""
    try:
        token = Token.parse(_labels(inspected).get(TOKEN, ""))
    except Invalid:
        return None
    return token if str(inspected.get("Name", "")).lstrip("/") == name_of(token) else None


def observed(inspected: Json, about: Circumstances) -> Observed:
    borne = token_of(inspected)
    state, given = inspected.get("State") or {}, _given(inspected) if borne else {}
    phase = phase_of(state, about)
    started = instant(state.get("StartedAt")) if phase is not Phase.STARTING else None
    code = state.get("ExitCode")
    common: Json = {
        "engine_id": str(inspected.get("Id", "")),
        "phase": phase,
        "node": about.place.node,
        "created_at": instant(inspected.get("Created")),
        "started_at": started,
        "finished_at": finished_at(state, phase, about),
        "use": about.use,
        "facts": _facts(inspected, given),
    }
    if borne is None or borne.install != about.install or _labels(inspected).get(CLUSTER) != about.place.cluster:
        live = phase in (Phase.STARTING, Phase.RUNNING, Phase.SUSPENDED)
        name = str(inspected.get("Name", "")).lstrip("/")
        size, gpus = (size_of(inspected), gpus_of(inspected)) if live else (NOTHING, ())
        return Observed(token=None, name=name, resources=size, gpu_devices=gpus, **common)
    if phase is Phase.FAILED:
        common["error"] = Trouble.CANNOT_RUN
    is_over = phase is Phase.FINISHED
    oom = is_over and (bool(state.get("OOMKilled")) or _probably_oom(inspected, about))
    return Observed(
        token=borne,
        name=given.get("name", ""),
        resources=given.get("size", NOTHING),
        gpu_devices=given.get("gpus", ()),
        labels=given.get("labels", {}),
        exit_code=code if is_over else None,
        signal=code - 128 if is_over and isinstance(code, int) and 128 < code <= 128 + 64 else None,
        oom=oom,
        message=_message(state, phase, about, guessed=oom and not state.get("OOMKilled")),
        **common,
    )


def phase_of(state: Json, about: Circumstances) -> Phase:
    status = state.get("Status")
    if _was_reset(state):
        return Phase.GONE
    if status in _MADE:
        failed = bool(state.get("Error")) or state.get("ExitCode") in _CANNOT_RUN
        return Phase.FAILED if failed else Phase.STARTING
    if status == "paused":
        return Phase.SUSPENDED
    if status in ("exited", "stopped", "dead", "removing"):
        return Phase.GONE if about.ended_by_engine else Phase.FINISHED
    return Phase.GONE if about.dead_since is not None else Phase.RUNNING


def _was_reset(state: Json) -> bool:
    """After a restart of its host, Podman shows what was running as if it had only been made."""
    return state.get("Status") in _MADE and instant(state.get("StartedAt")) is not None


def finished_at(state: Json, phase: Phase, about: Circumstances) -> int | None:
    if phase not in (Phase.FINISHED, Phase.GONE):
        return None
    if about.dead_since is not None or _was_reset(state):
        return None  # when it died is not known: bill to the last time it was seen
    finished, started = instant(state.get("FinishedAt")), instant(state.get("StartedAt"))
    if finished is None or started is None:
        return finished
    return max(finished, started)  # very short runs end before they start, by a fraction of a millisecond


def _probably_oom(inspected: Json, about: Circumstances) -> bool:
    """Podman's monitor misses it, so a kill that we did not send, under a limit of memory, is taken for one."""
    limit = (inspected.get("HostConfig") or {}).get("Memory") or 0
    killed = (inspected.get("State") or {}).get("ExitCode") == 137
    return about.is_podman and killed and limit > 0 and not about.killed_by_us


def _message(state: Json, phase: Phase, about: Circumstances, *, guessed: bool) -> str:
    if phase is Phase.GONE:
        if _was_reset(state):
            return "its host was restarted"
        return "the engine was restarted and ended it" if about.ended_by_engine else "it died, and the engine missed it"
    if phase is Phase.FAILED:
        return " ".join(str(state.get("Error") or "the engine could not start it").split())
    return "killed, probably out of memory" if guessed else ""


def size_of(inspected: Json) -> Resources:
    """What a container takes as the engine bounds it; what is not bounded counts as nothing."""
    config = inspected.get("HostConfig") or {}
    nano = config.get("NanoCpus") or 0
    quota, period = config.get("CpuQuota") or 0, config.get("CpuPeriod") or 100_000
    cpu_milli = nano // 1_000_000 if nano else max(0, quota) * 1000 // period
    gpus = len(gpus_of(inspected))
    return Resources(cpu_milli=cpu_milli, ram_mib=(config.get("Memory") or 0) // MIB, gpu_milli=1000 * gpus)


def gpus_of(inspected: Json) -> tuple[str, ...]:
    """The devices that a container was given by name, or the first few where it asked for a number."""
    found: list[str] = []
    for request in (inspected.get("HostConfig") or {}).get("DeviceRequests") or ():
        wanted = [word for words in request.get("Capabilities") or () for word in words]
        if "gpu" in wanted:
            found += request.get("DeviceIDs") or [str(n) for n in range(max(0, request.get("Count") or 0))]
    return tuple(found)


def devices_of(inspected: Json) -> tuple[str, ...]:
    """As we gave them, since Podman forgets them; of strangers as the engine tells."""
    given: tuple[str, ...] = _given(inspected).get("gpus", ()) if token_of(inspected) else ()
    return given or gpus_of(inspected)


def _facts(inspected: Json, given: Json) -> dict[str, str]:
    facts = {"container": str(inspected.get("Id", ""))[:12]}
    if given.get("image"):
        facts["image"] = given["image"]
    if given and given["size"].disk_mib:
        facts["disk"] = given["disk"]
    ports = (inspected.get("NetworkSettings") or {}).get("Ports") or {}
    published = [
        f"{bound[0].get('HostIp') or '*'}:{bound[0].get('HostPort')}->{port}"
        for port, bound in sorted(ports.items())
        if bound
    ]
    if published:
        facts["ports"] = ", ".join(published)
    return facts


def _labels(inspected: Json) -> Json:
    return (inspected.get("Config") or {}).get("Labels") or {}


def _given(inspected: Json) -> Json:
    """What we wrote beside it, as far as it is what we write: whoever may label containers may spoil labels."""
    try:
        read = json.loads(_labels(inspected).get(GIVEN, "{}"))
    except (ValueError, TypeError):
        return {}
    if not isinstance(read, dict):
        return {}
    size, gpus, labels = read.get("size"), read.get("gpus"), read.get("labels")
    amounts = size if isinstance(size, list) else []
    whole = len(amounts) == 4 and all(isinstance(amount, int) and 0 <= amount < 1 << 53 for amount in amounts)
    return {
        "name": str(read.get("name", "")),
        "size": Resources(*amounts) if whole else NOTHING,
        "gpus": tuple(map(str, gpus)) if isinstance(gpus, list) else (),
        "labels": {str(k): str(v) for k, v in labels.items()} if isinstance(labels, dict) else {},
        "image": str(read.get("image") or ""),
        "disk": str(read.get("disk") or "not bounded"),
    }
