"""What all main screens have in common: the lines around them, the prompt, and the way from one to another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets import Input

from core.commands.pasted import taken_apart
from core.commands.table import VERBS
from core.domain.errors import BursarError
from core.domain.roles import not_logged_in
from tui.actions import held_on, may
from tui.amounts import span
from tui.completion import Completion, Names, completions
from tui.console import Console, Echo
from tui.gateway import Question
from tui.messages import Refused
from tui.screens.acting import Acting
from tui.screens.columns import ColumnsScreen
from tui.screens.help import HelpScreen, keys_of
from tui.theme import Tone
from tui.widgets.devices import DeviceMap
from tui.widgets.keys import Keys
from tui.widgets.masthead import Masthead
from tui.widgets.nav import PLACES, Nav, ways
from tui.widgets.pick import Pick
from tui.widgets.plain import Plain, text
from tui.widgets.prompt import Prompt
from tui.widgets.table import MOST_MARKED, LineTable

_OLD = 15_000_000  # what was seen so long ago is told as old
SMALLEST = (60, 16)
_TIP = text("ctrl+p finds screens, commands and deployments", Tone.DIM)
_GENERAL = frozenset({"prompt", "help", "back", "last", "reload", "undo", "columns"})


class Frame(Acting):
    """A screen says its place, its actions and its body."""

    AUTO_FOCUS = "LineTable"
    PLACE: ClassVar[str] = ""
    NOTES: ClassVar[tuple[str, ...]] = ()  # what no key says, for the help
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(place.key, f"go('{place.name}')", place.title, show=False) for place in PLACES),
        Binding("0", "go('account')", "Your account", show=False),
        Binding("colon", "prompt", "Command", key_display=":", priority=True),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("f1", "help", "Help"),
        Binding("escape", "back", "Back", show=False),
        Binding("q", "back", "Back", show=False),
        Binding("minus", "last", "Last screen", show=False),
        Binding("u", "undo", "Undo what was done last", show=False),
        Binding("w", "columns", "Columns", show=False),
        Binding("ctrl+r", "reload", "Look anew", show=False),
    ]
    DEFAULT_CSS = """
    Frame {
        & .echo { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & .body { height: 1fr; padding: 0 1; }
        &.-tall .body { padding: 0; }
        & .title { height: 1; text-style: bold; color: $secondary; text-wrap: nowrap; text-overflow: ellipsis; }
        & .too-small { display: none; height: 1fr; }
        &.-small .too-small { display: block; }
        &.-small .body { display: none; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._composed = False

    def compose(self) -> ComposeResult:
        self._fit_to(self.app.size)  # before it is drawn for the first time
        yield Masthead()
        yield Nav()
        yield Plain(f"this needs a terminal of {SMALLEST[0]} columns and {SMALLEST[1]} lines", classes="too-small")
        with Container(classes="body"):
            yield from self.body()
        yield Plain(_TIP, classes="echo")
        yield Prompt(self._complete)
        yield Keys()

    # For each screen to say

    def body(self) -> Iterator[Widget]:
        raise NotImplementedError

    def look(self) -> None:
        """Ask for what it shows; called whenever something may have changed."""

    def names(self) -> Names:
        """What a command could name, for completion."""
        return {}

    def typed(self, line: str, *, entered: bool) -> None:
        """A filter, as it is typed and when it is done."""

    def come_for(self, what: str, org: str | None = None) -> None:
        """Somebody is sent here by another screen: for what fits a filter, or with a deployment at hand."""

    def clear(self) -> bool:
        """Take back a mark or a filter; whether there was any."""
        return False

    # What all do

    def ask(self, question: Question, about: str) -> None:
        self.console.gateway.ask(self, question, about=f"{self.PLACE} {about}".strip())

    def on_mount(self) -> None:
        self._composed = True
        self.query_one(Nav).here = self.PLACE
        for table in self.query(LineTable):
            table.decide(self.console.preferences.columns(self._name_of(table)))
        self.watch(self.app, "who", self._who_changed, init=False)
        self.watch(self.app, "pulse", self._standing_changed, init=False)
        for name in ("tick", "leads_here", "trouble", "is_cut_off"):
            self.watch(self.app, name, self._standing_changed, init=False)
        self.watch(self.app, "approvals", self._approvals_changed)
        self._show_who()
        self._standing_changed()

    def on_screen_resume(self) -> None:
        """Also the first time, behind the mount: each coming here asks once, and old news is taken away."""
        if self._composed:
            self._say(self.console.news or _TIP)
        self.look_if_known()

    def look_if_known(self) -> None:
        if self._composed and self.console.who is not None and self.is_current:
            self.look()

    def on_resize(self, event: events.Resize) -> None:
        self._fit_to(event.size)

    def _fit_to(self, size: Size) -> None:
        self.set_class(size.width < SMALLEST[0] or size.height < SMALLEST[1], "-small")
        self.set_class(size.width < 100, "-narrow")
        self.set_class(size.height >= 30, "-tall")

    @on(Refused)
    def _refused(self, event: Refused) -> None:
        event.stop()
        self.show_refusal(event.error)

    def show_refusal(self, error: BursarError) -> None:
        if error.code != not_logged_in().code:
            self.console.refuse(error)

    @on(Echo)
    def _echo(self, event: Echo) -> None:
        self._say(event.content)

    @on(Nav.Picked)
    def _picked(self, event: Nav.Picked) -> None:
        self.console.go(event.place)

    @on(Masthead.Clicked)
    def _account_wanted(self) -> None:
        self.console.go("account")

    @on(Prompt.Entered)
    def _entered(self, event: Prompt.Entered) -> None:
        if event.sign == "/":
            self.typed(event.line, entered=True)
        elif event.line:
            self.console.run_line(event.line)

    @on(Prompt.Typed)
    def _typed(self, event: Prompt.Typed) -> None:
        if event.sign == "/":
            self.typed(event.line, entered=False)

    @on(DeviceMap.Picked)
    def _device_picked(self, event: DeviceMap.Picked) -> None:
        """To the one that holds it; where several do, or nobody, to what is on its node."""
        device = event.device
        if len(device.holders) == 1 and device.holders[0].id is not None:
            self.console.open_deployment(device.holders[0].id, org=device.holders[0].org)
        else:
            self.console.show_deployments(held_on(device.cluster, device.node))

    @on(LineTable.TooMany)
    def _too_many(self, event: LineTable.TooMany) -> None:
        words = f"{event.count:,} are too many to be marked at once (at most {MOST_MARKED}): narrow them with a filter"
        self._say(text(words, Tone.WAIT))

    @on(LineTable.Moved)
    @on(LineTable.Marked)
    def _moved(self) -> None:
        self.refresh_bindings()

    def action_go(self, place: str) -> None:
        self.console.go(place)

    def action_prompt(self) -> None:
        self.query_one(Prompt).open(":")

    def action_help(self) -> None:
        title = type(self).__name__.removesuffix("Screen").lower()
        keys = keys_of(self, _GENERAL)
        self.app.push_screen(HelpScreen(title, keys, self.NOTES, self.console.log_of_commands))

    def action_back(self) -> None:
        if not self.clear():
            self.leave()

    def leave(self) -> None:
        """Where one is when there is nothing left to take back."""
        self.console.back()

    def action_last(self) -> None:
        self.console.go("")

    def action_columns(self) -> None:
        """Of the table that one is in."""
        table = self.focused
        if isinstance(table, LineTable):
            name = self._name_of(table)
            self.app.push_screen(ColumnsScreen(table, lambda shown: self.console.preferences.set_columns(name, shown)))

    def _name_of(self, table: LineTable) -> str:
        return f"{self.PLACE} {table.id}" if table.id else self.PLACE

    def action_undo(self) -> None:
        self.console.undo()

    def action_reload(self) -> None:
        self.look_if_known()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("prompt", "filter"):
            return not isinstance(self.focused, (Input, Pick))  # there it is a sign like others
        if action == "columns":
            return isinstance(self.focused, LineTable)
        return super().check_action(action, parameters)

    def _complete(self, line: str) -> list[Completion]:
        """What stood before the verb, as in a line from a shell, is kept as it is."""
        offered = [v for v in VERBS if not v.terminal_only and may(self.console.who, v)]
        try:
            head, _, org = taken_apart(line)
        except BursarError:
            return []  # told once it is entered
        places = [*ways(), "account", "help", "quit"] if org is None else []
        found = completions(line[len(head) :], offered, places, self.console.names)
        return [one._replace(line=head + one.line) for one in found]

    def _who_changed(self) -> None:
        self._show_who()
        self.look_if_known()

    def _show_who(self) -> None:
        self.query_one(Masthead).who = self.console.who
        self.refresh_bindings()

    def _approvals_changed(self) -> None:
        self.query_one(Nav).waiting = self.console.approvals

    def _standing_changed(self) -> None:
        self.query_one(Masthead).standing = _standing(self.console)


def _standing(console: Console) -> tuple[str, str, Tone]:
    """Who leads, and how old is what one sees."""
    if console.pulse is None or console.seen_at is None:
        return "…", "opening the store", Tone.DIM
    age = console.now() - console.seen_at
    seen = f"seen {span(age)} ago"
    if console.is_cut_off or age > _OLD:
        return "✗", f"the store does not answer · {seen}", Tone.BAD
    if console.trouble:
        return "▲", f"{console.trouble} · {seen}", Tone.WAIT
    if console.leads_here:
        return "●", f"leads here · {seen}", Tone.GOOD
    if console.pulse.leader:
        return "●", f"{console.pulse.leader} leads · {seen}", Tone.GOOD
    return "✗", f"nobody leads · {seen}", Tone.WAIT
