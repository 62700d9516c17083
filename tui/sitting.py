"""One console from its start until it is left: what it is made of, and what is given back in which order."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from contextlib import suppress
from errno import EIO
from pathlib import Path

from tui.app import BursarConsole
from tui.bugs import write_down
from tui.cli.place import Place
from tui.embedded import Embedded
from tui.gateway import Gateway
from tui.preferences import Preferences

_LEFT_ALONE = (
    "This console led. What runs goes on; what waits starts once a console or a daemon leads again:\n  bursar daemon\n"
)


def run_console(place: Place, now: Callable[[], int], say: Callable[[str], object], org: str | None = None) -> int:
    """Until it is left; its exit code. The terminal is given back first, then the lead and the store.

    `say` is for the terminal that one is back in: who leaves work without anybody to lead it shall know.
    """

    def note(trace: str) -> str | None:
        written = write_down(place.home, now(), "bursar console", trace)
        return str(written) if written else None

    _log_to(place.home / "logs")
    gateway = Gateway(place, note, org)
    console = BursarConsole(gateway, now, Embedded(gateway.background, note), preferences=Preferences.of(place))
    try:
        console.run()
    except OSError as error:
        if error.errno != EIO:
            raise
        return 128 + signal.SIGHUP  # the terminal is gone, before or after it said so
    finally:
        if console.end():
            with suppress(OSError):  # where the terminal is gone, there is nobody to tell
                say(_LEFT_ALONE)
    return console.return_code or 0


def _log_to(folder: Path) -> None:
    """Whatever the background side has to say must not be written over the screen."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    logging.basicConfig(filename=folder / "console.log", format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("bursar").setLevel(logging.INFO)
