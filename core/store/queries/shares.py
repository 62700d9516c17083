"""What each member has used, faded to this instant: the memory of the fair share.

Use is summed by the day, and a day fades as a whole: at a half-life of days that is exact enough, and the query
stays one pass over an index.
"""

from __future__ import annotations

from sqlalchemy import func, select

from core.clock import DAY
from core.ledger.accounts import AccountKind
from core.ledger.amounts import Book
from core.ledger.postings import Side
from core.scheduler.board import Board
from core.scheduler.facts import Usage
from core.scheduler.policy import FairShare
from core.store.repositories.ledger import entries, postings
from core.store.repositories.runs import runs
from core.store.units import Unit

# After so many half-lives a thousandth is left, and nobody's place hangs on that.
_REMEMBERED = 10


def usage_of(unit: Unit, share: FairShare) -> dict[tuple[str, str], Usage]:
    """By organization and member, in micro-credits of today."""
    half_life = share.half_life_ms * 1000
    day = postings.c.at.op("/")(DAY)  # of two integers: whole days, on both dialects
    statement = (
        select(runs.c.org_id, runs.c.owner_id, day.label("day"), func.sum(-entries.c.amount).label("used"))
        .select_from(postings.join(entries, entries.c.seq == postings.c.seq).join(runs, runs.c.id == postings.c.run_id))
        .where(
            postings.c.at >= unit.now - _REMEMBERED * half_life,
            entries.c.book == Book.CREDITS.value,
            entries.c.side == Side.POSTED.value,
            entries.c.account_kind.in_([AccountKind.WALLET.value, AccountKind.TREASURY.value]),
        )
        .group_by(runs.c.org_id, runs.c.owner_id, "day")
    )
    faded: dict[tuple[str, str], float] = {}
    for org_id, owner_id, of_day, used in unit.connection.execute(statement):
        age = max(0, unit.now - (int(of_day) * DAY + DAY // 2))
        who = (org_id, owner_id)
        faded[who] = faded.get(who, 0.0) + int(used) * 2.0 ** (-age / half_life)
    return {who: Usage(round(amount), unit.now) for who, amount in sorted(faded.items()) if amount >= 1}


def remember_use(board: Board, unit: Unit, share: FairShare) -> None:
    for (org, member), usage in usage_of(unit, share).items():
        board.usage_changed(org, member, usage)
