"""A real terminal to type into: a pane of tmux whose screen is read as text. Waits for what is to be seen."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.clock import SystemClock

PATIENCE_S = 240.0  # a test that passes never waits so long, however slow the machine


def tmux() -> str | None:
    return shutil.which("tmux")


class Pane:
    def __init__(self, folder: Path, width: int = 100, height: int = 30, **environ: str) -> None:
        # The name of a socket must be short, which a folder of a test need not be.
        self._place = tempfile.TemporaryDirectory(prefix="bursar-tmux-", dir="/tmp")
        self._socket = Path(self._place.name) / "sock"
        self.home = folder / "home"
        environ = {
            "BURSAR_HOME": str(self.home),
            "BURSAR_ACCOUNTS_BCRYPT_COST": "4",
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "PS1": "shell> ",
            **environ,
        }
        words = ["env", "-i", *(f"{name}={value}" for name, value in environ.items()), "bash", "--norc", "--noprofile"]
        try:
            self._tmux("new-session", "-d", "-s", "bursar", "-x", str(width), "-y", str(height), *words)
        except subprocess.CalledProcessError as error:
            self.close()
            pytest.skip(f"tmux opens no terminal here: {error.stderr.strip()}")
        self.sees("shell>")

    def _tmux(self, *words: str) -> str:
        return self._call(*words, check=True).stdout

    def _call(self, *words: str, check: bool) -> subprocess.CompletedProcess[str]:
        """By itself: nobody's own configuration, and letters beyond ASCII whatever the locale outside is."""
        return subprocess.run(
            [tmux() or "tmux", "-f", "/dev/null", "-u", "-S", str(self._socket), *words],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            check=check,
            timeout=PATIENCE_S,
        )

    @property
    def screen(self) -> str:
        return self._tmux("capture-pane", "-t", "bursar", "-p")

    @property
    def coloured(self) -> str:
        """The screen with the sequences that colour it."""
        return self._tmux("capture-pane", "-t", "bursar", "-p", "-e")

    def sees(self, *words: str, patience_s: float = PATIENCE_S) -> str:
        """The screen, once all of these are on it."""
        return self.waits(lambda screen: all(word in screen for word in words), f"{words}", patience_s)

    def waits(self, until: Callable[[str], bool], what: str, patience_s: float = PATIENCE_S) -> str:
        deadline = time.monotonic() + patience_s
        clock = SystemClock()
        while True:
            screen = self.screen
            if until(screen):
                return screen
            if time.monotonic() > deadline:
                raise AssertionError(f"waited for {what}; on the screen stands:\n{screen}")
            clock.sleep(0.05)

    def types(self, text: str) -> None:
        """Text as it is, then it is waited for where it can be seen."""
        self._tmux("send-keys", "-t", "bursar", "-l", text)

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", "-t", "bursar", *keys)

    def shell(self, line: str) -> None:
        self.types(line)
        self.press("Enter")

    def bursar(self, arguments: str = "") -> None:
        self.shell(f"{sys.executable} -m tui {arguments}")

    def kill_console(self, number: signal.Signals) -> None:
        """Send a signal to the program that the shell runs."""
        for pid in self._running:
            os.kill(pid, number)

    def take_terminal_away(self) -> None:
        """As when a window is closed, or a line breaks; until the program has ended."""
        running = [os.pidfd_open(pid) for pid in self._running]
        self.close()
        for one in running:
            over, _, _ = select.select([one], [], [], PATIENCE_S)
            os.close(one)
            assert over, "the console goes on without a terminal"

    @property
    def _running(self) -> list[int]:
        shell = int(self._tmux("display-message", "-p", "-t", "bursar", "#{pane_pid}"))
        return [int(pid) for pid in Path(f"/proc/{shell}/task/{shell}/children").read_text().split()]

    def close(self) -> None:
        self._call("kill-server", check=False)
        self._place.cleanup()
