"""The story in core/ledger/README.md is executed, and its tables are what came out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import core.ledger
from core.domain.flavors import GPU_HOUR_MS, UCR, RateCard, format_credits, format_gpu_hours, freeze_rate
from core.domain.lifecycle import State
from core.domain.resources import Resources
from core.ledger.accounts import wallet
from core.ledger.admission import authorize, job_hold
from core.ledger.amounts import NOTHING, Amounts, format_amount, in_book
from core.ledger.balances import Balances, hold_left, metered, net_use
from core.ledger.entries import allowance, hold, start_treasury
from core.ledger.meter import charge, open_line, settle, share_in
from core.ledger.postings import Posting
from core.ledger.refunds import RefundCause, refund_of_run
from tests.ledger.scenery import MINUTE, T0

README = (Path(core.ledger.__file__).parent / "README.md").read_text(encoding="utf-8")
ENTRIES_HEAD = "| at | kind | key | account | side | credits | GPU-hours |"
BALANCES_HEAD = "| account | balance | held | available |"


def clock(text: str) -> int:
    hours, minutes = text.split(":")
    return T0 + (int(hours) * 60 + int(minutes)) * MINUTE


def told() -> list[Posting]:
    """The postings of the story, made by the README's own words."""
    code = README.split("```python\n")[1].split("```")[0]
    words: dict[str, object] = {
        word.__name__: word
        for word in (
            *(Amounts, Balances, RateCard, RefundCause, Resources, State),
            *(allowance, authorize, charge, clock, freeze_rate, hold, hold_left, job_hold, metered, net_use),
            *(open_line, refund_of_run, settle, share_in, start_treasury, wallet),
        )
    }
    words |= {"UCR": UCR, "GPU_HOUR_MS": GPU_HOUR_MS}
    exec(compile(code, "core/ledger/README.md", "exec"), words)  # the page is ours
    ledger = words["ledger"]
    assert isinstance(ledger, list)
    return ledger


def entry_rows(ledger: list[Posting]) -> list[str]:
    rows = []
    for posting in ledger:
        gained: dict[tuple[str, str], Amounts] = {}
        for entry in posting.entries:
            place = entry.account.text, entry.side.value
            gained[place] = gained.get(place, NOTHING) + in_book(entry.book, entry.amount)
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=posting.at)
        at = moment.strftime("%H:%M" if posting.at % MINUTE == 0 else "%H:%M:%S.%f")
        for (account, side), amounts in gained.items():
            cells = [at, posting.kind.value, f"`{posting.key}`", account, side]
            cells += [format_credits(amounts.ucr), format_gpu_hours(amounts.gpu_ms)]
            rows.append(f"| {' | '.join(cells)} |")
    return rows


def balance_rows(ledger: list[Posting]) -> list[str]:
    rows = []
    for account, balance in Balances().apply(*ledger):
        sums = [balance.posted, balance.held, balance.available]
        cells = [", ".join(format_amount(book, amount) for book, amount in sum_) for sum_ in sums]
        rows.append(f"| {' | '.join([account.text, *cells])} |")
    return rows


def rows_under(head: str) -> list[str]:
    lines = README.splitlines()
    start = lines.index(head) + 2
    end = next((i for i in range(start, len(lines)) if not lines[i].startswith("|")), len(lines))
    return lines[start:end]


def test_the_entries_in_the_readme_are_those_that_the_story_makes() -> None:
    assert rows_under(ENTRIES_HEAD) == entry_rows(told())


def test_the_balances_in_the_readme_are_those_after_the_story() -> None:
    assert rows_under(BALANCES_HEAD) == balance_rows(told())
    assert rows_under(BALANCES_HEAD)


def test_every_file_of_the_room_is_named_in_the_readme() -> None:
    folder = Path(core.ledger.__file__).parent
    for file in folder.glob("*.py"):
        assert file.stem == "__init__" or f"`{file.stem}`" in README
