"""What engines need of this host: packages, places, processes that are surely ours, and patience with a deadline."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

PATIENCE_S = 240.0  # a test that passes never waits so long, however slow the machine
SBIN = "/usr/sbin:/sbin"

_numbers: set[int] = set()


class Impossible(Exception):
    """Why an engine cannot be had on this host."""


def path() -> str:
    return f"{os.environ.get('PATH', '')}:{SBIN}"


def there(need: str) -> bool:
    """A command in the path, or a file."""
    return Path(need).exists() if need.startswith("/") else shutil.which(need, path=path()) is not None


@cache
def install(needs: tuple[tuple[str, str], ...]) -> None:
    """Install the packages, of which `needs` names what each of them brings; Impossible says why it could not."""
    if os.getuid() != 0:
        raise Impossible("only root can start an engine here")
    missing = [package for need, package in needs if not there(need)]
    if not missing:
        return
    if not there("apt-get"):
        raise Impossible(f"no {', '.join(missing)}, and no apt-get to install them")
    apt = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300"]
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PATH": path()}
    for words in (["update"], ["install", "--no-install-recommends", *missing]):
        done = subprocess.run([*apt, *words], env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode:
            raise Impossible(f"apt-get {words[0]} failed: {done.stderr.decode(errors='replace').strip()[-300:]}")


@contextlib.contextmanager
def short_folder(name: str) -> Iterator[Path]:
    """A folder whose sockets have short enough names; what is mounted below it is unmounted before it goes."""
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir="/tmp"))
    while number_of(folder) in _numbers or _is_taken(folder):
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir="/tmp"))
    _numbers.add(number_of(folder))
    try:
        yield folder
    finally:
        unmount_below(folder)
        shutil.rmtree(folder, ignore_errors=True)
        _numbers.discard(number_of(folder))


def unmount_below(folder: Path) -> None:
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for place in sorted((p for p in mounted if p.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "-l", place], capture_output=True, check=False, env={"PATH": path()})


def number_of(folder: Path) -> int:
    """Below 250, and another for each folder that is in use: for names of bridges and for subnets."""
    return zlib.crc32(str(folder).encode()) % 250


def _is_taken(folder: Path) -> bool:
    """By somebody else who does the same on this machine, or by one that was killed and left its bridge behind."""
    return any(Path(f"/sys/class/net/{bridge_of(engine, folder)}").exists() for engine in ("dock", "pod"))


def bridge_of(engine: str, folder: Path) -> str:
    return f"bur{engine}{number_of(folder)}"


def started(words: list[str], log: Path, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """In the folder of its log: what helpers leave where they stand, such as conmon's `oom`, goes with it."""
    with log.open("ab") as out:
        return subprocess.Popen(
            words,
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env={**os.environ, "PATH": path(), **environ},
        )


def ended(process: subprocess.Popen[bytes], how: int = signal.SIGTERM, within_s: float = 60.0) -> None:
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(PATIENCE_S)


def processes_naming(folder: Path, *programs: str) -> list[int]:
    """The living processes of these programs whose command line names the folder."""
    found = []
    for place in Path("/proc").iterdir():
        if not place.name.isdigit():
            continue
        try:
            name = (place / "comm").read_text().strip()
            line = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if any(name.startswith(program[:15]) for program in programs) and f"{folder}/" in line:
            found.append(int(place.name))
    return found


def until(condition: Callable[[], object], what: str, *, within_s: float = PATIENCE_S) -> None:
    """Asked again every few hundredths of a second: an engine tells nobody when it is ready."""
    end = time.monotonic() + within_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {within_s:g} s"
        pause.wait(0.03)


def until_gone(pid: int, within_s: float = PATIENCE_S) -> None:
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([process], [], [], within_s)[0], f"process {pid} does not end"
    finally:
        os.close(process)


def until_stopped(pid: int) -> None:
    """A signal to stop reaches its threads one by one."""

    def all_stand_still() -> bool:
        stats = [place.read_text() for place in Path(f"/proc/{pid}/task").glob("*/stat")]
        return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)

    until(all_stand_still, f"process {pid} does not stop")


def free_port() -> int:
    """Below those that the kernel gives away by itself, so that nobody is given it before it is used."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.SystemRandom().randrange(10_000, max(lowest, 20_000))
        with contextlib.suppress(OSError), socket.socket() as taken:
            taken.bind(("127.0.0.1", port))
            return port


class _OverSocket(http.client.HTTPConnection):
    def __init__(self, place: Path, timeout: float) -> None:
        super().__init__("engine", timeout=timeout)
        self._place = str(place)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._place)


def asked(
    place: Path, method: str, target: str, body: bytes | None = None, kind: str = "application/x-tar"
) -> tuple[int, bytes]:
    """One request to an engine on a socket, without any library; (0, b"") where nobody answers."""
    connection = _OverSocket(place, timeout=PATIENCE_S)
    try:
        connection.request(method, target, body, {"Content-Type": kind} if body else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
