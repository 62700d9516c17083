"""What waits for a decision: who asks for what and why somebody must agree; approved or rejected where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual import on
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget

from core.domain.roles import Permission, allows
from core.views.work import DeploymentLine
from tui import actions, questions
from tui.actions import Action, principal
from tui.amounts import age, size_of
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


class ApprovalsScreen(Frame):
    PLACE = "approvals"
    CSS_PATH = "queue.tcss"
    ACTIONS = (actions.APPROVE, actions.APPROVE_WITH, actions.REJECT)

    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[str, DeploymentLine] = {}

    def body(self) -> Iterator[Widget]:
        with Horizontal():
            with Panel("approvals", classes="list"):
                yield LineTable(
                    [
                        Column("name", 12, grow=True),
                        Column("owner", 10),
                        Column("cluster", 10, drop=3),
                        Column("size", 20, drop=2),
                        Column("prio", 4, right=True, drop=1),
                        Column("waits", 5, right=True),
                    ],
                    marks=True,
                    nothing="nothing waits for a decision",
                )
            with Panel("what is asked for", classes="why"), VerticalScroll(can_focus=False):
                yield Hanging(classes="reasons")

    def look(self) -> None:
        who = self.console.who
        if who is not None and allows(principal(who), Permission.DEPLOYMENT_DECIDE):
            self.ask(questions.approvals, "lines")
        else:
            self.query_one(LineTable).show_rows([], nothing="only admins of an organization decide here")

    @on(ApprovalsSeen)
    def _approvals_seen(self, seen: ApprovalsSeen) -> None:
        now = self.console.now()
        self._lines = {line.id: line for line in seen.lines}
        self.query_one(LineTable).show_rows([(line.id, _cells(line, now)) for line in seen.lines])
        self.console.approvals = len(seen.lines)
        self.query_one(".list", Panel).entitle(f"approvals  {len(seen.lines)} waiting" if seen.lines else "approvals")
        self._ask_facts()

    @on(LineTable.Moved)
    def _ask_facts(self) -> None:
        key = self.query_one(LineTable).key
        if key is None:
            self.query_one(".reasons", Hanging).hang([])
        else:
            self.ask(questions.deployment(key), "facts")

    @on(DeploymentSeen)
    def _deployment_seen(self, seen: DeploymentSeen) -> None:
        if seen.card.id != self.query_one(LineTable).key:
            return  # the cursor has moved on: nobody shall decide on one and read of another
        why = text(seen.card.reason or "", Tone.WAIT)
        lines = [text(seen.card.name, Tone.LOUD), why, text(""), *fact_lines(seen.card, self.console.now())[1:]]
        self.query_one(".reasons", Hanging).hang(lines)

    @on(LineTable.Chosen)
    def _opened(self, event: LineTable.Chosen) -> None:
        self.console.open_deployment(event.key)

    def clear(self) -> bool:
        return self.query_one(LineTable).unmark()

    def subjects(self, action: Action) -> Sequence[tuple[str, str]]:
        del action
        return [(key, self._lines[key].name) for key in self.query_one(LineTable).picked if key in self._lines]

    def names(self) -> Names:
        return {"deployment": {line.id: f"{line.name} of {line.owner}" for line in self._lines.values()}}


def _cells(line: DeploymentLine, now: int) -> Sequence[Cell]:
    return (
        Cell(line.name),
        Cell(line.owner, Tone.DIM),
        Cell(line.cluster, Tone.DIM),
        Cell(size_of(line.cpu_milli, line.ram_mib, line.gpu_milli), Tone.DIM),
        Cell(str(line.priority)),
        Cell(age(line.created_at, now), Tone.WAIT),
    )
