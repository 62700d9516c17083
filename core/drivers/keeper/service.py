"""The service of the keeper: hears on a socket which runs to start, and forks a shim for each.

It reads what the run is before it forks, so that each shim has less to do. It keeps nothing: another keeper, or the
same twice, comes to the same answers from the records.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import json
import os
import select
import selectors
import signal
import socket

from core.drivers.keeper.records import (
    KEEPER_LOCK,
    LONGEST_NAME,
    RUNS,
    SOCKET,
    STOP,
    Record,
    append,
    boot_id,
    pid_space,
    read_account,
    wall_us,
)
from core.drivers.keeper.shim import Shim

MOST_TRIES = 300
BETWEEN_TRIES_S = 0.01


class Keeper:
    def __init__(self, home: str, idle_s: float) -> None:
        os.chdir(home)  # a socket's path may have 107 characters, a home's may have more
        self.home, self.idle_s = home, idle_s
        self.host: Record = {"boot": boot_id(), "pid_space": pid_space()}
        self.watched = selectors.DefaultSelector()
        self.lock = os.open(KEEPER_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def listen(self) -> bool:
        """Take the place of the keeper of this directory, unless another has it and answers."""
        for _ in range(MOST_TRIES):
            if _locked(self.lock):
                break
            if _somebody_answers():
                return False
            select.select((), (), (), BETWEEN_TRIES_S)  # it is about to listen, or about to end
        else:
            raise TimeoutError("another keeper holds the lock and does not answer")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(SOCKET)  # noqa: PTH108
        self.listener.bind(SOCKET)
        self.listener.listen(64)
        self.watched.register(self.listener, selectors.EVENT_READ)
        return True

    def serve(self) -> None:
        """Until nobody has been connected for a while. The runs do not need it."""
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the shims
        while True:
            ready = self.watched.select(self.idle_s if len(self.watched.get_map()) == 1 else None)
            if not ready:
                os.unlink(SOCKET)  # noqa: PTH108
                return
            for key, _ in ready:
                if key.fileobj is self.listener:
                    self.watched.register(self.listener.accept()[0], selectors.EVENT_READ)
                elif isinstance(key.fileobj, socket.socket):
                    self.hear(key.fileobj)

    def hear(self, client: socket.socket) -> None:
        try:
            name = client.recv(LONGEST_NAME).decode()
        except (OSError, UnicodeDecodeError):
            name = ""
        if not name or "/" in name or name.startswith("."):
            self.watched.unregister(client)
            client.close()
            return
        try:
            self.start(name, client)
        except OSError as error:
            _reply(client, name, error=f"{error.strerror or error}")

    def start(self, name: str, client: socket.socket) -> None:
        """Start a run once and for all, however often it is asked for."""
        run = f"{self.home}/{RUNS}/{name}"
        held = os.open(run, os.O_RDONLY | os.O_DIRECTORY)
        try:
            mine = _locked(held)  # the shim inherits it, and holds it for as long as it lives
            account = read_account(run)
            if account is None:
                _reply(client, name, error="its record cannot be read")
            elif not mine or account.started or account.ended:
                _reply(client, name)
            elif os.path.exists(f"{run}/{STOP}"):  # noqa: PTH110
                append(run, {"code": None, "error": None, "at": wall_us(), "asleep_us": 0, "oom": False})
                _reply(client, name)
            elif os.fork() == 0:
                self.become_shim(run, account.spec, client)
        finally:
            os.close(held)

    def become_shim(self, run: str, spec: Record, client: socket.socket) -> None:
        name = os.path.basename(run)  # noqa: PTH119

        def tell() -> None:
            _reply(client, name)
            client.close()

        try:
            os.close(self.lock)  # or it would be held as long as the run lives
            for key in self.watched.get_map().values():
                if isinstance(key.fileobj, socket.socket) and key.fileobj is not client:
                    key.fileobj.close()
            self.watched.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            Shim(run, spec, self.host).live(tell)
        except (OSError, ValueError, TypeError, KeyError) as error:
            _reply(client, name, error=f"{type(error).__name__}: {error}")
            raise
        finally:
            os._exit(0)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _reply(client: socket.socket, name: str, **words: object) -> None:
    with contextlib.suppress(OSError):  # who asked may be dead; the run does not depend on it
        client.send(json.dumps({"run": name, **words}).encode())


def _somebody_answers() -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        return probe.connect_ex(SOCKET) == 0


def main(home: str, idle_s: str) -> None:
    """Ends as soon as somebody listens; the keeper itself goes on as a child that belongs to nobody."""
    os.umask(0o077)
    keeper = Keeper(home, float(idle_s))
    if not keeper.listen() or os.fork() > 0:
        os._exit(0)
    gc.collect()
    gc.freeze()
    gc.disable()  # a collection in a shim would copy all it looks at
    keeper.serve()
