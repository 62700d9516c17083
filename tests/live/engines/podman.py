"""A Podman of one's own behind its Docker-compatible interface; of /etc only the policy of signatures is read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

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
    unmount_below,
    until,
    until_gone,
    until_stopped,
)

NEEDS = (
    ("podman", "podman"),
    ("runc", "runc"),
    ("conmon", "conmon"),
    ("catatonit", "catatonit"),
    ("/etc/containers/policy.json", "golang-github-containers-image"),
    ("/usr/lib/podman/netavark", "netavark"),
    ("/usr/lib/podman/aardvark-dns", "aardvark-dns"),
    ("iptables", "iptables"),
    *image.NEEDS,
)


@dataclass
class Podman:
    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def socket(self) -> Path:
        return self.folder / "podman.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def answers(self) -> bool:
        return asked(self.socket, "GET", "/_ping")[0] == 200

    def start(self) -> None:
        self._configure()
        self.socket.unlink(missing_ok=True)
        words = [*self._words(), "system", "service", "--time=0", self.url]
        self.process = started(words, self.folder / "service.log", self._environ())
        until(lambda: self.answers() or self.process.poll() is not None, "podman")
        assert self.answers(), (self.folder / "service.log").read_text()[-2000:]

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def hang(self) -> None:
        """It takes connections, and answers nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        until_stopped(self.process.pid)

    def go_on(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def reboot(self) -> None:
        """What is left of a restart of the host: nothing runs, nothing is mounted, the marker of this boot is gone."""
        self.kill()
        for pid in processes_naming(self.folder, "conmon"):
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            for one in (pid, *map(int, children)):
                with contextlib.suppress(ProcessLookupError):  # it may end with the one before
                    os.kill(one, signal.SIGKILL)
                until_gone(one)
        unmount_below(self.folder)  # Podman takes it for done, and cannot remove what still is
        (self.folder / "tmp" / "alive").unlink()
        self.start()

    def conmon_of(self, container_id: str) -> int:
        """The process that watches over a container and tells its end."""
        (pid,) = [
            pid
            for pid in processes_naming(self.folder, "conmon")
            if container_id in Path(f"/proc/{pid}/cmdline").read_text()
        ]
        return pid

    def remove_all(self) -> None:
        words = [*self._words(), "rm", "-a", "-f", "-t", "0"]
        environ = {**os.environ, "PATH": path(), **self._environ()}
        subprocess.run(words, capture_output=True, check=False, timeout=PATIENCE_S, env=environ)

    def bury(self) -> None:
        self.remove_all()
        if self.process is not None:
            ended(self.process)
        for pid in processes_naming(self.folder, "conmon", "podman"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            until_gone(pid)
        words = ["ip", "link", "del", self._bridge()]
        subprocess.run(words, capture_output=True, check=False, env={"PATH": path()})

    def _words(self) -> list[str]:
        folder = self.folder
        return [
            *("podman", "--root", f"{folder}/storage", "--runroot", f"{folder}/run", "--tmpdir", f"{folder}/tmp"),
        ]

    def _environ(self) -> dict[str, str]:
        return {
            "CONTAINERS_CONF": f"{self.folder}/containers.conf",
            "CONTAINERS_STORAGE_CONF": f"{self.folder}/storage.conf",
            "CONTAINERS_REGISTRIES_CONF": f"{self.folder}/registries.conf",
        }

    def _bridge(self) -> str:
        return bridge_of("pod", self.folder)

    def _configure(self) -> None:
        """Each line is there because this may be a container without systemd and without CAP_SYS_RESOURCE."""
        folder = self.folder
        for name in ("storage", "run", "tmp", "networks", "volumes"):
            (folder / name).mkdir(exist_ok=True)
        files, processes = _limit(resource.RLIMIT_NOFILE, 1 << 20), _limit(resource.RLIMIT_NPROC, _most_processes())
        (folder / "containers.conf").write_text(
            f'[containers]\ndefault_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]\n'
            'log_driver = "k8s-file"\n'
            '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
            f'events_logfile_path = "{folder}/tmp/events.log"\n'
            'lock_type = "file"\n'  # the other kind is shared by every Podman of root
            f'volume_path = "{folder}/volumes"\ntmp_dir = "{folder}/tmp"\n'
            f'[network]\nnetwork_backend = "netavark"\nnetwork_config_dir = "{folder}/networks"\n'
        )
        (folder / "storage.conf").write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/storage"\nrunroot = "{folder}/run"\n'
        )
        (folder / "registries.conf").write_text(
            'unqualified-search-registries = ["localhost"]\nshort-name-mode = "disabled"\n'
            '[[registry]]\nlocation = "127.0.0.1"\nprefix = "127.0.0.1"\ninsecure = true\n'
        )
        n = number_of(folder)
        network = {
            "name": "podman",
            "id": hashlib.sha256(str(folder).encode()).hexdigest(),
            "driver": "bridge",
            "network_interface": self._bridge(),
            "subnets": [{"subnet": f"10.188.{n}.0/24", "gateway": f"10.188.{n}.1"}],
            "created": "2026-01-01T00:00:00Z",
            "ipv6_enabled": False,
            "internal": False,
            "dns_enabled": False,
            "ipam_options": {"driver": "host-local"},
        }
        (folder / "networks" / "podman.json").write_text(json.dumps(network))


def _limit(which: int, most: int) -> int:
    hard = resource.getrlimit(which)[1]
    return most if hard == resource.RLIM_INFINITY else min(hard, most)


def _most_processes() -> int:
    return int(Path("/proc/sys/kernel/pid_max").read_text())


@contextlib.contextmanager
def running() -> Iterator[Podman]:
    install(NEEDS)
    with short_folder("bursar-podman") as folder:
        engine = Podman(folder)
        try:
            image.make_ready(engine.start, engine.socket)
            yield engine
        finally:
            engine.bury()
