"""What Podman is asked for in its own words: a container with GPUs, which its Docker-compatible interface leaves out.

Podman gives devices by the Container Device Interface alone: files of the host say which there are, and a container
asks for `nvidia.com/gpu=0`. Everything else is translated from the request that any engine of the kind would get, so
that what a container may have is decided in one place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

Json = dict[str, Any]

CREATE = "/v4.0.0/libpod/containers/create"
PLACES = (Path("/etc/cdi"), Path("/var/run/cdi"))
_PERIOD_US = 100_000
_LARGEST = 1 << 20
_KIND = re.compile(r"^kind:\s*[\"']?([^\s\"'#]+)", re.M)
_ITEM = re.compile(r"^( *)- ", re.M)
_DEVICES = re.compile(r"^devices:[ ]*\n((?:[ -].*\n?|\n)*)", re.M)


def own_arguments(body: Json, name: str, devices: Sequence[str]) -> Json:
    """The same container in Podman's own words, with these devices."""
    host, log = body["HostConfig"], body["HostConfig"]["LogConfig"]
    own: Json = {
        "name": name,
        "image": body["Image"],
        "labels": body["Labels"],
        "env": dict(pair.partition("=")[::2] for pair in body["Env"]),
        "privileged": False,
        "no_new_privileges": True,
        "cap_drop": [f"CAP_{capability}" for capability in host["CapDrop"]],
        "restart_policy": "no",
        "init": host["Init"],
        "netns": {"nsmode": host["NetworkMode"]},
        "portmappings": list(_ports(host.get("PortBindings") or {})),
        "mounts": [_mount(bind) for bind in host["Binds"]],
        "log_configuration": {"driver": log["Type"], "size": int(log["Config"]["max-size"])},
        "resource_limits": _limits(host),
        "devices": [{"path": device} for device in devices],
    }
    if "ShmSize" in host:
        own["shm_size"] = host["ShmSize"]
    if "Cmd" in body:
        own["command"] = body["Cmd"]
    return own


def _ports(bindings: Json) -> Iterator[Json]:
    for port, hosts in bindings.items():
        number, _, protocol = port.partition("/")
        for bound in hosts:
            yield {"container_port": int(number), "host_ip": bound["HostIp"], "protocol": protocol}


def _mount(bind: str) -> Json:
    source, target, how = bind.rsplit(":", 2)
    return {"type": "bind", "source": source, "destination": target, "options": [how, "rprivate", "rbind"]}


def _limits(host: Json) -> Json:
    limits: Json = {"pids": {"limit": host["PidsLimit"]}}
    if "NanoCpus" in host:
        limits["cpu"] = {"period": _PERIOD_US, "quota": host["NanoCpus"] * _PERIOD_US // 1_000_000_000}
    if "Memory" in host:
        limits["memory"] = {"limit": host["Memory"], "swap": host["MemorySwap"]}
    return limits


def devices_offered(kind: str, places: Iterable[Path] = PLACES) -> frozenset[str]:
    """The names of the devices of a kind that this host offers to containers."""
    found: set[str] = set()
    for place in places:
        files = sorted(place.iterdir()) if place.is_dir() else []
        for file in files:
            if file.suffix in (".json", ".yaml", ".yml"):
                found |= names_in(_text(file), kind)
    return frozenset(found)


def names_in(text: str, kind: str) -> set[str]:
    """The devices in one such file, where it is about the kind; JSON, or YAML as the makers' tools write it."""
    try:
        read = json.loads(text)
    except ValueError:
        return _names_in_yaml(text, kind)
    devices = read.get("devices") if isinstance(read, dict) and read.get("kind") == kind else None
    listed = devices if isinstance(devices, list) else []
    return {str(one["name"]) for one in listed if isinstance(one, dict) and "name" in one}


def _names_in_yaml(text: str, kind: str) -> set[str]:
    """Only the keys of the items right below `devices:` count: what a device is made of may bear names, too."""
    about, listed = _KIND.search(text), _DEVICES.search(text)
    item = _ITEM.search(listed[1]) if listed else None
    if about is None or about[1] != kind or listed is None or item is None:
        return set()
    return set(re.findall(rf"^{item[1]}(?:- |  )name:\s*[\"']?([^\s\"'#]+)", listed[1], re.M))


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_LARGEST).decode(errors="replace")
    except OSError:
        return ""
