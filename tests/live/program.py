"""The program itself, as somebody runs it: each line is a process of its own, in a home of its own.

Such a process is forked from a clean one that has read all modules once, which half of a line's time would go into.
The daemon that serves is started as anybody would start it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.bootstrap import build
from core.drivers import docker
from tests.fakes import clean
from tests.house.tree import ROOT
from tui.__main__ import main

PASSWORD = "correct horse staple"
PATIENCE_S = 300.0  # a line that ends never waits so long, however slow the machine
READ_ONCE = (build, docker)  # what a line would otherwise read again
clean.set_forkserver_preload(["tests.live.program"])


def _run(words: list[str], environ: dict[str, str], folder: Path, files: tuple[Path, Path, Path]) -> None:
    """In a process of its own: as if a shell had started the program there, with these files as its streams."""
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    for number, (file, how) in enumerate(zip(files, (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY), strict=True)):
        os.dup2(os.open(file, how | os.O_CREAT | (os.O_TRUNC if number else 0), 0o600), number)
    sys.argv = ["bursar", *words]
    # multiprocessing has given it another standard input.
    sys.stdin = os.fdopen(0, closefd=False)
    sys.exit(main())


@dataclass
class Program:
    home: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __call__(self, line: str, *, stdin: str = "", fails: int = 0) -> str:
        """What it says; where it is meant to fail, what it complains."""
        folder = self.home.parent
        files = (folder / "stdin", folder / "stdout", folder / "stderr")
        files[0].write_text(stdin)
        process = clean.Process(target=_run, args=(shlex.split(line), self._environ(), folder, files))
        process.start()
        process.join(PATIENCE_S)
        if process.exitcode is None:
            process.kill()
        out, err = (file.read_text() for file in files[1:])
        assert process.exitcode == fails, f"bursar {line}: {process.exitcode}\n{out}\n{err}"
        return err if fails else out

    def json(self, line: str) -> Any:
        return json.loads(self(f"{line} --json"))

    def _environ(self) -> dict[str, str]:
        return {
            "PATH": "/usr/bin:/bin",
            "BURSAR_HOME": str(self.home),
            "BURSAR_ACCOUNTS_BCRYPT_COST": "4",
            "PYTHONPATH": str(ROOT),
            **self.environ,
        }

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """A daemon of its own, as a service manager would keep one."""
        words = [sys.executable, "-m", "tui", "daemon"]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(words, env=self._environ(), cwd=self.home.parent, **quiet)
        try:
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE_S)

    def log_in(self, name: str) -> None:
        self(f"login {name} --password-stdin", stdin=f"{PASSWORD}\n")

    def founded(self) -> None:
        """An operator olga with the organization lab, and her member mia; olga is logged in."""
        self("init --operator olga --password-stdin", stdin=f"{PASSWORD}\n")
        self.log_in("olga")
        self("org create lab")
        code = self.json("invite create")["code"]
        self("register mia --password-stdin", stdin=f"{PASSWORD}\n")
        self.log_in("mia")
        self(f"join {code}")
        self.log_in("olga")

    def serve_until(self, name: str, *states: str) -> dict[str, Any]:
        """`bursar daemon --once`, again and again, as cron would do it."""
        found: dict[str, Any] = self.serve_until_shown(f"show {name}", lambda found: found["state"] in states)
        return found

    def serve_until_shown(self, line: str, holds: Callable[[Any], object]) -> Any:
        """The same until what a line shows is so."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            self("daemon --once")
            found = self.json(line)
            if holds(found):
                return found
            assert time.monotonic() < deadline, f"bursar {line}: {found}"
