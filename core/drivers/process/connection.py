"""The way to the keeper: finds it or starts it, and asks it to start runs. Asking twice for one run does no harm."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from core.domain.engines import Trouble, trouble
from core.drivers.keeper.records import PLAIN_PATH, SOCKET

ROOT = Path(__file__).resolve().parents[3]  # where the package `core` lies, installed or not
BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from core.drivers.keeper.service import main; main(*sys.argv[2:])"
MOST_IN_FLIGHT = 16
LONGEST_ANSWER = 4096
ATTEMPTS = 3

Answers = dict[str, dict[str, Any]]


class KeeperLine:
    """One connection, kept open: as long as it is, the keeper stays."""

    def __init__(self, home: Path, idle_s: float, deadline_s: float) -> None:
        self._home = home
        self._idle_s = idle_s
        self._deadline_s = deadline_s
        self._guard = threading.Lock()
        self._line: socket.socket | None = None

    def start(self, names: Iterable[str]) -> Answers:
        """What became of each; one that is missing had no answer within the deadline."""
        left = set(names)
        answers: Answers = {}
        until = time.monotonic() + self._deadline_s
        with self._guard:
            for attempt in range(ATTEMPTS):
                try:
                    self._exchange(self._connected(until), left, answers, until)
                except TimeoutError:
                    self._drop()  # a late answer must not be taken for that of another request
                    break
                except OSError as error:  # the keeper died under our hands: there will be another
                    self._drop()
                    if attempt == ATTEMPTS - 1:
                        raise trouble(
                            Trouble.ENGINE_DOWN, f"the keeper of {self._home} does not stay: {error}"
                        ) from None
                else:
                    break
        return answers

    def close(self) -> None:
        with self._guard:
            self._drop()

    def _exchange(self, line: socket.socket, left: set[str], answers: Answers, until: float) -> None:
        unsent = sorted(left)
        while left:
            while unsent and len(left) - len(unsent) < MOST_IN_FLIGHT:
                line.settimeout(_left_s(until))
                line.send(unsent.pop(0).encode())
            line.settimeout(_left_s(until))
            heard = line.recv(LONGEST_ANSWER)
            if not heard:
                raise ConnectionResetError("it hung up")
            answer = json.loads(heard)
            if answer["run"] in left:
                left.remove(answer["run"])
                answers[answer["run"]] = answer

    def _connected(self, until: float) -> socket.socket:
        if self._line is None:
            try:
                self._line = self._connect()
            except OSError:
                self._start_keeper(until)
                self._line = self._connect()
        return self._line

    def _connect(self) -> socket.socket:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # The path is written relative to an open directory: a socket's path may have only 107 characters.
        directory = os.open(self._home, os.O_RDONLY | os.O_DIRECTORY)
        try:
            line.connect(f"/proc/self/fd/{directory}/{SOCKET}")
        except OSError:
            line.close()
            raise
        finally:
            os.close(directory)
        return line

    def _start_keeper(self, until: float) -> None:
        command = [sys.executable, "-I", "-S", "-c", BOOT, str(ROOT), str(self._home), str(self._idle_s)]
        with (self._home / "keeper.log").open("ab") as log:
            try:
                ended = subprocess.run(  # noqa: S603 - a list, and all of it ours
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    cwd=self._home,
                    env={"PATH": PLAIN_PATH, "LANG": "C.UTF-8"},  # our own secrets are not its business
                    start_new_session=True,
                    timeout=_left_s(until),
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise TimeoutError("the keeper did not come up") from None
        if ended.returncode != 0:
            raise trouble(
                Trouble.ENGINE_DOWN,
                f"the keeper of {self._home} did not come up (exit {ended.returncode})",
                f"see {self._home / 'keeper.log'}",
            )

    def _drop(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


def _left_s(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
