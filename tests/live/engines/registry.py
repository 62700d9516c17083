"""A registry of images on the loopback, open or behind a password. Engines trust 127.0.0.0/8 without TLS."""

from __future__ import annotations

import contextlib
import http.client
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bcrypt

from tests.live.engines.machine import (
    Impossible,
    ended,
    free_port,
    install,
    short_folder,
    started,
    until,
    until_stopped,
)

NEEDS = (("docker-registry", "docker-registry"),)


@dataclass(frozen=True)
class Registry:
    address: str
    process: subprocess.Popen[bytes]
    user: str = ""
    password: str = ""

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """It takes connections, and answers nothing until it is let go on."""
        self.process.send_signal(signal.SIGSTOP)
        until_stopped(self.process.pid)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def running(user: str = "", password: str = "") -> Iterator[Registry]:
    install(NEEDS)
    with short_folder("bursar-registry") as folder:
        port = free_port()
        config = folder / "config.yml"
        config.write_text(_config(folder, port, user, password))
        process = started(["docker-registry", "serve", str(config)], folder / "registry.log", {})
        try:
            until(lambda: _status(port) in (200, 401) or process.poll() is not None, "the registry")
            if process.poll() is not None:
                raise Impossible(f"it does not start here: {(folder / 'registry.log').read_text().strip()[-300:]}")
            yield Registry(f"127.0.0.1:{port}", process, user, password)
        finally:
            ended(process)


def _config(folder: Path, port: int, user: str, password: str) -> str:
    lines = [
        "version: 0.1",
        "log: {level: warn}",
        f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}",
        f"http: {{addr: '127.0.0.1:{port}', secret: of-a-test}}",
    ]
    if user:
        kept = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
        (folder / "htpasswd").write_text(f"{user}:{kept}\n")
        lines.append(f"auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}")
    return "\n".join(lines) + "\n"


def _status(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
