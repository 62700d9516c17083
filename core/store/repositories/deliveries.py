"""What is to be shown to people and channels: one row a message, claimed, posted, marked, and brought up to date.

A row whose claim runs out before it was marked was perhaps posted: it becomes unsure, never due again by itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from core.domain.chat import DeliveryKind, DeliveryState
from core.domain.lifecycle import FINAL, State
from core.store.scope import Scope
from core.store.tables import journal, slack, work

deliveries = slack.Delivery.__table__
places = slack.FeedPlace.__table__
audit = journal.Audit.__table__
works = work.Deployment.__table__

_S = DeliveryState
_LIVING = [state.value for state in State if state not in FINAL]
_LOOKED_AT = 20  # so many times more than are claimed, before everything is looked at
_AT_REST = [state.value for state in DeliveryState if state is not DeliveryState.CLAIMED]


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    id: str
    org_id: str
    team_id: str
    recipient: str
    kind: DeliveryKind
    subject: str
    data: Mapping[str, object]
    state: DeliveryState
    due_at: int
    attempts: int
    changes: int
    owner: str | None
    lease_until: int | None
    channel: str | None
    message_ts: str | None
    sent_at: int | None
    reason: str | None
    created_at: int


@dataclass(frozen=True, slots=True)
class Happened:
    """A line of the journal, as its follower reads it."""

    seq: int
    at: int
    actor: str
    org_id: str | None
    verb: str
    target: str
    after: Mapping[str, object]


class Deliveries:
    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope

    # The journal, as far as it was read

    def place(self, name: str) -> int | None:
        found: int | None = self._connection.execute(select(places.c.seq).where(places.c.name == name)).scalar()
        return found

    def move_place(self, name: str, seq: int) -> None:
        changed = self._connection.execute(update(places).where(places.c.name == name).values(seq=seq))
        if changed.rowcount == 0:
            self._connection.execute(insert(places), {"name": name, "seq": seq})

    def newest_seq(self) -> int:
        return int(self._connection.execute(select(func.max(audit.c.seq))).scalar() or 0)

    def happened_after(self, seq: int, most: int) -> list[Happened]:
        columns = (audit.c.seq, audit.c.at, audit.c.actor, audit.c.org_id, audit.c.verb, audit.c.target, audit.c.after)
        statement = select(*columns).where(audit.c.seq > seq).order_by(audit.c.seq).limit(most)
        return [Happened(*row[:-1], json.loads(row[-1] or "{}")) for row in self._connection.execute(statement)]

    # What is to be shown

    def want(
        self,
        row_id: str,
        *,
        org_id: str,
        team_id: str,
        recipient: str,
        kind: DeliveryKind,
        subject: str,
        now: int,
        data: Mapping[str, object] | None = None,
        state: DeliveryState = _S.DUE,
    ) -> bool:
        """A new message, unless there is one of this subject already; whether it is new."""
        if self.one(team_id, recipient, kind, subject) is not None:
            return False
        values = {
            "id": row_id,
            "org_id": org_id,
            "team_id": team_id,
            "recipient": recipient,
            "kind": kind.value,
            "subject": subject,
            "data": json.dumps(data or {}, sort_keys=True),
            "state": state.value,
            "due_at": now,
            "created_at": now,
        }
        self._connection.execute(insert(deliveries), values)
        return True

    def freshen(self, kind: DeliveryKind, subject: str, now: int, facts: Mapping[str, object] | None = None) -> None:
        """What was shown of a subject no longer holds. What is unsure or dead stays so: it is not posted again.

        Of `facts` the first of a name stays: what was decided once is not decided again.
        """
        of = and_(deliveries.c.kind == kind.value, deliveries.c.subject == subject)
        for row in self._found(of) if facts else []:
            data = json.dumps({**facts, **row.data} if facts else row.data, sort_keys=True)
            self._connection.execute(update(deliveries).where(deliveries.c.id == row.id).values(data=data))
        self._connection.execute(update(deliveries).where(of).values(changes=deliveries.c.changes + 1))
        sent = update(deliveries).where(of, deliveries.c.state == _S.SENT.value)
        self._connection.execute(sent.values(state=_S.DUE.value, due_at=now, attempts=0))

    def say_instead(self, kind: DeliveryKind, subject: str, data: Mapping[str, object], now: int) -> None:
        """Of what was shown of a subject, everything is another by now; it is said in the same place."""
        of = and_(deliveries.c.kind == kind.value, deliveries.c.subject == subject)
        told = json.dumps(data, sort_keys=True)
        self._connection.execute(update(deliveries).where(of, deliveries.c.data != told).values(data=told))
        self.freshen(kind, subject, now)

    def subjects_among(self, subjects: Sequence[str]) -> set[str]:
        """Those of which something is or was shown to somebody."""
        found = select(deliveries.c.subject).where(deliveries.c.subject.in_(list(subjects)))
        kinds = [DeliveryKind.CARD.value, DeliveryKind.APPROVAL.value]
        return set(self._connection.execute(found.where(deliveries.c.kind.in_(kinds)).distinct()).scalars())

    def aged_cards(self, before: int, most: int) -> list[str]:
        """The ids of cards that show, as it was longer ago, what has not ended: the oldest first."""
        living = select(works.c.handle).where(works.c.state.in_(_LIVING))
        of = (deliveries.c.kind == DeliveryKind.CARD.value, deliveries.c.subject.in_(living))
        aged = (deliveries.c.state == _S.SENT.value, deliveries.c.sent_at < before)
        statement = select(deliveries.c.id).where(*of, *aged).order_by(deliveries.c.sent_at).limit(most)
        return list(self._connection.execute(statement).scalars())

    def show_anew(self, ids: Sequence[str], now: int) -> int:
        """What was sent is sent once more, though nothing has happened to it."""
        still = (deliveries.c.id.in_(list(ids)), deliveries.c.state == _S.SENT.value)
        again = update(deliveries).where(*still).values(state=_S.DUE.value, due_at=now, attempts=0)
        return self._connection.execute(again).rowcount

    def any_due(self, now: int, team_id: str | None = None) -> bool:
        due = select(deliveries.c.id).where(*_due(now, team_id))
        return self._connection.execute(due.limit(1)).first() is not None

    def claim(
        self, owner: str, now: int, *, lease_us: int, pace_us: int, most: int, team_id: str | None = None
    ) -> list[DeliveryRow]:
        """What is due, at most one message for each recipient, and none within the pace that a channel bears.

        The first of each recipient, so that hundreds that wait for one keep nobody else's back.
        """
        to = (deliveries.c.team_id, deliveries.c.recipient)
        # What was sent is due no earlier than it was sent: so the index finds those of the last moment.
        lately = (deliveries.c.due_at > now - pace_us, deliveries.c.sent_at > now - pace_us)
        just_sent = select(*to).where(deliveries.c.state.in_(_AT_REST), *lately)
        busy = {tuple(row) for row in self._connection.execute(just_sent)}
        in_work = select(*to).where(deliveries.c.state == _S.CLAIMED.value)
        busy |= {tuple(row) for row in self._connection.execute(in_work)}
        longest = self._found(*_due(now, team_id), limit=_LOOKED_AT * most)
        ids = _first_of_each(longest, busy, most)
        if len(ids) < most and len(longest) == _LOOKED_AT * most:
            ids = _first_of_each(self._first_due(now, team_id, most + len(busy)), busy, most)
        self._connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_(ids))
            .values(state=_S.CLAIMED.value, owner=owner, lease_until=now + lease_us, attempts=deliveries.c.attempts + 1)
        )
        return self._found(deliveries.c.id.in_(ids))

    def _first_due(self, now: int, team_id: str | None, most: int) -> list[DeliveryRow]:
        """What each recipient waits for longest; looks at everything that is due."""
        of_each = (deliveries.c.team_id, deliveries.c.recipient)
        place = func.row_number().over(partition_by=of_each, order_by=(deliveries.c.due_at, deliveries.c.id))
        ranked = select(deliveries.c.id, place.label("place")).where(*_due(now, team_id)).subquery()
        return self._found(deliveries.c.id.in_(select(ranked.c.id).where(ranked.c.place == 1)), limit=most)

    def mark(self, row: DeliveryRow, state: DeliveryState, **values: object) -> bool:
        """What became of a claim, if it still is this owner's."""
        mine = (deliveries.c.id == row.id, deliveries.c.owner == row.owner, deliveries.c.state == _S.CLAIMED.value)
        kept: dict[str, object] = {} if state is _S.CLAIMED else {"owner": None, "lease_until": None}
        changed = update(deliveries).where(*mine).values(state=state.value, **kept, **values)
        return self._connection.execute(changed).rowcount == 1

    def keep_data(self, row: DeliveryRow, data: Mapping[str, object]) -> bool:
        return self.mark(row, _S.CLAIMED, data=json.dumps(data, sort_keys=True))

    def changes_of(self, row_id: str) -> int:
        return int(self._connection.execute(select(deliveries.c.changes).where(deliveries.c.id == row_id)).scalar_one())

    def lost(self, now: int) -> list[DeliveryRow]:
        """Claims that ran out: whoever held them is gone, and nobody knows how far it came."""
        return self._found(deliveries.c.state == _S.CLAIMED.value, deliveries.c.lease_until < now)

    def put_back(self, row: DeliveryRow, state: DeliveryState, now: int, reason: str | None = None) -> None:
        changed = update(deliveries).where(deliveries.c.id == row.id, deliveries.c.state == row.state.value)
        values = {"state": state.value, "owner": None, "lease_until": None, "reason": reason, "due_at": now}
        self._connection.execute(changed.values(**values, attempts=0))

    def by_id(self, row_id: str) -> DeliveryRow | None:
        found = self._found(deliveries.c.id == row_id)
        return found[0] if found else None

    def one(self, team_id: str, recipient: str, kind: DeliveryKind, subject: str) -> DeliveryRow | None:
        found = self._found(
            deliveries.c.team_id == team_id,
            deliveries.c.recipient == recipient,
            deliveries.c.kind == kind.value,
            deliveries.c.subject == subject,
        )
        return found[0] if found else None

    def of_subjects(self, kind: DeliveryKind, beginning: str) -> list[DeliveryRow]:
        """Of one subject with all its parts, such as every period of a schedule, newest first."""
        found = self._found(
            deliveries.c.kind == kind.value,
            or_(deliveries.c.subject == beginning, deliveries.c.subject.startswith(f"{beginning}:", autoescape=True)),
        )
        return found[::-1]

    def unsure_for(self, team_id: str, recipient: str) -> list[DeliveryRow]:
        return self._found(
            deliveries.c.team_id == team_id,
            deliveries.c.recipient == recipient,
            deliveries.c.state == _S.UNSURE.value,
        )

    def asks_for_hours(self, team_id: str, recipient: str) -> list[DeliveryRow]:
        """What somebody was asked to give more time to, decided or not."""
        return self._found(
            deliveries.c.team_id == team_id,
            deliveries.c.recipient == recipient,
            deliveries.c.kind == DeliveryKind.APPROVAL.value,
            deliveries.c.subject.contains(":hours:", autoescape=True),
        )

    def waiting(self, team_id: str, recipient: str, kind: DeliveryKind) -> int:
        """How many new messages of a kind somebody has still to get."""
        statement = select(func.count()).where(
            deliveries.c.team_id == team_id,
            deliveries.c.recipient == recipient,
            deliveries.c.kind == kind.value,
            deliveries.c.message_ts.is_(None),
            deliveries.c.state.in_([_S.DUE.value, _S.CLAIMED.value]),
        )
        return int(self._connection.execute(statement).scalar_one())

    def forget_before(self, instant: int) -> int:
        """What came to its end so long ago that nobody will press its buttons."""
        over = [_S.SENT.value, _S.DEAD.value, _S.SKIPPED.value]
        old = delete(deliveries).where(
            self._scope.covers(deliveries), deliveries.c.state.in_(over), deliveries.c.due_at < instant
        )
        return self._connection.execute(old).rowcount

    def counts(self) -> dict[DeliveryState, int]:
        statement = select(deliveries.c.state, func.count()).where(self._scope.covers(deliveries))
        return {DeliveryState(state): count for state, count in self._connection.execute(statement.group_by("state"))}

    def _found(self, *conditions: ColumnElement[bool], limit: int | None = None) -> list[DeliveryRow]:
        statement = select(deliveries).where(self._scope.covers(deliveries), *conditions)
        found = self._connection.execute(statement.order_by(deliveries.c.due_at, deliveries.c.id).limit(limit))
        return [_row(row._mapping) for row in found]


def _first_of_each(rows: Sequence[DeliveryRow], busy: set[tuple[Any, ...]], most: int) -> list[str]:
    """The ids of the first message of each recipient that is not busy."""
    first: dict[tuple[Any, ...], str] = {}
    for row in rows:
        if (row.team_id, row.recipient) not in busy:
            first.setdefault((row.team_id, row.recipient), row.id)
    return list(first.values())[:most]


def _due(now: int, team_id: str | None) -> list[ColumnElement[bool]]:
    """Of every workspace, or of one: a bot's token is good for its own alone."""
    of_team = [] if team_id is None else [deliveries.c.team_id == team_id]
    return [deliveries.c.state == _S.DUE.value, deliveries.c.due_at <= now, *of_team]


def _row(values: Mapping[Any, Any]) -> DeliveryRow:
    read = {
        **values,
        "data": json.loads(values["data"]),
        "kind": DeliveryKind(values["kind"]),
        "state": DeliveryState(values["state"]),
    }
    return DeliveryRow(**read)
