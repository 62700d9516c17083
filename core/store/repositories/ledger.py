"""The ledger's rows: postings go in once and never change; sums come out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, func, insert, literal, or_, select, text

from core.ledger.accounts import AccountKey, AccountKind
from core.ledger.amounts import NOTHING, Amounts, Book, in_book
from core.ledger.balances import Balance
from core.ledger.postings import METERED, Cause, Entry, Posting, PostingKind, Side, is_new
from core.store.fixed import Among, Fixed
from core.store.scope import Scope
from core.store.tables import money

postings = money.Posting.__table__
entries = money.Entry.__table__
balances = money.BalanceCache.__table__

_PAYERS = [literal(kind.value) for kind in (AccountKind.WALLET, AccountKind.TREASURY)]


@dataclass(frozen=True, slots=True)
class Written:
    """A posting with what the store knows besides: its number, and who had it written."""

    seq: int
    posting: Posting
    actor: str
    written_at: int


class Ledger:
    """Writes for any organization: what may be posted is decided by the ledger's own rules, before."""

    def __init__(self, connection: Connection, now: int, actor: str) -> None:
        self._connection = connection
        self._now = now
        self._actor = actor

    def post(self, given: Sequence[Posting]) -> list[Posting]:
        """Write those that are new; the same again is passed over, the same key for something else is a Conflict."""
        if not given:
            return []
        known = self._fingerprints([posting.key for posting in given])
        fresh: list[Posting] = []
        for posting in given:
            if is_new(posting, known.get(posting.key)):
                fresh.append(posting)
                known[posting.key] = posting.fingerprint
        if fresh:
            self._write(fresh)
        return fresh

    def _fingerprints(self, keys: list[str]) -> dict[str, str]:
        return dict(_FINGERPRINTS.among(self._connection, keys))

    def has_key(self, key: str) -> bool:
        return key in self._fingerprints([key])

    def _write(self, fresh: list[Posting]) -> None:
        first = _LAST_SEQ.rows(self._connection, {})[0][0] + 1
        values = [self._posting_values(seq, posting) for seq, posting in enumerate(fresh, first)]
        _ADD_POSTING.run(self._connection, values)
        lines: list[dict[str, object]] = [
            {
                "seq": seq,
                "line": line,
                "account_kind": entry.account.kind.value,
                "org_id": entry.account.org,
                "owner_id": entry.account.owner,
                "book": entry.book.value,
                "side": entry.side.value,
                "amount": entry.amount,
            }
            for seq, posting in enumerate(fresh, first)
            for line, entry in enumerate(posting.entries)
        ]
        _ADD_ENTRY.run(self._connection, lines)
        _ADD_TO_BALANCE.run(self._connection, _sums(lines))

    def _posting_values(self, seq: int, posting: Posting) -> dict[str, object]:
        org = next(entry.account.org for entry in posting.entries if entry.account.org)
        return {
            "seq": seq,
            "key": posting.key,
            "kind": posting.kind.value,
            "at": posting.at,
            "written_at": self._now,
            "org_id": org,
            "reason": posting.reason,
            "deployment_id": posting.cause.deployment,
            "run_id": posting.cause.run,
            "event": posting.cause.event,
            "fingerprint": posting.fingerprint,
            "reverses": posting.reverses,
            "actor": self._actor,
        }

    def balance(self, account: AccountKey) -> Balance:
        where = {"org_id": account.org, "owner_id": account.owner, "account_kind": account.kind.value}
        posted, expected = NOTHING, NOTHING
        for book, gained, awaited in _BALANCE.rows(self._connection, where):
            posted += in_book(_BOOKS[book], gained)
            expected += in_book(_BOOKS[book], awaited)
        return Balance(posted, expected)

    def knows(self, account: AccountKey) -> bool:
        """Whether anything was ever posted to it."""
        where = {"org_id": account.org, "owner_id": account.owner, "account_kind": account.kind.value}
        return bool(_BALANCE.rows(self._connection, where))

    def holds_left(self, deployments: Sequence[str]) -> dict[str, Amounts]:
        """What is still set aside, by deployment."""
        return self._given_by(_HELD, deployments)

    def metered(self, runs: Sequence[str]) -> dict[str, Amounts]:
        """What the meter has posted so far, by run; refunds and reversals do not count."""
        return self._given_by(_CHARGED, runs)

    def net_use(self, runs: Sequence[str]) -> dict[str, Amounts]:
        """What runs have cost their payers after refunds and reversals."""
        return self._given_by(_COST_OF_RUN, runs)

    def costs(self, deployments: Sequence[str]) -> dict[str, Amounts]:
        """What deployments have cost their payers so far, after refunds and reversals."""
        return self._given_by(_COST, deployments)

    def _given_by(self, statement: Fixed, keys: Sequence[str]) -> dict[str, Amounts]:
        """What payers gave on a side, by deployment or run."""
        sums: dict[str, Amounts] = {}
        for whose, book, gained in statement.among(self._connection, keys):
            sums[whose] = sums.get(whose, NOTHING) + in_book(_BOOKS[book], -int(gained))
        return sums

    def last_metered_at(self, run: str) -> int | None:
        """The instant of a run's newest charge: by the order of writing, since a clock may have been set back."""
        statement = select(postings.c.at).where(postings.c.run_id == run, _METERED)
        statement = statement.order_by(postings.c.seq.desc()).limit(1)
        at: int | None = self._connection.execute(statement).scalar()
        return at


