"""The console put together: its screens, the regular look at what is new, and what is typed behind the colon."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from importlib import import_module
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.screen import Screen

from core.commands.pasted import taken_apart
from core.commands.verbs import Bursar, OnSession
from core.commands.words import parse_words
from core.domain.errors import BursarError
from core.domain.lifecycle import State
from core.domain.roles import Caller, not_logged_in
from core.views.people import Done
from tui.actions import Command, named
from tui.completion import Names
from tui.console import Console
from tui.embedded import Embedded
from tui.gateway import Gateway
from tui.messages import Beaten, Did, NotDone, Questioned, Refused
from tui.palette import PaletteOfCommands, PaletteOfDeployments
from tui.preferences import Preferences
from tui.screens.answer import AnswerScreen
from tui.screens.first_run import FirstRunScreen
from tui.screens.frame import Frame
from tui.screens.login import LoginScreen
from tui.screens.outcomes import OutcomesScreen
from tui.screens.sure import SureScreen
from tui.theme import DARK, LIGHT, LOOKS, THEMES, Tone
from tui.together import Together
from tui.widgets.nav import ways
from tui.widgets.plain import text
from tui.widgets.prompt import Prompt

# A screen is imported when somebody goes there: together they would cost half of the start.
_FRAMES: dict[str, str] = {
    "overview": "OverviewScreen",
    "queue": "QueueScreen",
    "deployments": "DeploymentsScreen",
    "submit": "SubmitScreen",
    "clusters": "ClustersScreen",
    "approvals": "ApprovalsScreen",
    "people": "PeopleScreen",
    "money": "MoneyScreen",
    "reports": "ReportsScreen",
    "account": "AccountScreen",
    "audit": "AuditScreen",
    "health": "HealthScreen",
}
_ANEW_EVERY = 5  # beats: what accrues, and what others do on shared clusters, makes no event of one's own
_SERVE_AT = 2  # beats: the background side must not keep the first screen waiting
_HOME = "overview"
_UNDOES = " (u undoes)"
_OVER = "your session is over; what you were doing is still here"


class BursarConsole(Console):
    TITLE = "Bursar"
    CSS_PATH = "app.tcss"
    COMMANDS: ClassVar = {PaletteOfCommands, PaletteOfDeployments}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", show=False),
        Binding("ctrl+p", "command_palette", "Find anything", show=False, priority=True),
    ]

    def __init__(
        self,
        gateway: Gateway,
        now: Callable[[], int],
        embedded: Embedded | None = None,
        *,
        preferences: Preferences | None = None,
        beat_s: float = 1.0,
    ) -> None:
        super().__init__()
        self.gateway, self.now = gateway, now
        self.preferences = preferences or Preferences()
        self._embedded, self._beat_s = embedded, beat_s
        self._frames: dict[str, Frame] = {}
        self._forgotten: list[Frame] = []  # of somebody else, until another one is shown in place of the last
        self._trail, self._before = [_HOME], _HOME
        self._whose: tuple[str | None, str | None] = (None, None)
        self._left: int | None = None  # the sitting that was left, whose beats are no longer of interest
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = LIGHT.name if self.preferences.theme == LIGHT.name else DARK.name

    # Beginning and end

    def on_mount(self) -> None:
        self.push_screen(self._frame(_HOME))
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, self.exit, None, 128 + number)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """After the first frame: only now the store is imported and opened."""
        self.beat()
        if self._beat_s:
            self.set_interval(self._beat_s, self.beat)

    def end(self) -> bool:
        """After the screen has been given back: let the next one lead, close the store. Whether this one has led."""
        led = self._embedded is not None and self._embedded.stop()
        self.gateway.close()
        return led

    # What is new

    def beat(self) -> None:
        self.tick += 1
        self.gateway.ask_anybody(self, self.gateway.beat, about="beat")

    @on(Beaten)
    def _beaten(self, beaten: Beaten) -> None:
        if not self.screen_stack:
            return  # it came when the console was already left
        self._embed()
        if beaten.sitting != self.gateway.sitting or beaten.sitting == self._left:
            return  # asked by who has left since
        if beaten.pulse is None or beaten.who is None:
            self._ask_who(new=beaten.new)
            return
        before = self.pulse
        self._reached()
        self.seen_at = self.now()
        self.pulse = beaten.pulse
        is_known = self._know(beaten)
        moved = before is None or (before.changed_at, before.leader) != (beaten.pulse.changed_at, beaten.pulse.leader)
        if is_known and (moved or self.tick % _ANEW_EVERY == 0):
            self._look()

    def _know(self, beaten: Beaten) -> bool:
        """Another person or organization begins with screens that know nothing of the one before.

        Whether it was the same already; where not, the screens look anew by themselves.
        """
        assert beaten.who is not None
        whose = (beaten.who.name, beaten.who.org)
        if self._whose[0] not in (None, whose[0]):
            self._leave()
        elif whose != self._whose and self._whose != (None, None):
            self._forget_frames()
        self._whose = whose
        is_known = self.who == beaten.who
        if not is_known:
            self.who = beaten.who
        self._enter()
        return is_known

    def _leave(self) -> None:
        """Nothing of who was here is left for who comes next: not on the screen, not behind it, not on its way."""
        self._whose, self.who, self._trail, self._before = (None, None), None, [_HOME], _HOME
        self._forget_frames()
        self.forget_who_left()

    def _forget_frames(self) -> None:
        self._forgotten += self._frames.values()
        self._frames.clear()
        self.approvals = 0

    def sits_down(self, name: str) -> None:
        """Another one than before never sees what lies below the screen that asked who they are."""
        if self._whose[0] not in (None, name):
            self._leave()
            self.go(_HOME)
            self.beat()

    def _enter(self) -> None:
        """To a screen of the one who is here now, unless they are still being asked who they are."""
        if not self._frames and not self._is_asking:
            self.go(self._trail[-1])

    @property
    def _is_asking(self) -> bool:
        return any(isinstance(screen, (LoginScreen, FirstRunScreen)) for screen in self.screen_stack)

    def _embed(self) -> None:
        embedded = self._embedded
        if embedded is None:
            return
        if not embedded.started and self.tick >= _SERVE_AT:
            embedded.start()
        self.leads_here, self.trouble = embedded.leads, embedded.trouble

    def _ask_who(self, *, new: bool) -> None:
        if self._is_asking:
            return
        asks = LoginScreen() if self.who is None else LoginScreen(_OVER, self.who.name)
        self.push_screen(FirstRunScreen() if new else asks, self._asked_who)

    def _asked_who(self, _nothing: None) -> None:
        self.call_after_refresh(self._enter)
        self.beat()

    def _look(self) -> None:
        screen = self.screen_stack[-1] if self.screen_stack else None
        if isinstance(screen, Frame):
            screen.look_if_known()

    @on(Refused)
    def _refused(self, event: Refused) -> None:
        """A store that cannot be asked is told of once, and again when it answers; the first line says it meanwhile."""
        if event.about != "beat" or not self.is_cut_off:
            self.refuse(event.error)
        self.is_cut_off = self.is_cut_off or event.about == "beat"

    def _reached(self) -> None:
        if self.is_cut_off:
            self.is_cut_off = False
            self.echo(text("the store answers again", Tone.GOOD))

    # Done and not done

    @on(Did)
    def _did(self, event: Did) -> None:
        undo = _UNDOES if event.command.undo is not None else ""
        self.told(event.command, _outcome(event.answer) + undo, Tone.GOOD)
        self._all_told(self.settled(event.command))
        self.beat()
        self._look()
        wanted = event.command.shows or event.command.given is not None
        if self.screen_stack and wanted and not isinstance(event.answer, Done):
            self.push_screen(AnswerScreen(event.command, event.answer))

    @on(NotDone)
    def _not_done(self, event: NotDone) -> None:
        self.told(event.command, f"✗ {event.error.message}", Tone.BAD)
        self._all_told(self.settled(event.command, event.error))
        if event.command.verb.session is OnSession.ENDED:
            self._left = None  # they are still here, if their session is
            self.beat()
        elif event.error.code == not_logged_in().code:
            self.beat()

    def _all_told(self, together: Together | None) -> None:
        """Of several at once what matters is the whole; where not all were done, each with its reason."""
        if together is None:
            return
        failed = len(together.outcomes) - len(together.done)
        undo = _UNDOES if any(command.undo for command in together.done) else ""
        self.echo(text(f"{'▲' if failed else '✓'} {together.summary}{undo}", Tone.WAIT if failed else Tone.GOOD))
        if failed and self.screen_stack:
            self.push_screen(OutcomesScreen(together))

    # From screen to screen

    def go(self, place: str) -> None:
        """What one comes to is remembered behind what one comes from; what was on the way to it already leads back."""
        here, wanted = self._trail[-1], place or self._before
        while len(self.screen_stack) > 2:
            self.pop_screen()
        if wanted != here:
            self._before = here
        self._trail = (
            [*self._trail[: self._trail.index(wanted)], wanted] if wanted in self._trail else [*self._trail, wanted]
        )
        left = self.screen
        self.switch_screen(self._frame(wanted))
        while self._forgotten:
            self.uninstall_screen(frame := self._forgotten.pop())
            if frame is not left:  # which goes by itself
                frame.remove()

    def back(self) -> None:
        if len(self._trail) > 1:
            self.go(self._trail[-2])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Who has not said yet who they are finds nothing."""
        return super().check_action(action, parameters) if action != "command_palette" else not self._is_asking

    def open_deployment(self, reference: str, tab: str = "facts", org: str | None = None) -> None:
        self.push_screen(_screen("deployment", "DeploymentScreen")(reference, tab, org))

    @property
    def names(self) -> Names:
        found: dict[str, dict[str, str]] = {}
        here = self.screen_stack[-1]
        frames = [*([here] if isinstance(here, Frame) else []), *self._frames.values()]
        for frame in frames:
            for kind, words in frame.names().items() if frame.is_mounted else ():
                for word, meaning in words.items():
                    found.setdefault(kind, {}).setdefault(word, meaning)
        return found

    def submit_like(self, reference: str, org: str | None = None) -> None:
        self._frame("submit").come_for(reference, org)
        self._send_to("submit")

    def show_deployments(self, filter_: str) -> None:
        self._frame("deployments").come_for(filter_)
        self._send_to("deployments")

    def _send_to(self, place: str) -> None:
        """Whoever is sent there goes back to where they were sent from, wherever they have been before."""
        self._trail = [*(one for one in self._trail[:-1] if one != place), self._trail[-1]]
        self.go(place)

    def _frame(self, place: str) -> Frame:
        """Kept between visits, so that a cursor and a filter are still there."""
        if place not in self._frames:
            frame: Frame = _screen(place, _FRAMES[place])()
            self._frames[place] = frame
            self.install_screen(frame, name=f"{place} {id(frame)}")
        return self._frames[place]

    # Behind the colon

    def run_line(self, line: str) -> None:
        """Also as it stands in a shell; in another organization it can only be a verb."""
        try:
            _, rest, org = taken_apart(line)
        except BursarError as error:
            self._not_read(line, error)
            return
        word = rest.strip().lower()
        word = ways().get(word, word)
        if org is None and word in _FRAMES:
            self.go(word)
        elif org is None and word in self._own:
            self._own[word]()
        else:
            self._run_verb(line, rest, org)

    @property
    def _own(self) -> dict[str, Callable[[], object]]:
        return {
            "quit": self.exit,
            "q": self.exit,
            "help": lambda: self.screen.run_action("help"),
            "theme": self._other_theme,
            "logout": self._log_out,
        }

    def _run_verb(self, line: str, rest: str, org: str | None) -> None:
        try:
            verb, values = parse_words(rest)
        except BursarError as error:
            self._not_read(line, error)
            return
        command, ask = Command(verb, given=values, org=org), verb.question
        if ask is None:
            self.do([command])
            return

        def question(bursar: Bursar, caller: Caller) -> Questioned:
            return Questioned(command, ask(bursar, command.asked_by(caller), values))

        self.gateway.ask(self, question, about="question")

    @on(Questioned)
    def _questioned(self, event: Questioned) -> None:
        question = event.question
        self.push_screen(
            SureScreen(f"{event.command.verb.name}?", question.text, [event.command], question.word), self.sure
        )

    def _not_read(self, line: str, error: BursarError) -> None:
        """A line that was wrong is given back to be put right."""
        self.refuse(error)
        screen: Screen[object] = self.screen
        if isinstance(screen, Frame):
            screen.query_one(Prompt).open(":", line)

    def _other_theme(self) -> None:
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name
        self.preferences.set_theme(self.theme)

    def _log_out(self) -> None:
        verb = named(("logout",))
        assert verb is not None
        self._left = self.gateway.sitting
        self._leave()
        self.go(_HOME)
        self.do([Command(verb)])


def _screen(module: str, name: str) -> Callable[..., Frame]:
    found: Callable[..., Frame] = getattr(import_module(f"tui.screens.{module}"), name)
    return found


def _outcome(answer: object) -> str:
    """How it turned out, in a word or two."""
    state = getattr(answer, "state", None)
    if isinstance(state, State):
        return f"✓ {LOOKS[state].word}"
    if isinstance(answer, Done):
        return f"✓ {answer.message}"
    return "✓ done"
