"""The daemon as a program: `bursar daemon`."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from core.bootstrap import build
from core.daemon.background import Daemon
from core.daemon.logs import log_to
from core.settings import load


class Place(Protocol):
    @property
    def home(self) -> Path: ...


class Terminal(Protocol):
    def write(self, text: str) -> None: ...


def program(place: Place, values: Mapping[str, Any], terminal: Terminal) -> int:
    """Serve until told to end; with --once, until nothing more can be done now."""
    bursar = build(load(home_override=place.home))
    try:
        daemon = bursar.daemon()
        try:
            return _once(daemon, terminal) if values.get("once") else _serve(daemon)
        finally:
            daemon.close()
    finally:
        bursar.close()


def _serve(daemon: Daemon) -> int:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    log_to(sys.stderr)
    daemon.run(stop)
    return 0


def _once(daemon: Daemon, terminal: Terminal) -> int:
    done = daemon.once()
    if not done.leading:
        terminal.write("another process leads; nothing done\n")
        return 0
    moves, rounds = "move" if done.moved == 1 else "moves", "round" if done.rounds == 1 else "rounds"
    terminal.write(f"{done.moved} {moves} in {done.rounds} {rounds}\n")
    for trouble in done.troubles:
        terminal.write(f"trouble: {trouble}\n")
    return 0
