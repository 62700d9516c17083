"""Answers that are kept back, for what must be right in whatever order they come."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from textual.message import Message
from textual.pilot import Pilot

from tests.tui.console.scene import MOST_PAUSES, text_of
from tui.app import BursarConsole
from tui.gateway import Gateway, Work

PATIENCE_S = 60.0


class Held:
    """Answers of one kind, each of which has come and is told only once it is let go."""

    def __init__(self, gateway: Gateway, kind: type[Message], *, before_it_begins: bool = False) -> None:
        self._answer, self._kind, self._before = gateway._answer, kind, before_it_begins
        self._has_come, self._go_on = threading.Event(), threading.Event()

    def answer(self, work: Work, refused: Callable[..., Message]) -> Message:
        if self._before:
            self._wait()
        message = self._answer(work, refused)
        if not self._before and isinstance(message, self._kind):
            self._wait()
        return message

    def _wait(self) -> None:
        self._has_come.set()
        assert self._go_on.wait(PATIENCE_S), "nobody lets it go"

    async def come(self) -> None:
        assert await asyncio.to_thread(self._has_come.wait, PATIENCE_S), f"no {self._kind.__name__} comes"

    def let_go(self) -> None:
        self._go_on.set()


@contextmanager
def held(app: BursarConsole, kind: type[Message], *, before_it_begins: bool = False) -> Iterator[Held]:
    """Of what is asked inside; `before_it_begins` holds whatever is asked at all, and not yet asked of a service."""
    gateway = app.gateway
    holding = Held(gateway, kind, before_it_begins=before_it_begins)
    gateway._answer = holding.answer  # type: ignore[method-assign]
    try:
        yield holding
    finally:
        gateway._answer = holding._answer  # type: ignore[method-assign]
        holding.let_go()


async def drawn(app: BursarConsole, pilot: Pilot[int], until: Callable[[], object], what: str) -> str:
    """What is on the screen once that holds, although something else is still on its way."""
    for _ in range(MOST_PAUSES):
        await pilot.pause(0.01)
        if until():
            return text_of(app)
    raise AssertionError(f"{what}:\n{text_of(app)}")
