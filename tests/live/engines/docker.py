"""A Docker Engine of one's own, with the containerd it starts itself. It changes no rule of the firewall."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tests.live.engines import image
from tests.live.engines.machine import (
    PATIENCE_S,
    asked,
    bridge_of,
    ended,
    install,
    number_of,
    path,
    processes_naming,
    short_folder,
    started,
    until,
    until_gone,
)

NEEDS = (
    ("dockerd", "docker.io"),
    ("runc", "runc"),
    ("docker-init", "tini"),
    ("iptables", "iptables"),
    ("ip", "iproute2"),
    *image.NEEDS,
)


@dataclass
class Dockerd:
    folder: Path
    flags: tuple[str, ...] = ()
    with_gpus: bool = False
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def socket(self) -> Path:
        return self.folder / "docker.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def answers(self) -> bool:
        return asked(self.socket, "GET", "/_ping")[0] == 200

    def start(self) -> None:
        self._clear_the_way()
        words = ["dockerd", "--config-file", str(self._config()), "--data-root", str(self.folder / "data")]
        words += ["--exec-root", str(self.folder / "exec"), "--pidfile", str(self.folder / "docker.pid")]
        words += ["-H", self.url, "--bridge", self._bridge(), "--iptables=false", "--ip6tables=false"]
        # A process without CAP_SYS_RESOURCE may not ask for less of a share in an out-of-memory kill.
        words += ["--ip-masq=false", "--oom-score-adjust", "0", *self.flags]
        self.process = started(words, self.folder / "dockerd.log", {"PATH": self._path()})
        until(lambda: self.answers() or self.process.poll() is not None, "dockerd")
        assert self.answers(), (self.folder / "dockerd.log").read_text()[-2000:]

    def kill(self) -> None:
        """As a crash would: its containers go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def stop(self) -> None:
        if self.process is not None:
            ended(self.process)

    def remove_all(self) -> None:
        """Before it is stopped: its own way gives each container ten seconds."""
        status, body = asked(self.socket, "GET", "/containers/json?all=1")
        for one in json.loads(body) if status == 200 else ():
            asked(self.socket, "DELETE", f"/containers/{quote(one['Id'])}?force=1&v=1")

    def bury(self) -> None:
        """End what a killed one left behind; everything of it names the folder."""
        self.remove_all()
        self.stop()
        for pid in processes_naming(self.folder, "containerd", "dockerd", "docker-proxy"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            until_gone(pid)
        _ip("link", "del", self._bridge())

    def _clear_the_way(self) -> None:
        """A file with a pid that is used again would keep the next one from starting."""
        for left in ("docker.sock", "docker.pid", "exec/containerd/containerd.pid"):
            (self.folder / left).unlink(missing_ok=True)
        n = number_of(self.folder)
        _ip("link", "add", self._bridge(), "type", "bridge")
        _ip("addr", "replace", f"10.186.{n}.1/24", "dev", self._bridge())
        _ip("link", "set", self._bridge(), "up")

    def _config(self) -> Path:
        config = {
            "deprecated-key-path": str(self.folder / "key.json"),
            "default-address-pools": [{"base": "10.187.0.0/16", "size": 24}],
        }
        place = self.folder / "daemon.json"
        place.write_text(json.dumps(config))
        return place

    def _path(self) -> str:
        """With a hook that does nothing in the path, it takes requests for GPUs and names them in the environment."""
        if not self.with_gpus:
            return path()
        hook = self.folder / "bin" / "nvidia-container-runtime-hook"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\nexit 0\n")
        hook.chmod(0o755)
        return f"{hook.parent}:{path()}"

    def _bridge(self) -> str:
        return bridge_of("dock", self.folder)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], capture_output=True, check=False, env={"PATH": path()})


@contextlib.contextmanager
def running(*flags: str, with_gpus: bool = False) -> Iterator[Dockerd]:
    install(NEEDS)
    with short_folder("bursar-dockerd") as folder:
        engine = Dockerd(folder, flags, with_gpus)
        try:
            image.make_ready(engine.start, engine.socket)
            yield engine
        finally:
            engine.bury()
