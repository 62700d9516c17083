"""The terminal a command line speaks through: what it writes, what it may ask, how wide it is.

The one room that touches the standard streams, so that everything else can be run in a test as it is.
"""

from __future__ import annotations

import curses
import getpass
import os
import shutil
import sys
from pathlib import Path
from typing import Protocol, TextIO

from core.domain.errors import Unavailable

NARROW = 80
LARGEST_FILE = 64 * 1024 * 1024


class Terminal(Protocol):
    @property
    def interactive(self) -> bool:
        """Whether somebody is there to answer a question."""
        ...

    @property
    def full_screen(self) -> bool:
        """Whether it can be drawn on: somebody looks at it, and it can put a sign anywhere."""
        ...

    @property
    def width(self) -> int: ...
    def write(self, text: str) -> None: ...
    def complain(self, text: str) -> None: ...
    def ask(self, question: str) -> str: ...
    def ask_hidden(self, question: str) -> str: ...
    def read_line(self) -> str:
        """The next line of standard input without its end; empty where there is none."""
        ...

    def read_file(self, path: str) -> bytes:
        """A file, or standard input for `-`, up to one byte more than the largest that is taken."""
        ...

    def forget_output(self) -> None:
        """After its reader has gone: what is left in the stream must not complain at the end of the program."""
        ...


class StandardTerminal:
    def __init__(self) -> None:
        # A stream that the caller has closed is not there at all: the next file opened must not take its place.
        sys.stdin = sys.stdin or _nowhere()
        sys.stdout = sys.stdout or _nowhere()
        sys.stderr = sys.stderr or _nowhere()
        # A terminal that cannot show a sign still shows that there is one; what is typed is judged, not decoded away.
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        sys.stdin.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]

    @property
    def interactive(self) -> bool:
        return sys.stdin.isatty() and sys.stderr.isatty()

    @property
    def full_screen(self) -> bool:
        return self.interactive and sys.stdout.isatty() and _can_be_drawn_on()

    @property
    def width(self) -> int:
        return max(shutil.get_terminal_size().columns, NARROW) if sys.stdout.isatty() else NARROW

    def write(self, text: str) -> None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            self.forget_output()
            reason = error.strerror or str(error)
            raise Unavailable("answer_not_written", f"the answer cannot be written: {reason}", "see the disk") from None

    def complain(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()

    def ask(self, question: str) -> str:
        self.complain(question)
        return self.read_line()

    def ask_hidden(self, question: str) -> str:
        try:
            return getpass.getpass(question, sys.stderr)
        except EOFError:
            return ""

    def read_line(self) -> str:
        return sys.stdin.readline().removesuffix("\n").removesuffix("\r")

    def read_file(self, path: str) -> bytes:
        if path == "-":
            return sys.stdin.buffer.read(LARGEST_FILE + 1)
        with Path(path).open("rb") as file:
            return file.read(LARGEST_FILE + 1)

    def forget_output(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _can_be_drawn_on() -> bool:
    """What the terminal's own description says: a dumb one knows no place to put the cursor."""
    try:
        curses.setupterm(fd=sys.stdout.fileno())
        return curses.tigetstr("cup") is not None
    except curses.error:
        return False


def _nowhere() -> TextIO:
    return Path(os.devnull).open("r+", encoding="utf-8")
