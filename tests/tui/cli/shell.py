"""A shell for tests: command lines run in this process, against a real store, with time and chance in hand."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.bootstrap import build
from core.clock import ManualClock
from core.commands.table import FAMILIES
from core.commands.verbs import Family, Values
from core.ids import SeqIds
from core.settings import load, read_private, write_private
from tests.builders import PASSWORD, going_on
from tui.cli.place import Place
from tui.cli.run import run
from tui.cli.terminal import NARROW, Terminal

__all__ = ["PASSWORD", "FakeTerminal", "Ran", "Shell"]


@dataclass
class FakeTerminal:
    """Where somebody sits when `typed` is given; what is piped in is `stdin`."""

    typed: list[str] | None = None
    stdin: list[str] = field(default_factory=list)
    out: str = ""
    err: str = ""
    asked: list[str] = field(default_factory=list)
    gone: type[BaseException] | None = None
    width: int = NARROW
    full_screen: bool = False

    @property
    def interactive(self) -> bool:
        return self.typed is not None

    def write(self, text: str) -> None:
        if self.gone:
            raise self.gone
        self.out += text

    def complain(self, text: str) -> None:
        self.err += text

    def ask(self, question: str) -> str:
        assert self.typed is not None, f"nobody is there to be asked {question!r}"
        self.asked.append(question)
        return self.typed.pop(0)

    ask_hidden = ask

    def read_line(self) -> str:
        return self.stdin.pop(0) if self.stdin else ""

    def read_file(self, path: str) -> bytes:
        return "\n".join(self.stdin).encode() if path == "-" else Path(path).read_bytes()

    def forget_output(self) -> None:
        self.out = ""


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str
    asked: list[str]

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        return json.loads(self.err)["error"]


class Shell:
    """One machine with one installation. It is also the ground that commands stand on."""

    def __init__(self, home: Path, **environ: str) -> None:
        self.folder = home
        self.environ = {"BURSAR_ACCOUNTS_BCRYPT_COST": "4", "BURSAR_HOME": str(home), **environ}
        self.clock = ManualClock()
        self.ids = SeqIds()
        self.families: Sequence[Family] = FAMILIES
        self.started: list[tuple[str, Values]] = []

    def copied(self, home: Path, url: str | None = None) -> Shell:
        """The same machine as it is now, once more. `url` is a copy of its store, where that lies outside its home."""
        shutil.copytree(self.folder, home)
        store = {"BURSAR_DATABASE_URL": url} if url else {}
        copy = Shell(home, **{**self.environ, **store, "BURSAR_HOME": str(home)})
        copy.clock, copy.ids = ManualClock(self.clock.now()), going_on(self.ids)
        return copy

    def __call__(
        self,
        line: str | list[str],
        *,
        typed: Sequence[str] | None = None,
        stdin: Sequence[str] = (),
        gone: type[BaseException] | None = None,
    ) -> Ran:
        argv = shlex.split(line) if isinstance(line, str) else line
        terminal = FakeTerminal(None if typed is None else list(typed), list(stdin), gone=gone)
        code = run(argv, self, terminal, self.families)
        return Ran(code, terminal.out, terminal.err, terminal.asked)

    def done(self, line: str | list[str], **how: Any) -> Ran:
        ran = self(line, **how)
        assert ran.code == 0, ran.err
        return ran

    def serve(self) -> None:
        """What `bursar daemon --once` does, in this process and at this shell's time."""
        bursar = build(load(self.environ), clock=self.clock, ids=self.ids)
        daemon = bursar.daemon()
        try:
            assert daemon.once().leading
        finally:
            daemon.close()
            bursar.close()

    def log_in(self, name: str) -> None:
        self.done(f"login {name} --password-stdin", stdin=[PASSWORD])

    def now(self) -> int:
        return self.clock.now()

    def home(self, named: str | None) -> Path:
        return load(self.environ, named).home

    def settle(self, named: str | None) -> Place:
        settings = load(self.environ, named)
        return Place(
            home=settings.home,
            token=self.environ.get("BURSAR_TOKEN"),
            open=lambda: build(settings, clock=self.clock, ids=self.ids),
            read_private=read_private,
            write_private=write_private,
        )

    def console(self, place: Place, org: str | None) -> int:
        raise AssertionError("no terminal here can be drawn on")

    def start(self, program: str, place: Place, values: Values, terminal: Terminal) -> int:
        self.started.append((program, values))
        return 0
