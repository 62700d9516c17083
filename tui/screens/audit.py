"""Who did what and when: all that was ever changed, newest first, narrowed by the store; whether the chain holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget

from core.domain.errors import BursarError, Invalid
from core.domain.roles import Permission, allows
from core.views.operations import AuditLine
from tui import actions, questions
from tui.actions import Action, principal
from tui.audit_facts import audit_lines, change_of
from tui.completion import Names
from tui.format import instant
from tui.messages import JournalLinesSeen, JournalSeen
from tui.screens.frame import Frame
from tui.theme import Tone
from tui.widgets.columns import Cell, Column
from tui.widgets.hanging import Hanging
from tui.widgets.panel import Panel
from tui.widgets.plain import joined, text
from tui.widgets.prompt import Prompt
from tui.widgets.table import LineTable

_AROUND = 50  # lines read beside those in view
_MOST = 100_000  # numbers that the store tells at once
_FORGET = 20_000
_SHORT = slice(5, 19)  # an instant without its year
_DEPLOYMENT, _OF_DEPLOYMENTS = "dep-", "deployment."  # most of what happens; the line spelled out says it in full


_COLUMNS = (
    Column("when", 14),
    Column("org", 10, drop=3, extra=True),
    Column("actor", 10),
    Column("did", 16),
    Column("target", 12, grow=True),
    Column("change", 24, drop=2),
    Column("face", 7, drop=4, extra=True),
)


class AuditScreen(Frame):
    PLACE = "audit"
    CSS_PATH = "audit.tcss"
    THING = "this line"
    ACTIONS = (actions.VERIFY,)
    NOTES = (
        "a filter takes words and fields: actor=mia verb=grant dep-7k3f9q; without: !deployment; exactly: target==mia",
        "nothing here can be changed or taken away: each line carries the seal of the one before",
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/", priority=True),
        Binding("t", "same('target')", "Same target"),
        Binding("o", "same('actor')", "Same actor"),
        Binding("A", "everywhere", "All organizations, or one"),
        Binding("y", "copy", "Copy the number", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._asked = ("", False)  # the filter, and whether of all organizations
        self._numbers: tuple[int, ...] = ()
        self._keys: tuple[str, ...] = ()
        self._known: dict[int, AuditLine] = {}
        self._asked_for: tuple[int, ...] = ()
        self._wrong: BursarError | None = None
        self._has_numbers = False

    def body(self) -> Iterator[Widget]:
        with Horizontal():
            with Panel("audit", classes="list"):
                yield LineTable(_COLUMNS, nothing="nothing has happened yet", follows=True)
            with Panel("what was done", classes="why"), VerticalScroll(can_focus=False):
                yield Hanging(classes="reasons")

    def look(self) -> None:
        """What is known already does not change: only what came behind it is asked for."""
        if not self._may(Permission.AUDIT_READ):
            self.query_one(LineTable).show_rows(
                [], nothing="for admins: your own work tells its story, t on its screen"
            )
            return
        filter_, everywhere = self._asked
        after = self._numbers[0] if self._has_numbers and self._numbers else 0
        self.ask(questions.journal(filter_, after, everywhere=everywhere), "numbers")

    def _may(self, right: Permission) -> bool:
        who = self.console.who
        return who is not None and allows(principal(who), right)

    # What comes in

    @on(JournalSeen)
    def _journal_seen(self, seen: JournalSeen) -> None:
        newest = self._numbers[0] if self._has_numbers and self._numbers else 0
        if seen.asked != self._asked or seen.after != newest:
            return  # another filter is asked for by now, or this was heard already
        if len(self._known) > _FORGET:
            self._known.clear()
        self._numbers = (*seen.numbers, *self._numbers)[:_MOST] if newest else seen.numbers
        self._has_numbers, self._wrong = True, None
        self._keys = tuple(map(str, self._numbers)) if seen.numbers or not newest else self._keys
        table = self.query_one(LineTable)
        table.show(self._keys, self._cells, nothing=self._nothing)
        self._title()
        self._ask_lines(table.scroll_offset.y, table.scroll_offset.y + table.size.height)
        self._show_line()

    @property
    def _nothing(self) -> str:
        return "nothing fits the filter: esc clears it" if self._asked[0] else "nothing has happened yet"

    @on(LineTable.Wanted)
    def _wanted(self, event: LineTable.Wanted) -> None:
        self._ask_lines(event.first, event.end)

    def _ask_lines(self, first: int, end: int) -> None:
        """What is known is not asked for again: no line of the audit ever changes."""
        view = self._numbers[max(0, first - _AROUND) : end + _AROUND]
        wanted = tuple(number for number in view if number not in self._known)
        if wanted and wanted != self._asked_for:
            self._asked_for = wanted
            self.ask(questions.journal_lines(wanted, everywhere=self._asked[1]), "lines")

    @on(JournalLinesSeen)
    def _lines_seen(self, seen: JournalLinesSeen) -> None:
        self._asked_for = ()
        self._known.update((line.seq, line) for line in seen.lines)
        self.query_one(LineTable).refresh()
        self._show_line()

    @on(LineTable.Moved)
    def _show_line(self) -> None:
        line = self._line
        self.query_one(".reasons", Hanging).hang(audit_lines(line) if line is not None else [])

    def show_refusal(self, error: BursarError) -> None:
        self._asked_for = ()
        if isinstance(error, Invalid) and self._asked[0]:
            self._wrong = error
            self._title()
        else:
            super().show_refusal(error)

    def _cells(self, index: int) -> Sequence[Cell] | None:
        line = self._known.get(self._numbers[index])
        if line is None:
            return None
        return (
            Cell(instant(line.at)[_SHORT], Tone.DIM),
            Cell(line.org or "", Tone.DIM),
            Cell(line.actor),
            Cell(line.verb.removeprefix(_OF_DEPLOYMENTS), Tone.BUSY),
            Cell(line.name or line.target),
            Cell(change_of(line), Tone.DIM),
            Cell(line.face, Tone.DIM),
        )

    def _title(self) -> None:
        filter_, everywhere = self._asked
        count = len(self._numbers)
        parts = [text(f"audit  {'the newest ' if count >= _MOST else ''}{count:,}")]
        parts += [text(f"  /{filter_}", Tone.MARK)] if filter_ else []
        parts += [text(f"  {self._wrong.message}; {self._wrong.hint or ''}", Tone.BAD)] if self._wrong else []
        parts += [text("  of all organizations", Tone.MARK)] if everywhere else []
        self.query_one(".list", Panel).entitle(joined(*parts))

    # What is done

    @property
    def _line(self) -> AuditLine | None:
        key = self.query_one(LineTable).key
        return self._known.get(int(key)) if key is not None else None

    def _narrow(self, filter_: str, *, everywhere: bool) -> None:
        if (filter_, everywhere) != self._asked:
            self._asked, self._has_numbers = (filter_, everywhere), False
            columns = [c._replace(extra=not everywhere) if c.head == "org" else c for c in _COLUMNS]
            self.query_one(LineTable).retitle(columns)
            self.look()

    def action_filter(self) -> None:
        self.query_one(Prompt).open("/", self._asked[0])

    def typed(self, line: str, *, entered: bool) -> None:
        del entered
        self._narrow(line, everywhere=self._asked[1])

    def action_same(self, field: str) -> None:
        """All that happened to the same thing, or that the same one did."""
        line = self._line
        if line is not None:
            self._narrow(f"{field}=={line.target if field == 'target' else line.actor}", everywhere=self._asked[1])

    def action_everywhere(self) -> None:
        self._narrow(self._asked[0], everywhere=not self._asked[1])

    def clear(self) -> bool:
        was = self._asked
        self._narrow("", everywhere=False)
        return was != self._asked

    @on(LineTable.Chosen)
    def _opened(self) -> None:
        line, who = self._line, self.console.who
        if line is None or who is None:
            return
        if not line.target.startswith(_DEPLOYMENT):
            self._say(text(f"{line.target} is no deployment: t shows what else happened to it", Tone.DIM))
            return
        self.console.open_deployment(line.target, "timeline", line.org if line.org != who.org else None)

    def action_copy(self) -> None:
        key = self.query_one(LineTable).key
        if key is not None:
            self.app.copy_to_clipboard(key)
            self.console.echo(text(f"copied {key}", Tone.DIM))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The chain is one for the whole installation, and so is whoever looks through all of it."""
        if action in ("act", "everywhere") and not self._may(Permission.AUDIT_VERIFY):
            return False
        return super().check_action(action, parameters)

    def out_of_reach(self, action: Action) -> str:
        return f"{action.label}: it is one for the whole installation, and for operators"

    def names(self) -> Names:
        """Of what was read: who acted, and on which deployments."""
        lines = list(self._known.values())
        return {
            "user": {line.actor: "" for line in lines},
            "deployment": {line.target: line.name or "" for line in lines if line.target.startswith(_DEPLOYMENT)},
        }
