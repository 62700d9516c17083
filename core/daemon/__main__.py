"""The daemon as a program: `bursar daemon`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from core.bootstrap import build
from core.settings import load


class Place(Protocol):
    @property
    def home(self) -> Path: ...


class Terminal(Protocol):
    def write(self, text: str) -> None: ...


def program(place: Place, _values: Mapping[str, Any], terminal: Terminal) -> int:
    """Serve until told to end; with --once, until nothing more can be done now."""
    bursar = build(load(home_override=place.home))
    try:
        daemon = bursar.daemon()
        try:
            done = daemon.once()
        finally:
            daemon.close()
    finally:
        bursar.close()
    if not done.leading:
        terminal.write("another process leads; nothing done\n")
        return 0
    terminal.write(f"{done.moved} moves in {done.rounds} rounds\n")
    for trouble in done.troubles:
        terminal.write(f"trouble: {trouble}\n")
    return 0
