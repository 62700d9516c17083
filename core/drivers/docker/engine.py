"""One engine: connected when it is first asked, probed once, its errors translated. The SDK is imported here alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from core.domain.engines import Trouble, trouble
from core.domain.errors import BursarError
from core.drivers.docker.hosts import PEMS, Host
from core.drivers.docker.podman import CREATE as PODMAN_CREATE
from core.drivers.docker.troubles import Act, ended_under_its_eyes, from_status, is_name_taken, unreachable

T = TypeVar("T")
Json = dict[str, Any]

NOT_FOUND = 404
# What a pull may be silent for: unpacking a large layer is not told step by step.
PULL_SILENCE_S = 900


@dataclass(frozen=True, slots=True)
class Traits:
    """What the engine is and can do, probed once for each connection."""

    is_podman: bool
    version: str
    name: str
    cpus: int
    memory_bytes: int
    arch: str
    system: str
    root: str  # where it keeps images and containers

    @classmethod
    def read(cls, version: Json, info: Json) -> Traits:
        parts = version.get("Components") or []
        return cls(
            is_podman=any("podman" in str(part.get("Name", "")).lower() for part in parts),
            version=str(version.get("Version", "")),
            name=str(info.get("Name", "")),
            cpus=int(info.get("NCPU") or 0),
            memory_bytes=int(info.get("MemTotal") or 0),
            arch=str(version.get("Arch") or info.get("Architecture", "")),
            system=str(version.get("Os") or info.get("OSType", "")),
            root=str(info.get("DockerRootDir", "")),
        )


class NotThere(Exception):
    """The engine knows no such container or image. It stays inside this package."""


class Taken(Exception):
    """The name belongs to another container already. It stays inside this package."""


def _looked(api: Any, question: Callable[[Any], T]) -> T:
    """The answer to a question that changes nothing; once more where what was asked about ended meanwhile."""
    try:
        return question(api)
    except sdk().errors.APIError as error:
        if not ended_under_its_eyes(error.status_code, _words(error)):
            raise
    return question(api)


class Engine:
    def __init__(self, host: Host, timeout_s: float, rest_s: float = 0.0) -> None:
        """`rest_s`: how long one that let us wait in vain is not asked, so that the others of its cluster are."""
        self.host = host
        self._timeout_s, self._rest_s = timeout_s, rest_s
        self._hung: tuple[float, BursarError] | None = None
        self._guard = threading.Lock()
        self._api: Any = None
        self._traits: Traits | None = None
        self.bounds_disks: bool | None = None  # None until a container has been made with a bound

    @property
    def node(self) -> str:
        return self.host.node

    @property
    def traits(self) -> Traits:
        return self._traits or self.probe()

    def probe(self) -> Traits:
        """Ask anew, where what was true at the first time is not enough."""
        self._traits = self.ask(Act.LOOK, lambda api: Traits.read(api.version(), api.info()))
        return self._traits

    def ask(self, act: Act, question: Callable[[Any], T], what: str | None = None) -> T:
        """The answer to a question that is put to the API, or our own error for its refusal."""
        if self._hung is not None and time.monotonic() < self._hung[0]:
            raise self._hung[1]
        try:
            with self._guard:
                api = self._connected()
            with self._translated(act, what):
                answer = _looked(api, question) if act is Act.LOOK else question(api)
        except BursarError as error:
            if error.code == Trouble.TIMEOUT:
                self._hung = (time.monotonic() + self._rest_s, error)
            raise
        self._hung = None
        return answer

    def create_by_podman(self, arguments: Json) -> None:
        """A container as Podman's own interface makes it, with the errors that any creation has."""

        def create(api: Any) -> None:
            answer = api.post(f"{api.base_url}{PODMAN_CREATE}", json=arguments, timeout=api.timeout)
            if answer.ok:
                return
            if is_name_taken(answer.status_code, answer.text):
                raise Taken(answer.text)
            if answer.status_code == NOT_FOUND:
                raise NotThere(answer.text)
            raise from_status(answer.status_code, answer.text, Act.CREATE, self.node)

        self.ask(Act.CREATE, create)

    def pulling_api(self) -> Any:
        """A connection of its own that bears long silences."""
        return self._made(PULL_SILENCE_S)

    @contextmanager
    def translated(self, act: Act, what: str) -> Iterator[None]:
        with self._translated(act, what):
            yield

    def close(self) -> None:
        with self._guard:
            if self._api is not None:
                self._api.close()
            self._api = None

    def _connected(self) -> Any:
        if self._api is None:
            self._api = self._made(self._timeout_s)
        return self._api

    def _made(self, timeout_s: float) -> Any:
        docker = sdk()
        if self.host.socket is not None and not self.host.socket.exists():
            raise unreachable(self.node, f"there is no {self.host.socket}")  # the SDK would leave a socket open
        arguments: Json = {"base_url": self.host.url, "version": "auto", "timeout": timeout_s}
        if self.host.url.startswith("ssh://"):
            arguments["use_ssh_client"] = True  # the user's own ssh: its keys, its agent, its known hosts
        with self._translated(Act.LOOK):
            if self.host.tls is not None:
                ca, cert, key = (str(self.host.tls / pem) for pem in PEMS)
                arguments["tls"] = docker.tls.TLSConfig(client_cert=(cert, key), ca_cert=ca, verify=True)
            return _client_class(docker)(**arguments)

    @contextmanager
    def _translated(self, act: Act, what: str | None = None) -> Iterator[None]:
        docker, requests = sdk(), sdk_requests()
        named = what or self.node
        try:
            yield
        except docker.errors.NotFound as error:
            if act is Act.PULL:
                raise from_status(404, _words(error), act, named) from None
            raise NotThere(_words(error)) from None
        except docker.errors.APIError as error:
            text = _words(error)
            if is_name_taken(error.status_code, text):
                raise Taken(text) from None
            raise from_status(error.status_code, text, act, named) from error
        except docker.errors.TLSParameterError as error:
            raise trouble(Trouble.UNAUTHORIZED, f"{named}: {error}", "check ca.pem, cert.pem and key.pem") from None
        except (docker.errors.DockerException, requests.exceptions.RequestException, OSError) as error:
            raise unreachable(named, str(error)) from None


def sdk() -> Any:
    try:
        import docker  # noqa: PLC0415 - it takes a fifth of a second, and not every cluster has containers
    except ImportError:
        hint = "install it: pip install 'bursar[docker]'"
        raise trouble(Trouble.DRIVER_BROKEN, "the Docker SDK for Python is not installed", hint) from None
    return docker


def _client_class(docker: Any) -> Any:
    """A client that heeds no proxies and no certificates of the environment: those are for the web."""

    class Client(docker.APIClient):  # type: ignore[misc]
        trust_env = property(lambda _self: False, lambda _self, _value: None)

    return Client


def sdk_requests() -> Any:
    import requests  # noqa: PLC0415 - comes with the SDK

    return requests


def _words(error: Any) -> str:
    return str(error.explanation or error)
