"""The first minutes of an installation: its operator, an organization, and this machine as its first cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.screen import Screen

from core.domain.errors import BursarError
from core.views.work import FoundNode
from tui import questions
from tui.actions import Command, named
from tui.amounts import size_of
from tui.console import Console
from tui.messages import Did, LoggedOn, MachineSeen, NotDone, Refused
from tui.screens.login import WORDMARK
from tui.theme import Tone
from tui.widgets.field import LONGEST, Field
from tui.widgets.plain import Plain, joined, stacked, text
from tui.widgets.steps import Steps


class FirstRunScreen(Screen[None]):
    """Three steps, each a field or two; the last may be left out."""

    CSS_PATH = "login.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "skip", "Skip", show=False),
        Binding("ctrl+n", "other", "Another engine", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._offers: tuple[FoundNode, ...] = ()
        self._at = 0
        self._enter: Callable[..., None] = self._make_operator

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Plain(joined(text(WORDMARK, Tone.BUSY), text("  a new installation", Tone.DIM)))
            yield Plain("first its operator, who runs it: a name and a password", classes="why")
            with Container(classes="steps"):
                yield Steps(
                    Field(placeholder="name", max_length=64),
                    Field(placeholder="password", password=True, max_length=LONGEST),
                    Field(placeholder="password, again", password=True, max_length=LONGEST),
                )
            yield Plain(classes="refusal")
            yield Plain(text("enter goes on · ctrl+q quits", Tone.DIM), classes="keys")
            yield Plain(text("only want to see it at work? in a shell: bursar demo", Tone.DIM), classes="demo")

    def on_mount(self) -> None:
        self.query_one(Steps).begin()

    @property
    def _desk(self) -> Console:
        assert isinstance(self.app, Console)
        return self.app

    @on(Steps.Entered)
    def _entered(self, event: Steps.Entered) -> None:
        self._enter(*event.values)

    # First: somebody who runs it

    def _make_operator(self, name: str, password: str, again: str) -> None:
        if password != again:
            self._say(text("✗ the two passwords are not the same", Tone.BAD))
            return
        gateway = self._desk.gateway
        self._say(text("…", Tone.DIM))
        gateway.ask_anybody(self, lambda: gateway.install(name.strip(), password), about="install")

    @on(LoggedOn)
    async def _logged_on(self, event: LoggedOn) -> None:
        await self._next("organization", "", f"welcome, {event.name}. Now an organization: who works here together?")
        self._enter = self._make_org

    # Then: where people work together

    def _make_org(self, name: str) -> None:
        verb = named(("org", "create"))
        assert verb is not None
        self._desk.gateway.ask_to_do(self, Command(verb, {"name": (name.strip(),)}))

    # At last: something to run on

    async def _look_at_machine(self) -> None:
        await self._next("cluster's name", "here", "looking at this machine …")
        self.query_one(".keys", Plain).say(text("enter makes it the first cluster · esc goes on without", Tone.DIM))
        self._enter = self._make_cluster
        self._desk.gateway.ask(self, questions.machine, about="machine")

    @on(MachineSeen)
    def _machine_seen(self, seen: MachineSeen) -> None:
        self._offers = tuple(node for node in seen.nodes if node.trouble is None)
        if not self._offers:
            self._done()
            return
        self._show_offer()

    def _show_offer(self) -> None:
        """Containers come first; what else is here is a key away."""
        offer = self._offers[self._at]
        found = size_of(offer.total.cpu_milli, offer.total.ram_mib, offer.total.gpu_milli)
        model = f" ({offer.gpu_model})" if offer.gpu_model else ""
        lines = [joined("this machine has ", text(found + model, Tone.GOOD)), text(_what_it_runs(offer), Tone.DIM)]
        if len(self._offers) > 1:
            more = f"{self._at + 1} of {len(self._offers)} that could be its first cluster · ctrl+n: the next"
            lines.append(text(more, Tone.DIM))
        self.query_one(".why", Plain).say(stacked(lines))

    def action_other(self) -> None:
        if self._offers:
            self._at = (self._at + 1) % len(self._offers)
            self._show_offer()

    def _make_cluster(self, name: str) -> None:
        verb = named(("cluster", "create"))
        if not self._offers or verb is None:
            return
        offer = self._offers[self._at]
        settings = tuple(f"{key}={value}" for key, value in offer.settings.items())
        texts: dict[str, tuple[str, ...]] = {"name": (name.strip(),), "driver": (offer.driver,), "set": settings}
        self._desk.gateway.ask_to_do(self, Command(verb, texts))

    @on(Did)
    async def _did(self, event: Did) -> None:
        event.stop()
        self._desk.told(event.command, "✓", Tone.GOOD)
        if event.command.verb.path == ("org", "create"):
            await self._look_at_machine()
        else:
            self._done()

    def action_skip(self) -> None:
        if self._enter == self._make_cluster:
            self._done()

    def _done(self) -> None:
        self.dismiss(None)

    # What goes wrong

    @on(Refused)
    def _refused(self, event: Refused) -> None:
        event.stop()
        if event.about == "machine":
            self._done()
        else:
            self._tell(event.error)

    @on(NotDone)
    def _not_done(self, event: NotDone) -> None:
        event.stop()
        self._tell(event.error)

    def _tell(self, error: BursarError) -> None:
        hint = text(f"\n{error.hint}", Tone.DIM, lines=True) if error.hint else ""
        self._say(joined(text(f"✗ {error.message}", Tone.BAD), hint))

    def _say(self, content: Content) -> None:
        self.query_one(".refusal", Plain).say(content)

    async def _next(self, placeholder: str, value: str, why: str) -> None:
        """The next step: one field in place of those of the step before."""
        place = self.query_one(".steps", Container)
        await place.remove_children()
        await place.mount(Steps(Field(value, placeholder, max_length=64)))
        self.query_one(Steps).begin()
        self.query_one(".demo").display = False
        self.query_one(".why", Plain).say(why)
        self._say(text(""))


def _what_it_runs(offer: FoundNode) -> str:
    if offer.settings:
        places = ", ".join(value.removeprefix("unix://") for value in offer.settings.values())
        return f"it runs containers, by the engine at {places}"
    return "it runs commands on this machine, for operators only until you open it to members"
