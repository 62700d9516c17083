"""A process that is the shim of one run after the other: what a run leaves behind is gone before the next begins.

To fork a process, to give it its own copy of what it touches and to take it down again costs more than all that a shim
does for a short run. So a shim whose run is over rests for a while, and the keeper hands it the next one.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
from typing import NamedTuple

from core.drivers.keeper.records import LONGEST_NAME, SOCKET, Place, Record, process_facts, read_account
from core.drivers.keeper.shim import Mould, Shim

# What a shim says to the keeper when its run is over. No name of a run has a slash.
REST = "/rest"
# Nothing collects what forms a circle in here, so nobody serves for ever.
MOST_RUNS = 1_000


class Hand(NamedTuple):
    """What a shim needs for a run: who asked, and the lock that is held for as long as the run lives."""

    run: Place
    spec: Record
    asker: socket.socket
    lock: int


def work(first: Hand, host: Record, keeper: int) -> None:
    """Be the shim of a run, then of each that this same keeper hands over."""
    facts = process_facts(os.getpid())
    me: Record = {**host, "shim": os.getpid(), "ticks": facts.ticks if facts else 0}
    mould, hand, before = Mould(), first, None
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for _ in range(MOST_RUNS):
        shim = Shim(hand.run, hand.spec, me, mould, before)
        if not _lived(shim, hand):
            return
        mould, before = shim.mould, hand.run
        following = _rest(hand.run.home, keeper, mould)
        if following is None:
            return
        hand = following


def _lived(shim: Shim, hand: Hand) -> bool:
    """Whether it came to its end as it should; else nobody relies on this process any further."""

    def tell() -> None:
        reply(hand.asker, hand.run.name)
        hand.asker.close()  # who asked shall notice when the keeper dies

    try:
        return shim.live(tell)
    except (OSError, ValueError, TypeError, KeyError) as error:
        reply(hand.asker, hand.run.name, error=f"{type(error).__name__}: {error}")
        raise
    finally:
        os.close(hand.lock)


def _rest(home: str, keeper: int, mould: Mould) -> Hand | None:
    """Until the keeper, or its end, says something."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        if line.connect_ex(SOCKET) != 0:
            return None
        try:
            line.send(f"{REST} {keeper} {mould.data_bytes} {mould.nice}".encode())
            heard, fds, _, _ = socket.recv_fds(line, LONGEST_NAME, 2)
        except OSError:
            return None
    if len(fds) != 2:
        return None
    for fd in fds:
        os.set_inheritable(fd, False)
    run = Place(home, heard.decode())
    account = read_account(run)
    return None if account is None else Hand(run, account.spec, socket.socket(fileno=fds[0]), fds[1])


def hand_over(worker: socket.socket, name: str, asker: socket.socket, lock: int) -> bool:
    """False where it has died meanwhile."""
    try:
        socket.send_fds(worker, [name.encode()], [asker.fileno(), lock])
    except OSError:
        return False
    return True


def reply(asker: socket.socket, name: str, **words: object) -> None:
    with contextlib.suppress(OSError):  # who asked may be dead; the run does not depend on it
        asker.send(json.dumps({"run": name, **words}).encode())
