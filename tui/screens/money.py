"""Wallets, the treasury, and a statement of the one that is looked at; every number opens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget

from core.views.money import EntryLine, WalletCard
from tui import actions, questions
from tui.actions import Action, Command, named
from tui.amounts import NOTHING, credits_of, gpu_hours_of, span
from tui.completion import Names
from tui.format import instant
from tui.messages import MoneySeen, PostingSeen
from tui.screens.answer import AnswerScreen
from tui.screens.frame import Frame
from tui.theme import Tone
from tui.widgets.columns import Cell, Column
from tui.widgets.panel import Panel
from tui.widgets.plain import Plain, joined, stacked, text
from tui.widgets.table import LineTable

_SHORT = slice(5, 16)  # an instant without its year and its seconds: there is one of both on the card
_TREASURY = " treasury"  # no member can be called so


class MoneyScreen(Frame):
    PLACE = "money"
    AUTO_FOCUS = "#entries"
    CSS_PATH = "money.tcss"
    ACTIONS = (
        actions.GRANT,
        actions.TRANSFER,
        actions.FILL,
        actions.USAGE,
        actions.REVERSE,
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "open", "Open", show=False)]

    def __init__(self) -> None:
        super().__init__()
        self._whose: str | None = None
        self._came = False
        self._entries: dict[str, EntryLine] = {}
        self._wallets: dict[str, WalletCard] = {}

    def body(self) -> Iterator[Widget]:
        with Horizontal():
            with Panel("wallets", classes="wallets"):
                yield LineTable(
                    [
                        Column("of", 8, grow=True),
                        Column("credits", 10, right=True),
                        Column("GPUh", 8, right=True, drop=1),
                    ],
                    name="wallets",
                    nothing="no wallets",
                )
            with Panel("statement", classes="statement"):
                yield Plain(classes="card")
                yield LineTable(
                    [
                        Column("no", 5, right=True),
                        Column("when", 11, drop=1),
                        Column("kind", 9),
                        Column("credits", 10, right=True),
                        Column("GPUh", 7, right=True),
                        Column("held", 10, right=True, drop=2),
                        Column("for", 10, drop=3),
                        Column("reason", 8, grow=True, drop=4),
                    ],
                    name="entries",
                    nothing="nothing has moved yet",
                )

    def look(self) -> None:
        self._look(alone=False)

    def _look(self, *, alone: bool) -> None:
        if self.console.who is not None:
            treasury = self._whose == _TREASURY
            whose = None if treasury else self._whose
            question = questions.money(self.console.who, whose, of_treasury=treasury, alone=alone)
            self.ask(question, "statement" if alone else "money")

    @on(MoneySeen)
    def _money_seen(self, seen: MoneySeen) -> None:
        now = self.console.now()
        if seen.wallets is not None:
            self._show_wallets(seen, seen.wallets)
        if seen.whose is not None and seen.whose != self._whose:
            return  # the cursor has gone on meanwhile
        self.query_one(".statement", Panel).entitle(f"statement of {seen.wallet.owner}")
        self.query_one(".card", Plain).say(stacked(_card_lines(seen.wallet, now, narrow=self.has_class("-narrow"))))
        self._entries = {str(line.number): line for line in seen.statement.items}
        newest = list(reversed(seen.statement.items))
        self.query_one("#entries", LineTable).show_rows([(str(line.number), _entry_cells(line)) for line in newest])
        self.refresh_bindings()

    def _show_wallets(self, seen: MoneySeen, wallets: Mapping[str, WalletCard]) -> None:
        """Who sees several stands among them, on the own one, and their statements follow the cursor."""
        self._wallets = dict(wallets) or {seen.wallet.owner: seen.wallet}
        rows = [(name, _wallet_cells(name, card)) for name, card in self._wallets.items()]
        if seen.treasury is not None:
            rows.insert(0, (_TREASURY, _wallet_cells("treasury", seen.treasury)))
        table = self.query_one("#wallets", LineTable)
        came, self._came = self._came, True
        table.show_rows(rows)
        if not came and seen.treasury is not None:
            table.focus()
            table.put_cursor_on(seen.wallet.owner)
            self._whose = seen.wallet.owner if table.key == seen.wallet.owner else None
        cut = seen.members > len(wallets)
        self.query_one(".wallets", Panel).entitle(f"wallets  {len(wallets)} of {seen.members}" if cut else "wallets")

    @on(LineTable.Moved, "#wallets")
    def _wallet_moved(self) -> None:
        key = self.query_one("#wallets", LineTable).key
        if key is not None and key != self._whose:
            self._whose = key
            self._look(alone=True)

    @on(LineTable.Chosen, "#wallets")
    def _wallet_chosen(self) -> None:
        self.query_one("#entries", LineTable).focus()

    @on(LineTable.Chosen, "#entries")
    def _entry_chosen(self, event: LineTable.Chosen) -> None:
        self.ask(questions.posting(int(event.key)), "posting")

    @on(PostingSeen)
    def _posting_seen(self, seen: PostingSeen) -> None:
        if self.app.screen is not self:
            return  # whoever asked has gone on to something else
        verb = named(("posting",))
        assert verb is not None
        self.app.push_screen(AnswerScreen(Command(verb, {"number": (str(seen.card.number),)}), seen.card))

    def subjects(self, action: Action) -> Sequence[tuple[str, str]]:
        if action.subject == "number":
            key = self.query_one("#entries", LineTable).key
            return [(key, f"posting {key}")] if key is not None else []
        name = self.query_one("#wallets", LineTable).key
        return [(name, name)] if name is not None and name != _TREASURY else []

    def owners(self) -> Sequence[str]:
        return []

    def names(self) -> Names:
        return {"user": dict.fromkeys(self._wallets, "")}


def _wallet_cells(name: str, card: WalletCard) -> Sequence[Cell]:
    low = card.credits.available_ucr <= 0 or card.gpu_hours.available_gpu_ms < 0
    return (
        Cell(name),
        Cell(credits_of(card.credits.available_ucr), Tone.BAD if low else Tone.PLAIN),
        Cell(gpu_hours_of(card.gpu_hours.available_gpu_ms)),
    )


def _card_lines(card: WalletCard, now: int, *, narrow: bool) -> list[Content]:
    money, gpu = card.credits, card.gpu_hours
    of_credits = (money.balance_ucr, money.held_ucr, money.available_ucr, money.burn_per_hour_ucr)
    of_gpu = (gpu.balance_gpu_ms, gpu.held_gpu_ms, gpu.available_gpu_ms, gpu.burn_per_hour_gpu_ms)
    rows = [
        ("", ("balance", "held", "available", "burns/h"), "lasts"),
        ("credits", tuple(map(credits_of, of_credits)), _lasts(money.runs_out_at, now)),
        ("GPU-hours", tuple(map(gpu_hours_of, of_gpu)), _lasts(gpu.runs_out_at, now)),
    ]
    first = 1 if narrow else 0  # the balance is the sum of held and available
    lines = []
    for word, numbers, lasts in rows:
        shown = "".join(f"{number:>11}" for number in numbers[first:])
        lines.append(joined(text(f"{word:<9}", Tone.DIM), text(shown, Tone.PLAIN if word else Tone.DIM), _ends(lasts)))
    return lines


def _lasts(at: int | None, now: int) -> str:
    return NOTHING if at is None else span(at - now)


def _ends(lasts: str) -> Content:
    return text(f"{lasts:>6}", Tone.DIM if lasts in (NOTHING, "lasts") else Tone.WAIT)


def _entry_cells(line: EntryLine) -> Sequence[Cell]:
    held = credits_of(line.held_credits_ucr) if line.held_credits_ucr else ""
    gained = line.credits_ucr > 0 or line.gpu_ms > 0
    return (
        Cell(str(line.number), Tone.DIM),
        Cell(instant(line.at)[_SHORT], Tone.DIM),
        Cell(line.kind),
        Cell(credits_of(line.credits_ucr) if line.credits_ucr else "", Tone.GOOD if gained else Tone.PLAIN),
        Cell(gpu_hours_of(line.gpu_ms) if line.gpu_ms else "", Tone.GOOD if gained else Tone.PLAIN),
        Cell(held, Tone.DIM),
        Cell(line.deployment or "", Tone.DIM),
        Cell(line.reason, Tone.DIM),
    )
