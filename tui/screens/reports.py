"""What was used in a period, by whom, where and on which days, and what is left: the ledger's sums.

Admins see their organization's use, members their own; each line leads to what it is made of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import ClassVar, NamedTuple

from textual import events, on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget

from core.domain.errors import BursarError
from core.domain.schedule import local_date
from core.views import reports
from core.views.reports import DayUse, ReportCard
from tui import questions
from tui.actions import Command, named
from tui.amounts import bar, near_credits, near_gpu_hours
from tui.completion import Names
from tui.messages import ReportSeen
from tui.periods import asked_as, beside
from tui.screens.frame import Frame
from tui.theme import Tone
from tui.widgets.bars import Bar, bars
from tui.widgets.columns import Cell, Column
from tui.widgets.hanging import Hanging
from tui.widgets.panel import Panel
from tui.widgets.plain import Plain, joined, text
from tui.widgets.prompt import Prompt
from tui.widgets.table import LineTable

_FIRST = "this-week"
_BY = ("person", "cluster", "deployment", "day")
_FRESH, _FRESH_ONCE_OVER = 10_000_000, 60_000_000  # so long an answer is not asked for anew by itself
_REST = 20  # times as long as it took: a store with much to add up does not do so all the time
_BAR = 16
_NOBODYS = "-"  # what the ledger can put under no heading


class Part(NamedTuple):
    """One line of the table: what it stands for, as it is called, and what of the whole it is."""

    key: str
    name: str
    credits_ucr: int
    gpu_ms: int


class ReportsScreen(Frame):
    PLACE = "reports"
    CSS_PATH = "reports.tcss"
    THING = "this report"
    NOTES = (
        "a period behind the slash: week, today, this-month, 2026-11, 2026-11-09, 2026-11-09..2026-11-16",
        "enter leads to the work of a person or on a cluster, to a deployment, or to the one day",
        "as a file for a spreadsheet: bursar report show --csv; into a channel each week: report schedule",
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "Earlier", key_display="←"),
        Binding("right", "move(1)", "Later", key_display="→"),
        Binding("D", "ask('today')", "Today"),
        Binding("W", "ask('this-week')", "Week"),
        Binding("M", "ask('this-month')", "Month"),
        Binding("right_square_bracket", "turn(1)", "By what", key_display="]"),
        Binding("left_square_bracket", "turn(-1)", "By what before", show=False, key_display="["),
        Binding("slash", "filter", "Period", key_display="/", priority=True),
        Binding("y", "copy", "Copy the command", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._period = _FIRST
        self._came_from: list[str] = []
        self._by = _BY[0]
        self._card: ReportCard | None = None
        self._card_of = ""  # the period for which it was asked
        self._asked_at = self._took = 0
        self._parts: dict[str, Part] = {}

    def body(self) -> Iterator[Widget]:
        with Panel("reports", classes="answer"):
            yield Hanging([text("…", Tone.DIM)], classes="told")
        with Panel("by day", classes="by-day"):
            yield Plain(classes="bars")
        with Panel("by person", classes="parts"):
            yield LineTable(
                [
                    Column("person", 12, grow=True),
                    Column("GPUh", 11, right=True),
                    Column("credits", 11, right=True),
                    Column("share", 5, right=True),
                    Column("", _BAR, drop=1),
                ],
                nothing="nothing was used",
            )

    def look(self) -> None:
        """What is over does not change from one moment to the next, and adding it up takes a while."""
        card, now = self._card, self.console.now()
        fresh = max(_REST * self._took, _FRESH if card is None or card.so_far else _FRESH_ONCE_OVER)
        if card is None or self._card_of != self._period or now - self._asked_at >= fresh:
            self._asked_at = now
            self.ask(questions.report(self._period), "report")

    def action_reload(self) -> None:
        self._asked_at = 0
        super().action_reload()

    # What comes in

    @on(ReportSeen)
    def _report_seen(self, seen: ReportSeen) -> None:
        if seen.period != self._period:
            return  # another one is asked for by now
        self._card, self._card_of = seen.card, seen.period
        self._took = self.console.now() - self._asked_at
        self._draw()

    def show_refusal(self, error: BursarError) -> None:
        """A period that cannot be is not kept: what is shown stays, and so does the way on from it."""
        if self._card is not None and self._period != self._card_of:
            self._period = self._card_of
            if self._came_from:
                self._came_from.pop()
            self._draw()
        elif self._card is None:
            self.query_one(".told", Hanging).hang([text(f"✗ {error.message}", Tone.BAD)])
        super().show_refusal(error)

    @on(events.Resize)
    def _resized(self) -> None:
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        card = self._card
        if card is None:
            return
        title = [text(f"{card.whose}  {reports.days(card)} {card.last_day[:4]}")]
        title += [text("  so far", Tone.WAIT)] if card.so_far else []
        self.query_one(".answer", Panel).entitle(joined(*title, text(f"  days of {card.zone}", Tone.DIM)))
        self.query_one(".told", Hanging).hang(_told(card))
        self._draw_days(card)
        self._draw_parts(card)
        self.refresh_bindings()

    def _draw_days(self, card: ReportCard) -> None:
        panel, plain = self.query_one(".by-day", Panel), self.query_one(".bars", Plain)
        panel.display = len(card.days) > 1
        size = plain.parent.scrollable_content_region.size if isinstance(plain.parent, Widget) else self.size
        plain.say(bars(_bars(card, self.console.now()), size.width, size.height))
        panel.entitle(_title_of_days(card))

    def _draw_parts(self, card: ReportCard) -> None:
        found = [part for part in _parts(card, self._by) if part.credits_ucr or part.gpu_ms]
        self._parts = {part.key: part for part in found}
        whole = _amount(card, card.total.credits_ucr, card.total.gpu_ms)
        table = self.query_one(LineTable)
        table.retitle([table.all_columns[0]._replace(head=self._by), *table.all_columns[1:]])
        shown = [part.key for part in found]
        table.show(shown, lambda index: _cells(card, found[index], whole), nothing=_nothing(card))
        headings = [text(f"  {by}", Tone.LOUD if by == self._by else Tone.DIM) for by in _BY]
        count = text(f"  {len(found):,}", Tone.DIM)
        self.query_one(".parts", Panel).entitle(joined(text("by"), *headings, count))

    # What is done

    def action_ask(self, period: str) -> None:
        self._go_to(period)

    def action_move(self, by: int) -> None:
        card = self._card
        if card is None:
            return
        if by > 0 and card.until > self.console.now():
            self._say(text("what comes later has not begun yet", Tone.DIM))
            return
        self._go_to(beside(card, by), replacing=True)

    def _go_to(self, period: str, *, replacing: bool = False) -> None:
        """`replacing`: a step from one to the next is no way that one wants to go back step by step."""
        if not replacing and self._period != period:
            self._came_from.append(self._period)
        self._period = period
        self.query_one(".answer", Panel).entitle(text(f"{period} …", Tone.DIM))
        self.look()

    def action_turn(self, by: int) -> None:
        self._by = _BY[(_BY.index(self._by) + by) % len(_BY)]
        self._draw()

    def action_filter(self) -> None:
        self.query_one(Prompt).open("/")

    def typed(self, line: str, *, entered: bool) -> None:
        if entered and line:
            self._go_to(line)

    def clear(self) -> bool:
        """Back to the period from which one came to this one."""
        if not self._came_from:
            return False
        self._period = self._came_from.pop()
        self.look()
        return True

    @on(LineTable.Chosen)
    def _opened(self, event: LineTable.Chosen) -> None:
        who, key = self.console.who, event.key
        if key == _NOBODYS or who is None:
            self._say(text("what this was used for has no name", Tone.DIM))
        elif self._by == "day":
            self._go_to(key)
        elif self._by == "deployment":
            self.console.open_deployment(key)
        else:
            field = "owner" if self._by == "person" else "cluster"
            ours = f"org=={who.org} " if who.operator else ""  # who sees all organizations' work wants only this one's
            self.console.show_deployments(f"{ours}{field}=={key}")

    def action_copy(self) -> None:
        """The command that says the same, tomorrow as well."""
        verb = named(("report", "show"))
        if self._card is None or verb is None:
            return
        line = Command(verb, {"period": (asked_as(self._card),)}).line
        self.app.copy_to_clipboard(line)
        self.console.echo(joined(text("copied ", Tone.DIM), text(line)))

    def names(self) -> Names:
        card = self._card
        if card is None:
            return {}
        return {
            "user": {line.what: "" for line in card.users if line.what != _NOBODYS},
            "cluster": {line.what: "" for line in card.clusters if line.what != _NOBODYS},
        }


def _told(card: ReportCard) -> list[Content]:
    used, left, *waits = reports.answers(card)
    lines = [text(used, Tone.LOUD), text(left), *map(text, waits)]
    missing = text(reports.unmetered(card), Tone.DIM if card.so_far else Tone.WAIT)
    return [*lines, missing] if card.unposted_runs else lines


def _amount(card: ReportCard, ucr: int, gpu_ms: int) -> int:
    """In the book that the report speaks of."""
    return gpu_ms if card.uses_gpus else ucr


def _bars(card: ReportCard, now: int) -> list[Bar]:
    """Days that have not come yet have no bar."""
    today = local_date(now, card.zone)
    return [
        Bar(_short(day, len(card.days)), _amount(card, day.credits_ucr, day.gpu_ms) if day.day <= today else None)
        for day in card.days
    ]


def _short(day: DayUse, of: int) -> str:
    read = date.fromisoformat(day.day)
    return f"{reports.weekday(read)} {read.day}" if of <= 7 else str(read.day)


def _title_of_days(card: ReportCard) -> Content:
    """What the bars are of, and the highest in numbers: a height alone says nothing."""
    book = "GPU-hours" if card.uses_gpus else "credits"
    most = max(card.days, key=lambda day: _amount(card, day.credits_ucr, day.gpu_ms))
    if not _amount(card, most.credits_ucr, most.gpu_ms):
        return text(f"{book} by day")
    told = near_gpu_hours(most.gpu_ms) if card.uses_gpus else near_credits(most.credits_ucr)
    return joined(text(f"{book} by day"), text(f"  most {told} on {_day_name(most.day)}", Tone.DIM))


def _day_name(day: str) -> str:
    read = date.fromisoformat(day)
    return f"{reports.weekday(read)} {reports.day_of(day)}"


def _parts(card: ReportCard, by: str) -> list[Part]:
    if by == "day":
        return [Part(day.day, _day_name(day.day), day.credits_ucr, day.gpu_ms) for day in card.days]
    if by == "deployment":
        return [
            Part(one.id, f"{one.name or one.id} of {one.owner or _NOBODYS}", one.credits_ucr, one.gpu_ms)
            for one in card.deployments
        ]
    lines = card.users if by == "person" else card.clusters
    return [Part(line.what, line.what, line.credits_ucr, line.gpu_ms) for line in lines]


def _cells(card: ReportCard, part: Part, whole: int) -> Sequence[Cell]:
    amount = _amount(card, part.credits_ucr, part.gpu_ms)
    full, _ = bar(amount, whole, _BAR)
    percent = f"{round(100 * amount / whole)} %" if whole > 0 else ""
    return (
        Cell(part.name),
        Cell(near_gpu_hours(part.gpu_ms) if part.gpu_ms else "", Tone.PLAIN),
        Cell(near_credits(part.credits_ucr), Tone.PLAIN),
        Cell(percent, Tone.DIM),
        Cell(full, Tone.BUSY),
    )


def _nothing(card: ReportCard) -> str:
    return (
        "nothing is used so far: ← shows what was before" if card.so_far else "nothing was used: W leads to this week"
    )