class LedgerBook:
    """Reads what was written, within a scope."""

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope

    def of_account(self, account: AccountKey, since: int | None = None, until: int | None = None) -> list[Written]:
        """Every posting that touches the account, oldest first; the period is half open."""
        touching = select(entries.c.seq).where(
            entries.c.org_id == account.org,
            entries.c.owner_id == account.owner,
            entries.c.account_kind == account.kind.value,
        )
        return self._found(postings.c.seq.in_(touching), *_within(since, until))

    def of_deployment(self, deployment_id: str) -> list[Written]:
        return self._found(postings.c.deployment_id == deployment_id)

    def in_period(self, since: int | None, until: int | None) -> list[Written]:
        return self._found(*_within(since, until))

    def by_number(self, seq: int) -> Written | None:
        return next(iter(self._found(postings.c.seq == seq)), None)

    def count(self, until: int | None = None) -> int:
        conditions = (self._scope.covers(postings), *_within(None, until))
        statement = select(func.count()).select_from(postings).where(*conditions)
        return self._connection.execute(statement).scalar_one()

    def by_key(self, key: str) -> Written | None:
        return next(iter(self._found(postings.c.key == key)), None)

    def walk(self, until: int | None = None, *, after: int = 0, part: int = 2000) -> Iterator[Posting]:
        """Every posting in the order it was written, part by part, so that a long ledger needs no room."""
        while True:
            found = self._found(postings.c.seq.in_(self._next_numbers(after, until, part)))
            yield from (written.posting for written in found)
            if len(found) < part:
                return
            after = found[-1].seq

    def _next_numbers(self, after: int, until: int | None, part: int) -> list[int]:
        conditions = (self._scope.covers(postings), postings.c.seq > after, *_within(None, until))
        statement = select(postings.c.seq).where(*conditions).order_by(postings.c.seq).limit(part)
        return list(self._connection.execute(statement).scalars())

    def reversals(self) -> list[Posting]:
        """Every reversal, and what each has reversed, in the order written."""
        reversed_keys = select(postings.c.reverses).where(
            postings.c.reverses.is_not(None), self._scope.covers(postings)
        )
        conditions = or_(
            postings.c.reverses.is_not(None), postings.c.kind == "reverse", postings.c.key.in_(reversed_keys)
        )
        return [written.posting for written in self._found(conditions)]

    def reversal_of(self, key: str) -> str | None:
        found = self._connection.execute(select(postings.c.key).where(postings.c.reverses == key)).scalar()
        return None if found is None else str(found)

    def _found(self, *conditions: ColumnElement[bool]) -> list[Written]:
        condition = and_(self._scope.covers(postings), *conditions)
        rows = self._connection.execute(select(postings).where(condition).order_by(postings.c.seq)).all()
        lines: dict[int, list[Entry]] = {row.seq: [] for row in rows}
        found = select(entries).join(postings, postings.c.seq == entries.c.seq).where(condition)
        for line in self._connection.execute(found.order_by(entries.c.seq, entries.c.line)):
            lines[line.seq].append(_entry(line))
        return [_written(row, lines[row.seq]) for row in rows]


