"""The program itself, as somebody runs it: each line is a process of its own, in a home of its own."""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.house.tree import ROOT

PASSWORD = "correct horse staple"


@dataclass
class Program:
    home: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __call__(self, line: str, *, stdin: str = "", fails: int = 0) -> str:
        """What it says; where it is meant to fail, what it complains."""
        done = subprocess.run(
            [sys.executable, "-m", "tui", *shlex.split(line)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            env=self._environ(),
            cwd=self.home.parent,
            check=False,
        )
        assert done.returncode == fails, f"bursar {line}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stderr if fails else done.stdout

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
            process.wait(60)

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
        for _ in range(60):
            self("daemon --once")
            found: dict[str, Any] = self.json(f"show {name}")
            if found["state"] in states:
                return found
        raise AssertionError(f"{name} is {found['state']}: {found['reason']}")
