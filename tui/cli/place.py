"""What the program hands to its command line: where the installation is, what opens it, which files are private.

These are ports. The rooms behind them are put together in `__main__` alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from core.commands.verbs import Bursar, Values

if TYPE_CHECKING:
    from tui.cli.terminal import Terminal


class Opened(Bursar, Protocol):
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """One installation as its settings describe it; its store is not opened before `open` is called."""

    home: Path
    token: str | None  # from the environment: it comes before any session
    open: Callable[[], Opened]
    read_private: Callable[[Path], bytes]
    write_private: Callable[[Path, bytes], None]
    console: Callable[[Path, str], int] | None = None  # on another home, with a token: for the demonstration


class Ground(Protocol):
    def now(self) -> int: ...

    def home(self, named: str | None) -> Path:
        """Where the installation lives; `named` comes before the environment."""
        ...

    def settle(self, named: str | None) -> Place:
        """Read the settings, or say what is wrong with them."""
        ...

    def start(self, program: str, place: Place, values: Values, terminal: Terminal) -> int:
        """Run a program to its end; its exit code."""
        ...

    def console(self, place: Place, org: str | None) -> int:
        """The full-screen console until it is left; its exit code."""
        ...
