"""What a container is made of: from a spec and the operator's rules to the words of the engine's interface.

Pure. A member asks by labels (`docker.network`, `docker.ports`, `docker.mounts`), and never gets more than the
operator's settings allow. Nothing here can make a container privileged.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.domain.engines import Spec, Token, Trouble, trouble
from core.domain.errors import BursarError, Invalid
from core.domain.images import ImageReference, parse_image
from core.domain.resources import Resources, parse_memory

Json = dict[str, Any]
MIB = 1 << 20

NAME_PREFIX = "bursar-"
TOKEN, INSTALL, CLUSTER, GIVEN = "bursar.token", "bursar.install", "bursar.cluster", "bursar.given"
NETWORK, PORTS, MOUNTS = "docker.network", "docker.ports", "docker.mounts"
MOST_PORTS = 16
DROPPED = ("AUDIT_WRITE", "MKNOD", "NET_RAW", "SETFCAP")
SMALLEST_SHARED_MIB = 64

_PORT = re.compile(r"([1-9][0-9]{0,4})(/(tcp|udp))?")
_KIND = re.compile(r"[a-z0-9][a-z0-9.-]*/[a-z0-9][a-z0-9._-]*", re.IGNORECASE | re.ASCII)
_MOUNT = re.compile(r"([a-z0-9][a-z0-9-]{0,30})=(/[^,:\0]*)(:rw)?")


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator lets containers have."""

    network: str = "bridge"  # none: nobody gets more
    publish: str = ""  # the address on which ports may be published; empty: on none
    mounts: Mapping[str, str] = field(default_factory=dict)  # name -> path of the host, with `:rw` where so meant
    init: bool = True
    log_bytes: int = 16 * MIB
    processes: int = 4096
    cdi: str = "nvidia.com/gpu"  # the kind of devices that are Podman's GPUs

    @classmethod
    def read(cls, settings: Mapping[str, str]) -> Rules:
        processes = settings["processes"]
        if not re.fullmatch(r"[1-9][0-9]{0,6}", processes):
            raise Invalid("bad_setting", f"processes: {processes[:20]!a} is not a number above 0", "such as 4096")
        if settings["publish"] and not _is_address(settings["publish"]):
            right = "such as 127.0.0.1, or 0.0.0.0 for all"
            raise Invalid("bad_setting", f"publish: {settings['publish'][:40]!a} is not an address", right)
        if not _KIND.fullmatch(settings["cdi"]):
            right = "such as nvidia.com/gpu or amd.com/gpu"
            raise Invalid("bad_setting", f"cdi: {settings['cdi'][:40]!a} is no kind of devices", right)
        log_mib = parse_memory(settings["log_size"], name="log_size")
        if log_mib < 1:
            raise Invalid("bad_setting", "log_size: at least 1MiB", None)
        return cls(
            network=settings["network"],
            publish=settings["publish"],
            mounts=_read_mounts(settings["mounts"]),
            init=settings["init"] == "yes",
            log_bytes=log_mib * MIB,
            processes=int(processes),
            cdi=settings["cdi"],
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a container is made. Two clusters may have one engine, and must not take each other's for their own."""

    cluster: str
    node: str


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _read_mounts(text: str) -> dict[str, str]:
    mounts: dict[str, str] = {}
    for word in filter(None, text.split(",")):
        found = _MOUNT.fullmatch(word.strip())
        if found is None or ".." in found[2].split("/") or found[2] == "/":
            right = "give NAME=/PATH or NAME=/PATH:rw, such as data=/srv/data"
            raise Invalid("bad_setting", f"mounts: {word[:60]!a} cannot be mounted", right)
        mounts[found[1]] = f"{found[2]}{found[3] or ''}"
    return mounts


def name_of(token: Token) -> str:
    return f"{NAME_PREFIX}{token}"


def full_reference(image: ImageReference) -> str:
    """So that no engine looks for a short name anywhere else than we allowed it; what is pinned needs no tag."""
    if image.digest:
        return f"{image.full_repository()}@{image.digest}"
    return f"{image.full_repository()}:{image.tag or 'latest'}"


def read_image(spec: Spec) -> ImageReference:
    if spec.image is None:
        raise trouble(Trouble.CANNOT_RUN, "a container needs an image", "give --image")
    try:
        return parse_image(spec.image)
    except Invalid as error:
        raise trouble(Trouble.CANNOT_RUN, error.message, error.hint) from None


def refuse_unfit(spec: Spec, rules: Rules, offered: frozenset[str] | None = None) -> None:
    """What no attempt could run, told before anything is made. `offered`: the GPUs that its engine has names for."""
    if spec.kind not in ("service", "job"):
        raise trouble(Trouble.CANNOT_RUN, f"containers run services and jobs, not {spec.kind[:40]!a}")
    read_image(spec)
    words = [*spec.command, *spec.env, *spec.env.values()]
    if any("\0" in word for word in words) or any(not name or "=" in name for name in spec.env):
        raise trouble(Trouble.CANNOT_RUN, "command or environment hold what no program can be given")
    try:
        "".join(words).encode()
    except UnicodeEncodeError:
        raise trouble(Trouble.CANNOT_RUN, "command or environment are not text") from None
    lacking = [device for device in spec.gpu_devices if offered is not None and device not in offered]
    if lacking:
        message = f"this node is Podman and gives no GPUs but by CDI, which has no {rules.cdi}={lacking[0]} here"
        hint = "describe them there (nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml), or use nodes of Docker"
        raise trouble(Trouble.CANNOT_RUN, message, hint)
    ports_of(spec, rules)
    binds_of(spec, rules)
    network_of(spec, rules)


def network_of(spec: Spec, rules: Rules) -> str:
    asked = spec.labels.get(NETWORK, rules.network)
    if asked not in ("none", "bridge"):
        raise _refused(f"{NETWORK}={asked[:40]!a}", "none or bridge")
    if asked == "bridge" and rules.network == "none":
        raise _refused("a network", "an operator can --set network=bridge")
    return asked


def ports_of(spec: Spec, rules: Rules) -> tuple[str, ...]:
    """The ports to publish as `8080/tcp`; the engine chooses those of the host."""
    words = [word.strip() for word in spec.labels.get(PORTS, "").split(",") if word.strip()]
    if words and not rules.publish:
        raise _refused("published ports", "an operator can --set publish=ADDRESS")
    if words and network_of(spec, rules) == "none":
        raise _refused("published ports without a network", f"leave {NETWORK} out")
    if len(words) > MOST_PORTS:
        raise _refused(f"{len(words)} ports", f"at most {MOST_PORTS}")
    found = []
    for word in words:
        match = _PORT.fullmatch(word)
        if match is None or int(match[1]) > 65535:
            raise _refused(f"{PORTS}: {word[:40]!a}", "ports such as 8080 or 53/udp")
        found.append(f"{match[1]}/{match[3] or 'tcp'}")
    return tuple(dict.fromkeys(found))


def binds_of(spec: Spec, rules: Rules) -> tuple[str, ...]:
    """Paths of the host that an operator has named; a member says the name and never a path."""
    binds = []
    for name in dict.fromkeys(word.strip() for word in spec.labels.get(MOUNTS, "").split(",") if word.strip()):
        place = rules.mounts.get(name)
        if place is None:
            allowed = ", ".join(sorted(rules.mounts)) or "none"
            raise _refused(f"the mount {name[:40]!a}", f"allowed by the operator: {allowed}")
        path, writable, _ = place.partition(":rw")
        binds.append(f"{path}:/mnt/{name}:{'rw' if writable else 'ro'}")
    return tuple(binds)


def _refused(what: str, hint: str) -> BursarError:
    return trouble(Trouble.CANNOT_RUN, f"this cluster gives no {what}" if "=" not in what else f"no {what}", hint)


def create_arguments(
    spec: Spec, rules: Rules, place: Place, *, pinned: str, is_podman: bool, bounds_disk: bool = False
) -> Json:
    """The body of the creation. `pinned` is what the image was when it was looked up, to be shown later."""
    ports = ports_of(spec, rules)
    config: Json = {
        "Image": full_reference(read_image(spec)),
        "Labels": labels_of(spec, place, pinned=pinned, bounds_disk=bounds_disk),
        "Env": [f"{name}={value}" for name, value in sorted(environment_of(spec).items())],
        "Tty": False,
        "OpenStdin": False,
        "HostConfig": _host_config(spec, rules, is_podman=is_podman, bounds_disk=bounds_disk),
    }
    if spec.command:
        config["Cmd"] = list(spec.command)
    if ports:
        config["ExposedPorts"] = {port: {} for port in ports}
        # An empty number lets the engine choose, so that nobody can take another one's.
        config["HostConfig"]["PortBindings"] = {port: [{"HostIp": rules.publish, "HostPort": ""}] for port in ports}
    return config


def environment_of(spec: Spec) -> dict[str, str]:
    """What was declared, and ours above it: images that ask for all GPUs see those that were given, or none."""
    ours = {
        "BURSAR_RUN": str(spec.token),
        "BURSAR_RANK": str(spec.token.rank),
        "NVIDIA_VISIBLE_DEVICES": ",".join(spec.gpu_devices) or "void",
    }
    return {**spec.env, **ours}


def labels_of(spec: Spec, place: Place, *, pinned: str, bounds_disk: bool) -> dict[str, str]:
    """Ours alone: a member's label of its own name would be read by what else watches this engine."""
    size = spec.resources
    given = {
        "name": spec.name,
        "kind": spec.kind,
        "node": place.node,
        "size": [size.cpu_milli, size.ram_mib, size.gpu_milli, size.disk_mib],
        "gpus": list(spec.gpu_devices),
        "labels": dict(spec.labels),
        "image": pinned,
        "disk": "bounded" if bounds_disk else "",
    }
    text = json.dumps(given, separators=(",", ":"), sort_keys=True)
    return {TOKEN: str(spec.token), INSTALL: spec.token.install, CLUSTER: place.cluster, GIVEN: text}


def _host_config(spec: Spec, rules: Rules, *, is_podman: bool, bounds_disk: bool) -> Json:
    size = spec.resources
    config: Json = {
        "Privileged": False,
        "CapDrop": list(DROPPED),
        "SecurityOpt": ["no-new-privileges"],
        "RestartPolicy": {"Name": "no"},  # who starts again is the scheduler
        "AutoRemove": False,  # it would take the exit code along
        "Init": rules.init,
        "NetworkMode": network_of(spec, rules),
        "PidsLimit": rules.processes,
        "LogConfig": _log_config(rules, is_podman=is_podman),
        "Binds": list(binds_of(spec, rules)),
        **_limits(size),
    }
    if spec.gpu_devices:
        config["DeviceRequests"] = [{"DeviceIDs": list(spec.gpu_devices), "Capabilities": [["gpu"]]}]
    if bounds_disk and size.disk_mib:
        config["StorageOpt"] = {"size": f"{size.disk_mib}M"}
    return config


def _limits(size: Resources) -> Json:
    limits: Json = {}
    if size.cpu_milli:
        limits["NanoCpus"] = size.cpu_milli * 1_000_000
    if size.ram_mib:
        limits["Memory"] = limits["MemorySwap"] = size.ram_mib * MIB  # the same: no swap
        limits["ShmSize"] = max(SMALLEST_SHARED_MIB, size.ram_mib // 2) * MIB
    return limits


def _log_config(rules: Rules, *, is_podman: bool) -> Json:
    if is_podman:
        return {"Type": "k8s-file", "Config": {"max-size": str(rules.log_bytes)}}
    return {"Type": "json-file", "Config": {"max-size": str(rules.log_bytes), "max-file": "2"}}
