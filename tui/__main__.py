"""The `bursar` command: puts the parts together for the command line, each no earlier than it is needed."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from core.commands.verbs import Values
from core.domain.errors import Unavailable
from tui.cli.place import Opened, Place
from tui.cli.run import run
from tui.cli.terminal import StandardTerminal, Terminal

if TYPE_CHECKING:
    from core.settings import Settings

# Settings, store and services cost most of a start, and help needs none of them: so imports stand where they are used.
PROGRAMS = "bursar.programs"


class ThisMachine:
    """The ground of a real start: this environment, this disk, this time."""

    def now(self) -> int:
        from core.clock import SystemClock  # noqa: PLC0415 - see above

        return SystemClock().now()

    def home(self, named: str | None) -> Path:
        return self._settings(named).home

    def settle(self, named: str | None) -> Place:
        settings = self._settings(named)
        token = settings.environment.secret("BURSAR_TOKEN", insecure=settings.security.insecure_permissions)
        return self._place(settings, token.reveal().strip() if token else None)

    def _place(self, settings: Settings, token: str | None) -> Place:
        from core.settings import read_private, write_private  # noqa: PLC0415 - see above

        insecure = settings.security.insecure_permissions
        return Place(
            home=settings.home,
            token=token,
            open=lambda: _opened(settings),
            read_private=lambda path: read_private(path, insecure=insecure),
            write_private=write_private,
            console=lambda home, bearer: self.console(self._place(self._settings(str(home)), bearer), None),
        )

    def start(self, program: str, place: Place, values: Values, terminal: Terminal) -> int:
        """Programs such as the daemon belong to other rooms and are found by name: no arrow is drawn to them."""
        from importlib.metadata import entry_points  # noqa: PLC0415 - see above

        found = entry_points(group=PROGRAMS, name=program)
        if not found:
            raise Unavailable("program_missing", f"{program} is not installed here", "install bursar anew")
        code: int = next(iter(found)).load()(place, values, terminal)
        return code

    def console(self, place: Place, org: str | None) -> int:
        with _loading():
            from tui.sitting import run_console  # noqa: PLC0415 - see above

        return run_console(place, self.now, sys.stderr.write, org)

    def _settings(self, named: str | None) -> Settings:
        from core.settings import load  # noqa: PLC0415 - see above

        return load(home_override=named)


def _opened(settings: Settings) -> Opened:
    with _loading():
        from core.bootstrap import build  # noqa: PLC0415 - see above

        return build(settings)


@contextmanager
def _loading() -> Iterator[None]:
    """Modules make no garbage while they load, but looking for it took a quarter of a start: so nobody looks, and
    what has been loaded is never looked through again."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def main() -> None:
    raise SystemExit(run(sys.argv[1:], ThisMachine(), StandardTerminal()))


if __name__ == "__main__":
    main()
