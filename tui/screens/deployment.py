"""One deployment: what it is, what has happened to it, its runs, what it writes, and its money down to the entries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import TabbedContent, TabPane

from core.domain.errors import BursarError
from core.domain.lifecycle import State, Trigger, is_final
from core.domain.text import safe_text
from core.views.browsing import EventLine
from core.views.work import DeploymentCard
from tui import actions, questions
from tui.actions import Action, Command, undo_of_deployment
from tui.again import submission_like
from tui.amounts import age, sum_of
from tui.completion import Names
from tui.deployment_facts import fact_lines, money_lines, run_lines
from tui.feed import event_word
from tui.format import instant
from tui.messages import DeploymentSeen, LogSeen, Refused
from tui.screens.frame import Frame
from tui.theme import LOOKS, Tone
from tui.widgets.blockers import why_lines
from tui.widgets.hanging import Hanging, Line
from tui.widgets.lines_of_log import LinesOfLog
from tui.widgets.panel import Panel
from tui.widgets.plain import Plain, joined, look, text
from tui.widgets.prompt import Prompt

_TAIL = 1_000
_KEPT = 10_000
_LOG_EVERY_S = 0.5
_LATELY = 40
_TABS = ("facts", "timeline", "logs", "money")


class DeploymentScreen(Frame):
    PLACE = "deployments"
    AUTO_FOCUS = ""  # the tab that was asked for takes it
    HIDES_UNFIT = True
    THING = "this deployment as it is now"
    CSS_PATH = "deployment.tcss"
    ACTIONS = (
        actions.CANCEL,
        actions.STOP,
        actions.START,
        actions.EXTEND,
        actions.PRIORITY,
        actions.APPROVE,
        actions.REJECT,
        actions.COMPLETE,
        actions.DELETE,
        actions.SUSPEND,
        actions.GO_ON,
        actions.UNDELETE,
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "tab('logs')", "Logs"),
        Binding("slash", "filter", "Search the log", show=False, key_display="/", priority=True),
        Binding("d", "tab('facts')", "Facts", show=False),
        Binding("t", "tab('timeline')", "Timeline", show=False),
        Binding("b", "tab('money')", "Money", show=False),
        Binding("left_square_bracket", "turn(-1)", "Tab before", show=False, key_display="["),
        Binding("right_square_bracket", "turn(1)", "Next tab", show=False, key_display="]"),
        Binding("N", "again", "Again"),
        Binding("y", "copy", "Copy the command that asks for the same", show=False),
        Binding("f", "follow", "Follow the log", show=False),
    ]

    def __init__(self, reference: str, tab: str = "facts", org: str | None = None) -> None:
        super().__init__()
        self._reference, self._tab, self._org = reference, tab, org
        self._card: DeploymentCard | None = None
        self._cursor: str | None = None
        self._at_end = self._reading = False
        self._state_of_log = "…"
        self._timer: Timer | None = None

    def body(self) -> Iterator[Widget]:
        with Panel(self._reference, classes="card"), TabbedContent(initial=self._tab):
            for name in _TABS:
                with TabPane(name, id=name):
                    yield from self._pane(name)

    def _pane(self, name: str) -> ComposeResult:
        if name == "logs":
            yield LinesOfLog(_KEPT)
            yield Plain(classes="log-note")
        elif name == "facts":
            with Horizontal():
                with VerticalScroll(classes="facts"):
                    yield Hanging([text("…", Tone.DIM)], classes="facts-text")
                with VerticalScroll(classes="lately", can_focus=False):
                    yield Hanging(classes="lately-text")
        else:
            with VerticalScroll():
                yield Hanging([text("…", Tone.DIM)], classes=f"{name}-text")

    def on_mount(self) -> None:
        self._timer = self.set_interval(_LOG_EVERY_S, self._read_log)
        self.action_tab(self._tab)

    def look(self) -> None:
        self.ask(questions.within(self._org, questions.deployment(self._reference)), "card")
        self._read_log()

    def leave(self) -> None:
        self.app.pop_screen()

    # What comes in

    @on(DeploymentSeen)
    def _seen(self, seen: DeploymentSeen) -> None:
        now, card = self.console.now(), seen.card
        self._card, self._reference = card, card.id
        parts = [text(f"{card.name}  "), look(LOOKS[card.state]), text(f"  {card.id} · {card.owner}", Tone.DIM)]
        self.query_one(".card", Panel).entitle(joined(*parts, text(f" · {sum_of(card.cost)}", Tone.DIM)))
        facts: list[Line] = [*fact_lines(card, now)]
        if seen.why is not None and seen.why.blockers:
            facts += [text(""), text("why it waits", Tone.LOUD), *why_lines(seen.why, now)[1:]]
        self.query_one(".facts-text", Hanging).hang(facts)
        happened = [_happened(event) for event in seen.timeline]
        runs = run_lines(card, now)
        lately = [_lately(event, now) for event in reversed(seen.timeline[-_LATELY:])]
        self.query_one(".lately-text", Hanging).hang([text("lately", Tone.LOUD), *lately])
        self.query_one(".timeline-text", Hanging).hang([*happened, text(""), *runs])
        self.query_one(".money-text", Hanging).hang(money_lines(card, seen.postings))
        if self._cursor is not None:
            self._note_log()  # why it ended is known from here
        self.refresh_bindings()

    def _read_log(self) -> None:
        """Only while it is looked at and can grow."""
        over = self._at_end and self._card is not None and is_final(self._card.state)
        if over or self._reading or not self.is_current or self.query_one(TabbedContent).active != "logs":
            return
        self._reading = True  # one at a time, or what one piece brings would come twice
        self.ask(questions.within(self._org, questions.log(self._reference, self._cursor, _TAIL)), "log")

    @on(LogSeen)
    def _log_seen(self, seen: LogSeen) -> None:
        first, self._reading = self._cursor is None, False
        self._cursor = seen.log.cursor
        self._at_end = seen.log.ended
        field = self.query_one(LinesOfLog)
        if first:
            field.begin_anew()
        if seen.log.text:
            field.take(safe_text(seen.log.text, lines=True).expandtabs(8))
        self._state_of_log = "ended" if seen.log.ended else "follows" if field.auto_scroll else "held: f follows"
        self._note_log()

    def _note_log(self) -> None:
        field = self.query_one(LinesOfLog)
        found, of = field.found
        shown = text(f"/{field.word}  {found:,} of {of:,} lines", Tone.MARK) if field.word else None
        what = shown or text(f"the last {_TAIL:,} lines · / searches them", Tone.DIM)
        card = self._card
        failed = card is not None and card.state is State.FAILED and self._state_of_log == "ended"
        why = text(f": {card.reason}", Tone.BAD) if failed and card is not None and card.reason else ""
        self.query_one(".log-note", Plain).say(joined(what, text(f" · {self._state_of_log}", Tone.DIM), why))

    @on(Refused)
    def _log_refused(self, event: Refused) -> None:
        if event.about.endswith("log"):
            self._reading = False
            event.stop()
            event.prevent_default()
            self.query_one(".log-note", Plain).say(text(event.error.message, Tone.DIM))

    def show_refusal(self, error: BursarError) -> None:
        if self._card is None:
            self.query_one(".facts-text", Hanging).hang([text(f"✗ {error.message}", Tone.BAD)])
        super().show_refusal(error)

    # What is done

    @on(TabbedContent.TabActivated)
    def _turned(self) -> None:
        self._read_log()

    def action_tab(self, name: str) -> None:
        self.query_one(TabbedContent).active = name
        pane = self.query_one(f"#{name}", TabPane)
        next(iter(pane.query("VerticalScroll, Log"))).focus()

    def action_turn(self, by: int) -> None:
        here = _TABS.index(self.query_one(TabbedContent).active)
        self.action_tab(_TABS[(here + by) % len(_TABS)])

    def action_filter(self) -> None:
        field = self.query_one(LinesOfLog)
        self.query_one(TabbedContent).active = "logs"
        self.query_one(Prompt).open("/", field.word, back_to=field)

    def typed(self, line: str, *, entered: bool) -> None:
        del entered
        field = self.query_one(LinesOfLog)
        if line != field.word:
            field.narrow(line)
            self._note_log()

    def clear(self) -> bool:
        searched = bool(self.query_one(LinesOfLog).word)
        if searched:
            self.typed("", entered=True)
        return searched

    def action_follow(self) -> None:
        field = self.query_one(LinesOfLog)
        field.auto_scroll = not field.auto_scroll

    def action_again(self) -> None:
        self.console.submit_like(self._reference, self._org)

    def action_copy(self) -> None:
        """The submission that would ask for the same again."""
        if self._card is None:
            return
        line = submission_like(self._card, self._org).line
        self.app.copy_to_clipboard(line)
        self.console.echo(joined(text("copied ", Tone.DIM), text(line)))

    def subjects(self, action: Action) -> Sequence[tuple[str, str]]:
        card = self._card
        return [(card.id, card.name)] if card is not None and _fits(card, action) else []

    def undo(self, action: Action, subject: str) -> Command | None:
        return undo_of_deployment(action, subject, self._card.priority) if self._card is not None else None

    def owners(self) -> Sequence[str]:
        return [self._card.owner] if self._card else []

    def org_of(self, subject: str) -> str | None:
        del subject
        return self._org

    def names(self) -> Names:
        return {"deployment": {self._card.id: f"{self._card.name} of {self._card.owner}"}} if self._card else {}


def _fits(card: DeploymentCard, action: Action) -> bool:
    """Not every engine can suspend, and only a job has a limit: what the card says of that goes before its state."""
    can_suspend = any(step.action == Trigger.SUSPEND.value for step in card.next)
    if action.trigger is Trigger.SUSPEND and not can_suspend:
        return False
    return action.applies_to(card.state) and (action.name != "extend" or card.hours_ms is not None)


def _lately(event: EventLine, now: int) -> Content:
    return joined(text(f"{age(event.at, now):>4}  ", Tone.DIM), text(*event_word(event.kind)))


def _happened(event: EventLine) -> Content:
    words = text(*event_word(event.kind))
    return joined(text(instant(event.at), Tone.DIM), "  ", words, text(f"  {event.detail}", Tone.DIM))
