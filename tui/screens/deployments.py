"""All deployments, however many: filtered and put in order by the store, marked and acted on together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget

from core.domain.browsing import Order
from core.domain.errors import BursarError, Invalid
from core.domain.lifecycle import has_open_run
from core.domain.roles import Permission, allows
from core.views.work import DeploymentLine
from tui import actions, questions
from tui.actions import Action, Command, principal, undo_of_deployment
from tui.amounts import age, size_of
from tui.completion import Names
from tui.messages import LinesSeen, OrderSeen
from tui.screens.frame import Frame
from tui.theme import LOOKS, Tone
from tui.widgets.columns import Cell, Column
from tui.widgets.panel import Panel
from tui.widgets.plain import joined, text
from tui.widgets.prompt import Prompt
from tui.widgets.table import LineTable

_ORG = (Column("org", 12, drop=2), None)
_COLUMNS = (
    (Column("id", 10, drop=5), None),
    (Column("name", 14, grow=True), Order.NAME),
    (Column("owner", 10, drop=2), Order.OWNER),
    (Column("state", 12), Order.STATE),
    (Column("cluster", 12, drop=3), Order.CLUSTER),
    (Column("size", 17, drop=4), None),
    (Column("gpu", 4, right=True), Order.GPU),
    (Column("prio", 4, right=True, drop=1), Order.PRIORITY),
    (Column("age", 5, right=True), Order.AGE),
    (Column("kind", 8, drop=6, extra=True), None),
    (Column("runs", 5, right=True, drop=7, extra=True), None),
    (Column("reason", 24, drop=8, extra=True), None),
)
_ORDERS = tuple(Order)
_NAMED = 200  # of those that are shown, for completion
_FORGET = 20_000  # lines kept at most before the cache begins anew


class DeploymentsScreen(Frame):
    PLACE = "deployments"
    NOTES = (
        "a filter takes words and fields: owner=mia state=failed resnet; without: !notebook; exactly: node==gpu-1",
        "what is deleted is left out, unless it is asked for: state=deleted",
    )
    ACTIONS = (
        actions.CANCEL,
        actions.STOP,
        actions.START,
        actions.EXTEND,
        actions.PRIORITY,
        actions.DELETE,
        actions.SUSPEND,
        actions.GO_ON,
        actions.UNDELETE,
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/", priority=True),
        Binding("l", "open('logs')", "Logs"),
        Binding("o", "sort(1)", "Order", show=False),
        Binding("O", "backwards", "Turn order round", show=False),
        Binding("M", "mine", "Mine", show=False),
        Binding("A", "everywhere", "Of all organizations, or one", show=False),
        Binding("d,enter", "open('facts')", "Open", show=False),
        Binding("n", "new", "New", show=False),
        Binding("N", "again", "Again, with changes", show=False),
        Binding("y", "copy", "Copy id", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._filter = ""
        self._order, self._backwards, self._mine = Order.AGE, False, False
        self._everywhere = False
        self._came_for: str | None = None  # the filter that one was sent here with
        self._shown = ("", False, False)
        self._ids: tuple[str, ...] = ()
        self._known: dict[str, DeploymentLine] = {}
        self._asked_for: tuple[str, ...] = ()
        self._wrong: BursarError | None = None

    def body(self) -> Iterator[Widget]:
        by, self._backwards = self.console.preferences.order(self.PLACE) or (self._order, self._backwards)
        self._order = Order(by) if by in tuple(Order) else self._order
        with Panel("deployments", classes="list"):
            yield LineTable(self._heads(), marks=True, nothing="no deployments yet: 4 submits one")

    def look(self) -> None:
        question = questions.order(
            self._filter, self._order, backwards=self._backwards, mine=self._mine, everywhere=self._everywhere
        )
        self.ask(question, "order")

    # What comes in

    @on(OrderSeen)
    def _order_seen(self, seen: OrderSeen) -> None:
        """Other ids, and the lines in view anew: what was known of them is shown until then."""
        self._ids, self._wrong = seen.ids, None
        if len(self._known) > _FORGET:
            self._known.clear()
        table = self.query_one(LineTable)
        table.show(self._ids, self._cells, nothing=self._nothing)
        if seen.asked != self._shown:  # who asks for other rows knows that the cursor is on another one
            self._shown, table.slipped_off = seen.asked, None
        self._title()
        top = table.scroll_offset.y
        self._ask_lines(top, top + table.size.height)

    @property
    def _nothing(self) -> str:
        if self._filter:
            return f"nothing fits the filter: esc {'clears it' if self._came_for is None else 'goes back'}"
        return "none of yours: esc shows all" if self._mine else "no deployments yet: 4 submits one"

    @on(LineTable.Wanted)
    def _wanted(self, event: LineTable.Wanted) -> None:
        self._ask_lines(event.first, event.end)

    def _ask_lines(self, first: int, end: int) -> None:
        """With some before and behind, for whoever moves on; what is on its way is not asked for twice."""
        wanted = self._ids[max(0, first - questions.PAGE // 2) : end + questions.PAGE // 2]
        if wanted and wanted != self._asked_for:
            self._asked_for = wanted
            self.ask(questions.lines(wanted, everywhere=self._everywhere), "lines")

    @on(LinesSeen)
    def _lines_seen(self, seen: LinesSeen) -> None:
        self._asked_for = ()
        self._known.update((line.id, line) for line in seen.lines)
        self.query_one(LineTable).show(self._ids, self._cells)
        self.refresh_bindings()

    def show_refusal(self, error: BursarError) -> None:
        self._asked_for = ()
        if isinstance(error, Invalid) and self._filter:
            self._wrong = error
            self._title()
        else:
            super().show_refusal(error)

    def _cells(self, index: int) -> Sequence[Cell] | None:
        line = self._known.get(self._ids[index])
        return None if line is None else _cells(line, self.console.now(), with_org=self._everywhere)

    def _title(self) -> None:
        parts = [text(f"deployments  {len(self._ids):,}")]
        if self._filter:
            parts.append(text(f"  /{self._filter}", Tone.MARK))
        if self._wrong:
            parts.append(text(f"  {self._wrong.message}; {self._wrong.hint or ''}", Tone.BAD))
        if self._everywhere:
            parts.append(text("  of all organizations", Tone.MARK))
        if self._mine:
            parts.append(text("  mine", Tone.MARK))
        marked = len(self.query_one(LineTable).marked)
        if marked:
            parts.append(text(f"  ◆ {marked} marked", Tone.MARK))
        self.query_one(".list", Panel).entitle(joined(*parts))

    def _heads(self) -> list[Column]:
        arrow = "↑" if self._backwards else "↓"
        columns = (*_COLUMNS[:1], _ORG, *_COLUMNS[1:]) if self._everywhere else _COLUMNS
        return [c._replace(head=f"{c.head}{arrow}") if order is self._order else c for c, order in columns]

    # What is done

    def typed(self, line: str, *, entered: bool) -> None:
        del entered
        if line != self._filter:
            self._filter, self._came_for = line, None
            self.look()

    def come_for(self, what: str, org: str | None = None) -> None:
        del org
        self._filter = self._came_for = what
        self._mine = False
        self._everywhere = self._may_see_all
        self._retitle()

    def clear(self) -> bool:
        """Who was sent here by another screen goes back to it at once."""
        if self.query_one(LineTable).unmark():
            return True
        goes_back, self._came_for = self._came_for is not None, None
        if self._filter or self._mine or self._everywhere:
            self._filter, self._mine, self._everywhere = "", False, False
            self._retitle()
            self.look()
            return not goes_back
        return False

    def _retitle(self) -> None:
        if self._composed:
            self.query_one(LineTable).retitle(self._heads())

    @property
    def _may_see_all(self) -> bool:
        who = self.console.who
        return who is not None and allows(principal(who), Permission.DEPLOYMENT_READ_ALL)

    def action_everywhere(self) -> None:
        self._everywhere = not self._everywhere
        self._retitle()
        self.look()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self._may_see_all if action == "everywhere" else super().check_action(action, parameters)

    def action_filter(self) -> None:
        self.query_one(Prompt).open("/", self._filter)

    def action_sort(self, by: int) -> None:
        self._order = _ORDERS[(_ORDERS.index(self._order) + by) % len(_ORDERS)]
        self._reorder()

    def action_backwards(self) -> None:
        self._backwards = not self._backwards
        self._reorder()

    @on(LineTable.HeadPicked)
    def _head_picked(self, event: LineTable.HeadPicked) -> None:
        """The same once more turns it round."""
        order = next((order for column, order in _COLUMNS if column.word == event.word), None)
        if order is not None:
            self._backwards = order is self._order and not self._backwards
            self._order = order
            self._reorder()

    def _reorder(self) -> None:
        self.console.preferences.set_order(self.PLACE, self._order, backwards=self._backwards)
        self.query_one(LineTable).retitle(self._heads())
        self.look()

    def action_mine(self) -> None:
        self._mine = not self._mine
        self.look()

    @on(LineTable.Chosen)
    def _opened(self, event: LineTable.Chosen) -> None:
        self.console.open_deployment(event.key, org=self.org_of(event.key))

    def action_open(self, tab: str) -> None:
        key = self.query_one(LineTable).key
        if key is not None:
            self.console.open_deployment(key, tab, self.org_of(key))

    def action_new(self) -> None:
        self.console.go("submit")

    def action_again(self) -> None:
        key = self.query_one(LineTable).key
        if key is not None:
            self.console.submit_like(key, self.org_of(key))

    def action_copy(self) -> None:
        key = self.query_one(LineTable).key
        if key is not None:
            self.app.copy_to_clipboard(key)
            self.console.echo(text(f"copied {key}", Tone.DIM))

    @on(LineTable.Marked)
    def _marked(self) -> None:
        self._title()

    def subjects(self, action: Action) -> Sequence[tuple[str, str]]:
        """Those of the marked ones that it fits; what was never in view is left for the service to judge."""
        found = []
        for key in self.query_one(LineTable).picked:
            line = self._known.get(key)
            if line is None or action.applies_to(line.state):
                found.append((key, line.name if line else key))
        return found

    def undo(self, action: Action, subject: str) -> Command | None:
        line = self._known.get(subject)
        return undo_of_deployment(action, subject, line.priority) if line is not None else None

    def owners(self) -> Sequence[str]:
        return [self._known[key].owner for key in self.query_one(LineTable).picked if key in self._known]

    def org_of(self, subject: str) -> str | None:
        """Only of a list of all organizations it is said where each belongs."""
        line, who = self._known.get(subject), self.console.who
        here = who.org if who is not None else None
        return line.org if line is not None and line.org != here else None

    def names(self) -> Names:
        """What is in hand first."""
        table, known = self.query_one(LineTable), self._known
        ids = [key for key in (table.key, *table.marked, *self._ids[:_NAMED]) if key in known]
        lines = [known[key] for key in ids if key is not None]
        return {
            "deployment": {line.id: f"{line.name} of {line.owner}" for line in lines},
            "cluster": dict.fromkeys((line.cluster for line in lines), ""),
        }


def _cells(line: DeploymentLine, now: int, *, with_org: bool) -> Sequence[Cell]:
    look = LOOKS[line.state]
    faded = Tone.DIM if look.tone is Tone.DIM else Tone.PLAIN
    return (
        Cell(line.id, Tone.DIM),
        *((Cell(line.org or "", Tone.DIM),) if with_org else ()),
        Cell(line.name, faded),
        Cell(line.owner, Tone.DIM),
        Cell(look.text, look.tone),
        Cell(line.cluster, Tone.DIM),
        Cell(size_of(line.cpu_milli, line.ram_mib, 0), Tone.DIM),
        Cell(f"{line.gpu_milli / 1000:g}" if line.gpu_milli else "", faded),
        Cell(str(line.priority), Tone.DIM),
        Cell(age(line.created_at, now), Tone.DIM),
        Cell(line.kind.value, Tone.DIM),
        Cell(age(line.started_at, now) if has_open_run(line.state) else "", Tone.DIM),
        Cell(line.reason or "", Tone.DIM),
    )
