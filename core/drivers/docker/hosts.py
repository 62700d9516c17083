"""Which engines a cluster has: one per node, each by its URL, and by what means it is reached.

    host=unix:///run/docker.sock   host.big=tcp://10.0.0.7:2376   host.gpu1=ssh://bursar@gpu1

Pure, but for the look at which sockets there are when no engine was named.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from core.domain.errors import Invalid
from core.domain.node_settings import FIRST_NODE

HOST, TLS = "host", "tls"
DOCKER_PORT, TLS_PORT = 2375, 2376
SOCKETS = ("/var/run/docker.sock", "/run/podman/podman.sock")
OF_A_USER = ("docker.sock", "podman/podman.sock")  # in the folder of the user's own services
PEMS = ("ca.pem", "cert.pem", "key.pem")

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?", re.ASCII)
_USER = re.compile(r"[a-z_][a-z0-9_.-]{0,31}", re.ASCII)
_RIGHT = "such as unix:///var/run/docker.sock, tcp://10.0.0.7:2376 or ssh://bursar@gpu1"


@dataclass(frozen=True, slots=True)
class Host:
    """One engine as its node."""

    node: str
    url: str
    tls: Path | None = None  # a directory with ca.pem, cert.pem and key.pem

    @property
    def socket(self) -> Path | None:
        """Where it listens on this very host; None where it is reached over the network."""
        return Path(self.url.removeprefix("unix://")) if self.url.startswith("unix://") else None


def sockets_here(root: Path = Path("/"), user: int | None = None) -> tuple[str, ...]:
    """The URLs of the engines that listen on this host, the system's before the user's own; each engine once."""
    own = f"/run/user/{os.getuid() if user is None else user}"
    found: dict[Path, str] = {}
    for place in (*SOCKETS, *(f"{own}/{name}" for name in OF_A_USER)):
        there = root / place.lstrip("/")
        if there.is_socket():  # one may be the other's link, as where Podman stands in for Docker
            found.setdefault(there.resolve(), f"unix://{place}")
    return tuple(found.values())


def detected(root: Path = Path("/")) -> str:
    """The URL of the first engine on this host; Docker's own place where there is none."""
    return next(iter(sockets_here(root)), f"unix://{SOCKETS[0]}")


def hosts_of(settings: Mapping[str, str]) -> tuple[Host, ...]:
    """The engines that the settings name, by node; Invalid for what cannot be one."""
    urls = {_node_of(name): url for name, url in settings.items() if url and name.partition(".")[0] == HOST}
    found = []
    for node, url in sorted(urls.items()):
        tls = settings.get(f"{TLS}.{node}") or settings.get(TLS) or None
        found.append(Host(node, checked_url(url), Path(tls) if tls else None))
    for host in found:
        _refuse_open_door(host, settings)
        twin = next(other for other in found if other.url == host.url)
        if twin is not host:
            raise Invalid("bad_setting", f"{twin.node} and {host.node} would be one engine: {host.url}", None)
    return tuple(found)


def _node_of(name: str) -> str:
    return name.partition(".")[2] or FIRST_NODE


def checked_url(url: str) -> str:
    """As it is kept: with its port, without anything behind it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Invalid("bad_setting", f"host: {url[:80]!a} is not a URL", _RIGHT) from None
    if parts.query or parts.fragment or parts.password:
        raise Invalid("bad_setting", f"host: {url[:80]!a} may hold no password, query or fragment", _RIGHT)
    if parts.scheme == "unix":
        place = parts.netloc + parts.path
        if not place.startswith("/") or "\0" in place or ".." in Path(place).parts:
            raise Invalid("bad_setting", f"host: {url[:80]!a} does not name a socket by its whole path", _RIGHT)
        return f"unix://{place}"
    name = parts.hostname or ""
    if parts.scheme not in ("tcp", "ssh") or parts.path not in ("", "/") or not _is_host(name):
        raise Invalid("bad_setting", f"host: {url[:80]!a} is not an engine's address", _RIGHT)
    shown = f"[{name}]" if ":" in name else name
    if parts.scheme == "tcp":
        if parts.username:
            raise Invalid("bad_setting", f"host: {url[:80]!a}: an engine knows no users", "use TLS or ssh")
        return f"tcp://{shown}:{port or TLS_PORT}"
    if parts.username and not _USER.fullmatch(parts.username):
        raise Invalid("bad_setting", f"host: {parts.username[:40]!a} is not the name of a user", _RIGHT)
    return f"ssh://{parts.username + '@' if parts.username else ''}{shown}{f':{port}' if port else ''}"


def _is_host(name: str) -> bool:
    return bool(_HOST_NAME.fullmatch(name)) or _address(name) is not None


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _refuse_open_door(host: Host, settings: Mapping[str, str]) -> None:
    """Whoever reaches an engine's port without TLS is root there."""
    if not host.url.startswith("tcp://"):
        return
    address = _address(urlsplit(host.url).hostname or "")
    if host.tls is not None:
        if not host.tls.is_absolute():
            raise Invalid("bad_setting", f"tls: {str(host.tls)[:80]!a}: give the directory's whole path", None)
    elif settings.get("plain_tcp") != "yes" and not (address is not None and address.is_loopback):
        hint = f"give --set tls=DIRECTORY with {', '.join(PEMS)}, or use ssh"
        raise Invalid("bad_setting", f"host: {host.url} is open to whoever reaches it", hint)
