"""The background side inside the console: serves while nobody else leads, and stands by while somebody does."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import Protocol

from core.domain.errors import BursarError

_PATIENCE_S = 5.0
_AGAIN_AFTER_S = 10.0


class Background(Protocol):
    """The daemon, as the console runs it."""

    @property
    def leads(self) -> bool: ...

    def run(self, stop: threading.Event) -> None:
        """Serve until `stop` is set: as the leader, or standing by for when the leader is gone."""
        ...

    def troubles(self) -> tuple[str, ...]:
        """What is wrong with engines now."""
        ...

    def close(self) -> None: ...


class Embedded:
    def __init__(self, make: Callable[[], Background], note: Callable[[str], str | None]) -> None:
        self._make = make
        self._note = note
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="embedded daemon", daemon=True)
        self._daemon: Background | None = None
        self._failed: str | None = None

    @property
    def started(self) -> bool:
        return self._thread.ident is not None

    @property
    def leads(self) -> bool:
        return self._daemon is not None and self._daemon.leads

    @property
    def trouble(self) -> str | None:
        """What is wrong, in a line; of engines only what the leader knows."""
        if self._failed is not None or self._daemon is None:
            return self._failed
        return next(iter(self._daemon.troubles()), None) if self._daemon.leads else None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> bool:
        """Let go of the lead, so that the next one takes it at once; whether it was held here."""
        led = self.leads
        self._ended.set()
        if self.started:
            self._thread.join(_PATIENCE_S)
        return led

    def _serve(self) -> None:
        """Until the console ends; what goes wrong is told and tried again, since the console lives on without."""
        while not self._ended.is_set():
            try:
                self._daemon = self._make()
                self._failed = None
                self._daemon.run(self._ended)
            except BursarError as error:
                self._failed = error.message
            except Exception as bug:  # noqa: BLE001 - the last net: written down, told, and tried again
                if self._ended.is_set():
                    return  # the store was closed under it, since it took longer to end than anybody waits
                self._failed = f"a bug in the background side ({type(bug).__name__})"
                self._note("".join(traceback.format_exception(bug)))
            finally:
                if self._daemon is not None:
                    self._daemon.close()
            self._ended.wait(_AGAIN_AFTER_S)
