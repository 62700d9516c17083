"""The first minutes of an installation: its operator, an organization, and this machine as its first cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content

from core.domain.errors import BursarError
from tui import questions
from tui.actions import Command, named
from tui.console import Console
from tui.messages import Did, LoggedOn, MachineSeen, NotDone, Refused
from tui.offers import Offer, found_here, offers
from tui.screens.login import WORDMARK
from tui.screens.passing import Passing
from tui.theme import Tone
from tui.widgets.field import LONGEST, Field
from tui.widgets.hanging import Hanging, Line
from tui.widgets.plain import Plain, joined, stacked, text
from tui.widgets.steps import Steps

_MADE_MEANWHILE = "already_installed"  # elsewhere, or by the enter before this one, which could not log in


class FirstRunScreen(Passing):
    """Three steps, each a field or two; what shall be the first cluster may be left for later."""

    CSS_PATH = "login.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "skip", "Skip", show=False),
        Binding("up", "choose(-1)", "The one before", show=False, priority=True),  # before an enter that comes fast
        Binding("down", "choose(1)", "The next one", show=False, priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._offers: list[Offer] = []
        self._chosen = 0
        self._doing = False  # a second enter while the first is on its way does nothing
        self._enter: Callable[..., None] = self._make_operator

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Plain(joined(text(WORDMARK, Tone.BUSY), text("  a new installation", Tone.DIM)))
            yield Plain("first its operator, who runs it: a name and a password", classes="why")
            yield Hanging(classes="offers")
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
        if not self._doing:
            self._enter(*event.values)

    # First: somebody who runs it

    def _make_operator(self, name: str, password: str, again: str) -> None:
        if password != again:
            self._say(text("✗ the two passwords are not the same", Tone.BAD))
            return
        gateway = self._desk.gateway
        self._say(text("…", Tone.DIM))
        self._doing = True
        gateway.ask_anybody(self, lambda: gateway.install(name.strip(), password), about="install")

    @on(LoggedOn)
    async def _logged_on(self, event: LoggedOn) -> None:
        await self._next("organization", "", f"welcome, {event.name}. Now an organization: who works here together?")
        self._enter = self._make_org

    # Then: where people work together

    def _make_org(self, name: str) -> None:
        verb = named(("org", "create"))
        assert verb is not None
        self._do(Command(verb, {"name": (name.strip(),)}))

    def _do(self, command: Command) -> None:
        self._doing = True
        self._desk.gateway.ask_to_do(self, command)

    # At last: something to run on

    async def _look_at_machine(self) -> None:
        await self._next("cluster's name", "", "looking at this machine …")
        self._say_keys("enter makes it · ↑↓ another one · esc goes on without")
        self._enter = self._make_cluster
        self._desk.gateway.ask(self, questions.machine, about="machine")

    @on(MachineSeen)
    def _machine_seen(self, seen: MachineSeen) -> None:
        self._offers = offers(seen.nodes)
        self._chosen = self._to_be_had[0]
        found = joined("this machine has ", text(found_here(seen.nodes), Tone.GOOD))
        self.query_one(".why", Plain).say(stacked([found, text("what shall be the first cluster?")]))
        self._show_offers()

    def action_choose(self, by: int) -> None:
        """The next one that can be had."""
        if not self._offers:
            return
        places = self._to_be_had
        self._chosen = places[(places.index(self._chosen) + by) % len(places)]
        self._show_offers()

    @property
    def _to_be_had(self) -> list[int]:
        """The places of those that can be chosen; a simulator always can."""
        return [place for place, offer in enumerate(self._offers) if offer.texts is not None]

    def _show_offers(self) -> None:
        """The name goes with what is chosen, unless somebody has typed one."""
        shown = self.query_one(".offers", Hanging)
        shown.display = True
        shown.hang([_offer_line(offer, chosen=place == self._chosen) for place, offer in enumerate(self._offers)])
        field = self.query_one(Steps).query_one(Field)
        if field.value in {"", *(offer.name for offer in self._offers)}:
            field.fill(self._offers[self._chosen].name)
            field.action_end()

    def _make_cluster(self, name: str) -> None:
        verb = named(("cluster", "create"))
        offer = self._offers[self._chosen] if self._offers else None
        if offer is None or offer.texts is None or verb is None:
            return
        self._do(Command(verb, {"name": (name.strip(),), **offer.texts}))

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
        self.over()

    # What goes wrong

    @on(Refused)
    def _refused(self, event: Refused) -> None:
        event.stop()
        if event.about == "machine":
            self._machine_seen(MachineSeen(()))
        if event.error.code == _MADE_MEANWHILE:
            self._done()  # who they are is what the console asks then
        self._tell(event.error)

    @on(NotDone)
    def _not_done(self, event: NotDone) -> None:
        event.stop()
        self._tell(event.error)

    def _tell(self, error: BursarError) -> None:
        self._doing = False
        hint = text(f"\n{error.hint}", Tone.DIM, lines=True) if error.hint else ""
        self._say(joined(text(f"✗ {error.message}", Tone.BAD), hint))

    def _say(self, content: Content) -> None:
        self.query_one(".refusal", Plain).say(content)

    def _say_keys(self, words: str) -> None:
        self.query_one(".keys", Plain).say(text(words, Tone.DIM))

    async def _next(self, placeholder: str, value: str, why: str) -> None:
        """The next step: one field in place of those of the step before."""
        place = self.query_one(".steps", Container)
        await place.remove_children()
        await place.mount(Steps(Field(value, placeholder, max_length=64)))
        self.query_one(Steps).begin()
        self.query_one(".demo").display = False
        self.query_one(".why", Plain).say(why)
        self._say(text(""))
        self._doing = False


def _offer_line(offer: Offer, *, chosen: bool) -> Line:
    sign = text("❯ " if chosen else "  ", Tone.MARK)
    title = text(f"{offer.title:<13}", Tone.DIM if offer.texts is None else Tone.LOUD if chosen else Tone.PLAIN)
    return joined(sign, title), text(offer.about, Tone.DIM)
