"""The console as its screens know it: who is logged in, what was just done, and the way from screen to screen.

Holds the state that outlives a screen; asks nothing but by the gateway. Which screens there are stands in app.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.app import App
from textual.content import Content
from textual.css.query import NoMatches
from textual.message import Message
from textual.reactive import var

from core.domain.errors import BursarError
from core.views.browsing import Pulse
from core.views.people import AccountCard
from tui.actions import Command, only_if_still
from tui.completion import Names
from tui.gateway import Gateway
from tui.preferences import Preferences
from tui.theme import Tone
from tui.together import Together
from tui.widgets.plain import joined, text

_MOST_ECHOES = 200
_MOST_UNDONE = 50
_NEWS = 10_000_000  # for so long something that was told is still news on another screen


@dataclass
class Echo(Message):
    """The line that says what was done last."""

    content: Content


class Console(App[int]):
    who: var[AccountCard | None] = var(None)
    pulse: var[Pulse | None] = var(None)
    gateway: Gateway
    preferences: Preferences
    now: Callable[[], int]
    seen_at: var[int | None] = var(None)
    tick: var[int] = var(0)
    approvals: var[int] = var(0)
    leads_here: var[bool] = var(False)
    trouble: var[str | None] = var(None)
    is_cut_off: var[bool] = var(False)  # the store cannot be asked

    def __init__(self) -> None:
        super().__init__()
        self.log_of_commands: list[Content] = []
        self._together: list[Together] = []
        self._undoable: list[tuple[Command, ...]] = []
        self._echoed: tuple[int, Content] | None = None

    def _handle_exception(self, error: Exception) -> None:
        """While screens are taken down, what comes late to one may find its parts gone already: that is no bug."""
        if self.is_running or not isinstance(error, NoMatches):
            super()._handle_exception(error)

    def sits_down(self, name: str) -> None:
        """Somebody has logged in here."""
        raise NotImplementedError

    def go(self, place: str) -> None:
        """To one of the main screens."""
        raise NotImplementedError

    def back(self) -> None:
        """To the main screen before this one."""
        raise NotImplementedError

    def open_deployment(self, reference: str, tab: str = "facts", org: str | None = None) -> None:
        """`org` where it belongs to another one than that in which one works."""
        raise NotImplementedError

    @property
    def names(self) -> Names:
        """What the screens have seen and a command could name; what is on the one in front comes first."""
        raise NotImplementedError

    def submit_like(self, reference: str, org: str | None = None) -> None:
        """Ask for the same once more, with something changed."""
        raise NotImplementedError

    def show_deployments(self, filter_: str) -> None:
        """Those that fit, of as many organizations as one may see."""
        raise NotImplementedError

    def run_line(self, line: str) -> None:
        """What was typed behind the colon."""
        raise NotImplementedError

    def do(self, commands: Sequence[Command]) -> None:
        """Each in turn, whatever becomes of the screen that asked."""
        if len(commands) > 1:
            self._together.append(Together(commands))
        for command in commands:
            self.echo(_echoed(command, "…", Tone.DIM))
            self.gateway.ask_to_do(self, command)

    def sure(self, commands: Sequence[Command] | None) -> None:
        """The answer of who was asked whether they are sure."""
        if commands:
            self.do(commands)

    def undo(self) -> None:
        """Take back what was done last, as far as anything can be."""
        if not self._undoable:
            self.echo(text("nothing to undo: a cancellation, a deletion and money stay as they are", Tone.DIM))
            return
        self.do(self._undoable.pop())

    def settled(self, command: Command, error: BursarError | None = None) -> Together | None:
        """Note how it turned out; answers those that it was asked for with, once all of them have turned out."""
        for together in self._together:
            if together.settle(command, error):
                if together.is_over:
                    self._together.remove(together)
                    self._can_undo(together.done)
                    return together
                return None
        if error is None:
            self._can_undo((command,))
        return None

    def forget_who_left(self) -> None:
        """Who comes next shall neither read nor take back what they have done, nor hear how it turned out."""
        self.log_of_commands, self._together, self._undoable = [], [], []
        self._echoed = None
        self.gateway.leave()

    def _can_undo(self, done: Sequence[Command]) -> None:
        undos = tuple(only_if_still(c.undo, c) for c in reversed(done) if c.undo is not None)
        if undos:
            self._undoable = [*self._undoable[1 - _MOST_UNDONE :], undos]

    def told(self, command: Command, outcome: str, tone: Tone) -> None:
        content = _echoed(command, outcome, tone)
        self.log_of_commands = [*self.log_of_commands[1 - _MOST_ECHOES :], content]
        self.echo(content)

    def refuse(self, error: BursarError) -> None:
        hint = f"  {error.hint.splitlines()[0]}" if error.hint else ""
        self.echo(joined(text(f"✗ {error.message}", Tone.BAD), text(hint, Tone.DIM)))

    @property
    def news(self) -> Content | None:
        """What was told last, unless that is a while ago."""
        at, content = self._echoed or (0, None)
        return content if self.now() - at < _NEWS else None

    def echo(self, content: Content) -> None:
        self._echoed = (self.now(), content)
        for screen in reversed(self.screen_stack):
            screen.post_message(Echo(content))


def _echoed(command: Command, outcome: str, tone: Tone) -> Content:
    """How it turned out comes first: a long line may be cut."""
    return joined(text(f"{outcome}  ", tone), text("$ ", Tone.DIM), text(command.line))
