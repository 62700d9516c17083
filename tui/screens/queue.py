"""Who waits, in order; for the one under the cursor every reason why, and what would change it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual import on
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget

from core.domain.lifecycle import State
from core.views.foresight import QueueLine
from tui import actions, questions
from tui.actions import Action, Command, undo_of_deployment
from tui.amounts import age, span, until
from tui.completion import Names
from tui.messages import QueueSeen, WhySeen
from tui.screens.frame import Frame
from tui.theme import Tone
from tui.widgets.blockers import why_lines
from tui.widgets.capacity import name_of, names_of_queue
from tui.widgets.columns import Cell, Column
from tui.widgets.hanging import Hanging, Line
from tui.widgets.panel import Panel
from tui.widgets.plain import text
from tui.widgets.table import LineTable


class QueueScreen(Frame):
    PLACE = "queue"
    CSS_PATH = "queue.tcss"
    ACTIONS = (actions.PRIORITY, actions.CANCEL, actions.STOP, actions.EXTEND)

    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[str, tuple[str, QueueLine]] = {}

    def body(self) -> Iterator[Widget]:
        with Horizontal():
            with Panel("queue", classes="list"):
                yield LineTable(
                    [
                        Column("#", 3, right=True),
                        Column("cluster", 9, drop=4),
                        Column("name", 12, grow=True),
                        Column("owner", 9, drop=2),
                        Column("prio", 4, right=True, drop=3),
                        Column("gpu", 4, right=True),
                        Column("waits", 5, right=True, drop=1),
                        Column("start", 8, right=True),
                    ],
                    nothing="nothing waits: what is submitted starts at once",
                )
            with Panel("why it waits", classes="why"), VerticalScroll(can_focus=False):
                yield Hanging(classes="reasons")

    def look(self) -> None:
        self.ask(questions.queue, "lines")

    @on(QueueSeen)
    def _queue_seen(self, seen: QueueSeen) -> None:
        now = self.console.now()
        self._lines = {line.id or f"{cluster} {line.position}": (cluster, line) for cluster, line in seen.lines}
        rows = [(key, _cells(cluster, line, now)) for key, (cluster, line) in self._lines.items()]
        self.query_one(LineTable).show_rows(rows)
        self.query_one(".list", Panel).entitle(f"queue  {len(rows)} waiting" if rows else "queue")
        self._ask_why()

    @on(LineTable.Moved)
    def _ask_why(self) -> None:
        line = self._chosen
        if line is None or line.id is None:
            self.query_one(".reasons", Hanging).hang(_of_others(line))
        else:
            self.ask(questions.within(line.org, questions.why(line.id)), "why")

    @on(WhySeen)
    def _why_seen(self, seen: WhySeen) -> None:
        now, chosen = self.console.now(), self._chosen
        if chosen is None or chosen.id != seen.card.id:
            return  # the cursor has moved on
        lines = why_lines(seen.card, now) + [text(words) for words in _start_of(chosen, now)]
        self.query_one(".reasons", Hanging).hang(lines)

    @on(LineTable.Chosen)
    def _opened(self, event: LineTable.Chosen) -> None:
        line = self._lines[event.key][1]
        if line.id is not None:
            self.console.open_deployment(line.id, org=line.org)

    def subjects(self, action: Action) -> Sequence[tuple[str, str]]:
        line = self._chosen
        if line is None or line.id is None or not action.applies_to(State.QUEUED):
            return []
        return [(line.id, line.name or line.id)]

    def undo(self, action: Action, subject: str) -> Command | None:
        line = self._chosen
        if line is None or line.priority is None:
            return None
        return undo_of_deployment(action, subject, line.priority)

    def owners(self) -> Sequence[str]:
        line = self._chosen
        return [line.owner] if line is not None and line.owner else []

    def org_of(self, subject: str) -> str | None:
        found = self._lines.get(subject)
        return found[1].org if found is not None else None

    def names(self) -> Names:
        return names_of_queue(self._lines.values())

    @property
    def _chosen(self) -> QueueLine | None:
        found = self._lines.get(self.query_one(LineTable).key or "")
        return found[1] if found else None


def _start_of(line: QueueLine, now: int) -> Iterator[str]:
    if line.latest_at is not None:
        yield f"likely {until(line.estimate_at, now)}, at the latest {until(line.latest_at, now)}"
    elif line.not_before_at is not None:
        yield f"not expected within {span(line.not_before_at - now)}"


def _of_others(line: QueueLine | None) -> list[Line]:
    if line is None:
        return []
    return [text("of another organization: its reasons are not yours to see", Tone.DIM)]


def _cells(cluster: str, line: QueueLine, now: int) -> Sequence[Cell]:
    return (
        Cell("·" if line.position is None else str(line.position), Tone.DIM),
        Cell(cluster, Tone.DIM),
        Cell(name_of(line), Tone.PLAIN if line.id else Tone.DIM),
        Cell(line.owner or "", Tone.DIM),
        Cell("" if line.priority is None else str(line.priority)),
        Cell("" if line.gpu_milli is None else f"{line.gpu_milli / 1000:g}"),
        Cell(age(line.waits_since_at, now), Tone.DIM),
        Cell(until(line.estimate_at, now), Tone.BUSY),
    )
