"""What waits for a decision: who asks for what, or for more time, and why somebody must agree; decided on the spot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual import on
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widget import Widget

from core.domain.resources import format_duration, typed_duration
from core.domain.roles import Permission, allows
from core.views.work import AskLine, DeploymentLine
from tui import actions, questions
from tui.actions import Action, principal
from tui.amounts import age, size_of, until
from tui.completion import Names
from tui.deployment_facts import fact_lines
from tui.messages import ApprovalsSeen, DeploymentSeen
from tui.screens.frame import Frame
from tui.theme import Tone
from tui.widgets.columns import Cell, Column
from tui.widgets.hanging import Hanging
from tui.widgets.panel import Panel
from tui.widgets.plain import text
from tui.widgets.table import LineTable

_SUBMISSIONS = (
    Column("name", 12, grow=True),
    Column("owner", 10),
    Column("cluster", 10, drop=3),
    Column("size", 20, drop=2),
    Column("prio", 4, right=True, drop=1),
    Column("waits", 5, right=True),
)
_ASKS = (
    Column("name", 12, grow=True),
    Column("owner", 10),
    Column("wants", 9, right=True),
    Column("has", 8, right=True, drop=1),
    Column("ends", 8, right=True),
    Column("waits", 5, right=True, drop=2),
)


class ApprovalsScreen(Frame):
    PLACE = "approvals"
    CSS_PATH = "queue.tcss"
    ACTIONS = (actions.APPROVE, actions.APPROVE_WITH, actions.REJECT, actions.GIVE)
    NOTES = ("who asks for more time gets it by e; nobody refuses it: it runs out as it would have",)

    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[str, DeploymentLine] = {}
        self._asks: dict[str, AskLine] = {}

    def body(self) -> Iterator[Widget]:
        with Horizontal():
            with Vertical(classes="list"):
                with Panel("approvals", classes="submissions"):
                    yield LineTable(
                        _SUBMISSIONS, name="submissions", marks=True, nothing="nothing waits for a decision"
                    )
                with Panel("more time", classes="asks"):
                    yield LineTable(_ASKS, name="asks", nothing="nobody asks for more time")
            with Panel("what is asked for", classes="why"), VerticalScroll(can_focus=False):
                yield Hanging(classes="reasons")

    def look(self) -> None:
        who = self.console.who
        if who is not None and allows(principal(who), Permission.DEPLOYMENT_DECIDE):
            self.ask(questions.approvals, "lines")
        else:
            self._submissions.show_rows([], nothing="only admins of an organization decide here")
            self.query_one(".asks").display = False

    @property
    def _submissions(self) -> LineTable:
        return self.query_one("#submissions", LineTable)

    @property
    def _table(self) -> LineTable:
        """The one in hand: where nothing is in one of them, the other."""
        asks = self.query_one("#asks", LineTable)
        return asks if self._asks and (asks.has_focus or not self._lines) else self._submissions

    @on(ApprovalsSeen)
    def _approvals_seen(self, seen: ApprovalsSeen) -> None:
        now, asks = self.console.now(), self.query_one("#asks", LineTable)
        self._lines = {line.id: line for line in seen.lines}
        self._asks = {ask.id: ask for ask in seen.asks}
        self._submissions.show_rows([(line.id, _cells(line, now)) for line in seen.lines])
        asks.show_rows([(ask.id, _ask_cells(ask, now)) for ask in seen.asks])
        self.console.approvals = len(seen.lines) + len(seen.asks)
        self.query_one(".submissions", Panel).entitle(_counted("approvals", len(seen.lines)))
        self.query_one(".asks", Panel).entitle(_counted("more time", len(seen.asks)))
        self.query_one(".asks").display = bool(seen.asks)
        if self.focused in (None, asks, self._submissions):
            self._table.focus()
        self._ask_facts()

    @on(LineTable.Moved)
    def _ask_facts(self) -> None:
        key = self._table.key
        self.query_one(".why", Panel).entitle("who asks for more" if key in self._asks else "what is asked for")
        if key is None:
            self.query_one(".reasons", Hanging).hang([])
        else:
            self.ask(questions.deployment(key), "facts")
        self.refresh_bindings()

    def on_descendant_focus(self) -> None:
        self._ask_facts()

    @on(DeploymentSeen)
    def _deployment_seen(self, seen: DeploymentSeen) -> None:
        if seen.card.id != self._table.key:
            return  # the cursor has moved on: nobody shall decide on one and read of another
        ask = self._asks.get(seen.card.id)
        why = text((ask.why if ask is not None else seen.card.reason) or "", Tone.WAIT)
        lines = [text(seen.card.name, Tone.LOUD), why, text(""), *fact_lines(seen.card, self.console.now())[1:]]
        self.query_one(".reasons", Hanging).hang(lines)

    @on(LineTable.Chosen)
    def _opened(self, event: LineTable.Chosen) -> None:
        self.console.open_deployment(event.key)

    def clear(self) -> bool:
        return self._submissions.unmark()

    def subjects(self, action: Action) -> Sequence[tuple[str, str]]:
        table = self._table
        known = self._asks if action is actions.GIVE else self._lines
        if (table is self._submissions) is (action is actions.GIVE):
            return []
        return [(key, known[key].name) for key in table.picked if key in known]

    def fixed(self, action: Action) -> dict[str, Sequence[str]]:
        """What was asked for, on top of what the job had when it was asked: of two who give, one does."""
        ask = self._asks.get(self._table.key or "")
        if action is not actions.GIVE or ask is None:
            return super().fixed(action)
        return {"hours": (typed_duration(ask.more_ms),), "if_still": (typed_duration(ask.had_ms),)}

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Where nobody asks for more time, there is no key for it."""
        if action == "act" and parameters == (actions.GIVE.name,) and not self._asks:
            return False
        return super().check_action(action, parameters)

    def names(self) -> Names:
        found: list[DeploymentLine | AskLine] = [*self._lines.values(), *self._asks.values()]
        return {"deployment": {one.id: f"{one.name} of {one.owner}" for one in found}}


def _counted(what: str, count: int) -> str:
    return f"{what}  {count} waiting" if count else what


def _ask_cells(ask: AskLine, now: int) -> Sequence[Cell]:
    return (
        Cell(ask.name),
        Cell(ask.owner, Tone.DIM),
        Cell(f"+{format_duration(ask.more_ms)}", Tone.WAIT),
        Cell(format_duration(ask.had_ms), Tone.DIM),
        Cell(until(ask.ends_at, now)),
        Cell(age(ask.asked_at, now), Tone.DIM),
    )


def _cells(line: DeploymentLine, now: int) -> Sequence[Cell]:
    return (
        Cell(line.name),
        Cell(line.owner, Tone.DIM),
        Cell(line.cluster, Tone.DIM),
        Cell(size_of(line.cpu_milli, line.ram_mib, line.gpu_milli), Tone.DIM),
        Cell(str(line.priority)),
        Cell(age(line.created_at, now), Tone.WAIT),
    )
