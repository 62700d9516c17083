"""The service of the keeper: hears on a socket which runs to start, and forks a shim for each."""

from __future__ import annotations

import fcntl
import gc
import os
import select
import selectors
import signal
import socket
from pathlib import Path

from core.drivers.keeper.records import KEEPER_LOCK, LONGEST_NAME, RUNS, SOCKET
from core.drivers.keeper.shim import reply, stand_beside

MOST_TRIES = 300
BETWEEN_TRIES_S = 0.01


class Keeper:
    def __init__(self, home: Path, idle_s: float) -> None:
        self.home, self.idle_s = home, idle_s
        self.watched = selectors.DefaultSelector()
        self.lock = os.open(home / KEEPER_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def listen(self) -> bool:
        """Take the place of the keeper of this directory, unless another has it and answers."""
        os.chdir(self.home)  # a socket's path may have 107 characters, a home's may have more
        for _ in range(MOST_TRIES):
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if somebody_answers():
                    return False
                select.select((), (), (), BETWEEN_TRIES_S)  # it is about to listen, or about to end
        else:
            raise TimeoutError("another keeper holds the lock and does not answer")
        Path(SOCKET).unlink(missing_ok=True)
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
                Path(SOCKET).unlink(missing_ok=True)
                return
            for key, _ in ready:
                if key.fileobj is self.listener:
                    self.watched.register(self.listener.accept()[0], selectors.EVENT_READ)
                else:
                    self.hear(key.fileobj)  # type: ignore[arg-type]  # what is registered is a socket

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
            pid = os.fork()
        except OSError as error:
            reply(client, name, error=f"no process can be made: {error.strerror}")
            return
        if pid == 0:
            self.become_shim(name, client)

    def become_shim(self, name: str, client: socket.socket) -> None:
        code = 1
        try:
            os.close(self.lock)  # or it would be held as long as the run lives
            for key in list(self.watched.get_map().values()):
                if key.fileobj is not client:
                    key.fileobj.close()  # type: ignore[union-attr]
            self.watched.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            stand_beside(self.home / RUNS / name, client)
            code = 0
        except (OSError, ValueError, TypeError, KeyError) as error:
            reply(client, name, error=f"{type(error).__name__}: {error}")
            raise
        finally:
            os._exit(code)


def somebody_answers() -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        return probe.connect_ex(SOCKET) == 0


def main(home: str, idle_s: str) -> None:
    """Ends as soon as somebody listens; the keeper itself goes on as a child that belongs to nobody."""
    os.umask(0o077)
    keeper = Keeper(Path(home), float(idle_s))
    if not keeper.listen() or os.fork() > 0:
        os._exit(0)
    gc.collect()
    gc.freeze()  # what is never collected is never copied into the shims
    keeper.serve()
