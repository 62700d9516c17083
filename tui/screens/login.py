"""Who are you: a name and a password. The session is the one of the command line."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical

from tui.console import Console
from tui.messages import LoggedOn, Refused
from tui.screens.passing import Passing
from tui.theme import Tone
from tui.widgets.field import LONGEST, Field
from tui.widgets.plain import Plain, joined, text
from tui.widgets.steps import Steps

WORDMARK = "BURSAR"


class LoginScreen(Passing):
    CSS_PATH = "login.tcss"

    def __init__(self, why: str = "", name: str = "") -> None:
        super().__init__()
        self._why, self._name_before = why, name

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Plain(joined(text(WORDMARK, Tone.BUSY), text("  a compute broker for a team", Tone.DIM)))
            yield Plain(text(self._why or "log in to go on", Tone.WAIT if self._why else Tone.PLAIN), classes="why")
            yield Steps(
                Field(self._name_before, "name", max_length=64),
                Field(placeholder="password", password=True, max_length=LONGEST),
            )
            yield Plain(classes="refusal")
            yield Plain(text("enter logs in · ctrl+q quits", Tone.DIM))
            yield Plain(text("no account yet? in a shell: bursar register NAME, then: bursar join CODE", Tone.DIM))

    def on_mount(self) -> None:
        self.query_one(Steps).begin()

    @on(Steps.Entered)
    def _entered(self, event: Steps.Entered) -> None:
        assert isinstance(self.app, Console)
        gateway = self.app.gateway
        name, password = event.values
        self.query_one(".refusal", Plain).say(text("…", Tone.DIM))
        gateway.ask_anybody(self, lambda: gateway.log_in(name.strip(), password), about="login")

    @on(Refused)
    def _refused(self, event: Refused) -> None:
        event.stop()
        self.query_one(Steps).clear(but_first=True)
        hint = text(f"\n{event.error.hint}", Tone.DIM) if event.error.hint else ""
        self.query_one(".refusal", Plain).say(joined(text(f"✗ {event.error.message}", Tone.BAD), hint))

    @on(LoggedOn)
    def _logged_on(self, event: LoggedOn) -> None:
        assert isinstance(self.app, Console)
        self.app.sits_down(event.name)
        if self in self.app.screen_stack:
            self.over()