def _within(since: int | None, until: int | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if since is not None:
        conditions.append(postings.c.at >= since)
    if until is not None:
        conditions.append(postings.c.at < until)
    return conditions


def _entry(row: Row[tuple[object, ...]]) -> Entry:
    account = AccountKey(AccountKind(row.account_kind), row.org_id, row.owner_id)
    return Entry(account, Book(row.book), row.amount, Side(row.side))


def _written(row: Row[tuple[object, ...]], lines: Iterable[Entry]) -> Written:
    posting = Posting(
        key=row.key,
        kind=PostingKind(row.kind),
        at=row.at,
        reason=row.reason,
        cause=Cause(row.deployment_id, row.run_id, row.event),
        entries=tuple(lines),
        fingerprint=row.fingerprint,
        reverses=row.reverses,
    )
    return Written(row.seq, posting, row.actor, row.written_at)


def _sums(lines: list[dict[str, object]]) -> list[dict[str, object]]:
    """What each account gains in each book, on each side, added up over many lines."""
    gained: dict[tuple[object, ...], list[int]] = {}
    for line in lines:
        sums = gained.setdefault((line["org_id"], line["owner_id"], line["account_kind"], line["book"]), [0, 0])
        sums[0 if line["side"] == Side.POSTED.value else 1] += int(str(line["amount"]))
    names = ("org_id", "owner_id", "account_kind", "book")
    return [{**dict(zip(names, k, strict=True)), "posted": s[0], "expected": s[1]} for k, s in sorted(gained.items())]


_LAST_SEQ = Fixed(select(func.coalesce(func.max(postings.c.seq), 0)))
_FINGERPRINTS = Fixed(select(postings.c.key, postings.c.fingerprint).where(Among(postings.c.key)))
_ADD_POSTING, _ADD_ENTRY = Fixed(insert(postings), postings.c.keys()), Fixed(insert(entries), entries.c.keys())
_BOOKS = {book.value: book for book in Book}


def _gained(column: ColumnElement[Any], side: Side, *also: ColumnElement[bool]) -> Fixed:
    """What payers gained on a side, by deployment or run."""
    return Fixed(
        select(column, entries.c.book, func.sum(entries.c.amount))
        .select_from(postings.join(entries, entries.c.seq == postings.c.seq))
        .where(Among(column), entries.c.side == side.value, entries.c.account_kind.in_(_PAYERS), *also)
        .group_by(column, entries.c.book)
    )


_METERED = postings.c.kind.in_([literal(kind.value) for kind in METERED])
_HELD = _gained(postings.c.deployment_id, Side.HELD)
_COST = _gained(postings.c.deployment_id, Side.POSTED)
_COST_OF_RUN = _gained(postings.c.run_id, Side.POSTED)
_CHARGED = _gained(postings.c.run_id, Side.POSTED, _METERED)
_BALANCE = Fixed(
    select(balances.c.book, balances.c.posted, balances.c.expected).where(
        balances.c.org_id == bindparam("org_id"),
        balances.c.owner_id == bindparam("owner_id"),
        balances.c.account_kind == bindparam("account_kind"),
    )
)
_ADD_TO_BALANCE = Fixed(
    text(
        "INSERT INTO balances (org_id, owner_id, account_kind, book, posted, expected) "
        "VALUES (:org_id, :owner_id, :account_kind, :book, :posted, :expected) "
        "ON CONFLICT (org_id, owner_id, account_kind, book) DO UPDATE "
        "SET posted = balances.posted + excluded.posted, expected = balances.expected + excluded.expected"
    )
)
