"""What the run-out ladder asks of wallets: what was used since they were last funded, and whose must be looked at."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Table, bindparam, case, func, literal, or_, select

from core.ledger.accounts import AccountKey, treasury, wallet
from core.ledger.amounts import Book
from core.ledger.postings import FUNDING, Side
from core.store.fixed import Among, Fixed
from core.store.repositories.deployments import deployments
from core.store.repositories.ledger import entries, postings
from core.store.repositories.prices import standings
from core.store.repositories.runs import runs

Wallet = tuple[str, str]  # organization and owner; no owner: its treasury


@dataclass(frozen=True, slots=True)
class Funded:
    """What was used and posted since the last grant or allowance, and the key of that."""

    used: int
    funding: str


def used_since_funded(connection: Connection, account: AccountKey, book: Book) -> Funded:
    ours = {"org": account.org, "owner": account.owner, "kind": account.kind.value, "book": book.value}
    seq, key = next(iter(_LAST_FUNDED.rows(connection, ours)), (0, ""))
    ((used,),) = _USED_SINCE.rows(connection, {**ours, "funded": seq})
    return Funded(max(0, int(used)), key)


_JOINED = entries.join(postings, postings.c.seq == entries.c.seq)
_OURS = (
    entries.c.org_id == bindparam("org"),
    entries.c.owner_id == bindparam("owner"),
    entries.c.account_kind == bindparam("kind"),
    entries.c.book == bindparam("book"),
    entries.c.side == Side.POSTED.value,
)
_LAST_FUNDED = Fixed(
    select(postings.c.seq, postings.c.key)
    .select_from(_JOINED)
    .where(*_OURS, postings.c.kind.in_([literal(kind.value) for kind in FUNDING]), entries.c.amount > 0)
    .order_by(postings.c.seq.desc())
    .limit(1)
)
_USED_SINCE = Fixed(
    select(func.coalesce(func.sum(-entries.c.amount), 0))
    .select_from(_JOINED)
    .where(*_OURS, postings.c.run_id.is_not(None), postings.c.seq > bindparam("funded"))
)


def that_matter(connection: Connection, org_ids: Collection[str] | None = None) -> set[Wallet]:
    """Wallets that pay for something now, or that stand on a rung; with `org_ids` of these organizations alone."""
    # Asked for all, and chosen here: by organization the store would look at every run that ever was.
    paying = select(runs.c.org_id, _purse(runs)).where(runs.c.ended_at.is_(None))
    standing = select(standings.c.org_id, standings.c.owner_id).where(
        or_(standings.c.rung > 0, standings.c.look_at.is_not(None))
    )
    found = {(row[0], row[1]) for each in (paying, standing) for row in connection.execute(each.distinct())}
    return found if org_ids is None else {wallet for wallet in found if wallet[0] in org_ids}


def of_deployments(connection: Connection, handles: Collection[str]) -> set[Wallet]:
    """Whose wallets pay for these."""
    return {(org, owner) for org, owner in _PAYING_FOR.among(connection, sorted(handles))}


def _purse(table: Table) -> ColumnElement[str]:
    return case((table.c.payer == "wallet", table.c.owner_id), else_=literal(""))


_PAYING_FOR = Fixed(select(deployments.c.org_id, _purse(deployments)).where(Among(deployments.c.handle)).distinct())


def account_of(whose: Wallet) -> AccountKey:
    return wallet(*whose) if whose[1] else treasury(whose[0])


def look_at(connection: Connection, whose: Wallet, book: Book) -> int | None:
    """When the next rung was computed to be reached."""
    found = _LOOK_AT.rows(connection, {"org": whose[0], "owner": whose[1], "book": book.value})
    return found[0][0] if found else None


_LOOK_AT = Fixed(
    select(standings.c.look_at).where(
        standings.c.org_id == bindparam("org"),
        standings.c.owner_id == bindparam("owner"),
        standings.c.book == bindparam("book"),
    )
)
