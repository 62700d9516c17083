"""A real terminal to type into: a pane of tmux whose screen is read as text. Waits for what is to be seen."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from core.clock import SystemClock

PATIENCE_S = 60.0


def tmux() -> str | None:
    return shutil.which("tmux")


class Pane:
    def __init__(self, folder: Path, width: int = 100, height: int = 30, **environ: str) -> None:
        self._socket = folder / "tmux.sock"
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
        self._tmux("new-session", "-d", "-s", "bursar", "-x", str(width), "-y", str(height), *words)
        self.sees("shell>")

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(
            [tmux() or "tmux", "-S", str(self._socket), *words], capture_output=True, text=True, check=True, timeout=20
        )
        return done.stdout

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
        found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(shell)], capture_output=True, text=True, check=True)
        return [int(pid) for pid in found.stdout.split()]

    def close(self) -> None:
        subprocess.run([tmux() or "tmux", "-S", str(self._socket), "kill-server"], capture_output=True, check=False)
