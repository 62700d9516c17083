"""The service of the keeper: hears on a socket which runs to start, and forks a shim for each.

It reads what the run is before it forks, so that each shim has less to do. It keeps nothing: another keeper, or the
same twice, comes to the same answers from the records.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import select
import selectors
import signal
import socket

from core.drivers.keeper.records import (
    KEEPER_LOCK,
    LONGEST_NAME,
    SOCKET,
    Place,
    Record,
    append,
    boot_id,
    pid_space,
    read_account,
    wall_us,
)
from core.drivers.keeper.shim import Mould
from core.drivers.keeper.worker import REST, Hand, hand_over, reply, work

MOST_TRIES = 300
BETWEEN_TRIES_S = 0.01
# So many shims may wait for another run, and so long: each takes memory.
MOST_AT_REST, LONGEST_REST_S = 32, 2.0


class Keeper:
    def __init__(self, home: str, idle_s: float) -> None:
        os.chdir(home)  # a socket's path may have 107 characters, a home's may have more
        self.home, self.idle_s = home, idle_s
        self.rest_s = min(idle_s, LONGEST_REST_S)
        self.resting: dict[socket.socket, Mould] = {}
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
            alone = len(self.watched.get_map()) == 1
            ready = self.watched.select(self.idle_s if alone else self.rest_s if self.resting else None)
            if not ready and alone:
                os.unlink(SOCKET)  # noqa: PTH108
                return
            if not ready:
                for worker in list(self.resting):
                    self.let_go(worker)
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
        if name.startswith(REST):
            self.let_rest(client, name.split()[1:])
            return
        if not name or "/" in name or name.startswith("."):
            self.let_go(client)
            return
        try:
            self.start(name, client)
        except OSError as error:
            reply(client, name, error=f"{error.strerror or error}")

    def start(self, name: str, client: socket.socket) -> None:
        """Start a run once and for all, however often it is asked for."""
        run = Place(self.home, name)
        held = os.open(run.record, os.O_RDONLY)
        try:
            mine = _locked(held)  # the shim inherits it, and holds it for as long as it lives
            account = read_account(run)
            if account is None:
                reply(client, name, error="its record cannot be read")
            elif not mine or account.started or account.ended:
                reply(client, name)
            elif os.path.exists(run.stop):  # noqa: PTH110
                append(run, {"code": None, "error": None, "at": wall_us(), "asleep_us": 0, "oom": False})
                reply(client, name)
            elif not self.handed_over(name, Mould.of(account.spec), client, held) and os.fork() == 0:
                self.become_shim(Hand(run, account.spec, client, held))
        finally:
            os.close(held)

    def handed_over(self, name: str, wanted: Mould, client: socket.socket, held: int) -> bool:
        """To a shim that rests, and has taken no other limits than this run shall have."""
        fitting = [worker for worker, mould in self.resting.items() if mould.fits(wanted)]
        for worker in reversed(fitting):
            done = hand_over(worker, name, client, held)
            self.let_go(worker)
            if done:
                return True
        return False

    def let_rest(self, worker: socket.socket, words: list[str]) -> None:
        keeper, data_bytes, nice = words
        if int(keeper) == os.getpid() and len(self.resting) < MOST_AT_REST:
            self.resting[worker] = Mould(int(data_bytes), int(nice))
        else:
            self.let_go(worker)

    def let_go(self, client: socket.socket) -> None:
        """A shim that rests ends by it."""
        self.resting.pop(client, None)
        self.watched.unregister(client)
        client.close()

    def become_shim(self, hand: Hand) -> None:
        keeper = os.getppid()
        try:
            os.close(self.lock)  # or it would be held as long as the run lives
            for key in self.watched.get_map().values():
                if isinstance(key.fileobj, socket.socket) and key.fileobj is not hand.asker:
                    key.fileobj.close()
            self.watched.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            work(hand, self.host, keeper)
        finally:
            os._exit(0)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
