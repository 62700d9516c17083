"""Who is told what in Slack of a line in the journal, and of what time brings: cards, approvals, notices, each once.

A message is unique by recipient, kind and subject, so the subject says what counts as the same news.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from core.clock import DAY, MINUTE
from core.domain.chat import DeliveryKind, DeliveryState, FundsLevel, NoticeKind
from core.domain.lifecycle import State, Trigger
from core.domain.roles import Role
from core.ledger.accounts import treasury
from core.ledger.amounts import Book
from core.settings import RunOut
from core.store.queries import reports
from core.store.repositories.chat import PersonRow
from core.store.repositories.deliveries import DeliveryRow, Happened
from core.store.repositories.deployments import DeploymentRow
from core.store.units import Unit

MOST_WAITING = 20  # of the cards and of the approvals that somebody has still to get
MOST_FAILURES = 3
_WARNINGS_MIN = (15, 5)
_WALLET, _TREASURY, _MONEY, _DEPLOYMENT = "wallet.", "treasury.", "money.", "deployment."
_REMOVED = "member.remove"
_HOURS, _ASKED_HOURS = "deployment.hours", "deployment.ask_hours"
_HEARD = (_WALLET, _TREASURY, _MONEY, _DEPLOYMENT, _REMOVED)

_NOTICE_OF: dict[str, NoticeKind] = {
    Trigger.APPROVE.value: NoticeKind.APPROVED,
    Trigger.SEEN_RUNNING.value: NoticeKind.STARTED,
    Trigger.PREEMPT.value: NoticeKind.PREEMPTED,
}
_ENDED = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED, State.REJECTED, State.EXPIRED, State.STOPPED})
_DECIDED: dict[str, str] = {
    Trigger.APPROVE.value: "approved",
    Trigger.REJECT.value: "rejected",
    Trigger.CANCEL.value: "cancelled",
    Trigger.EXPIRE.value: "expired",
}


class News:
    """Some lines of the journal with what is asked of all of them, asked once: writers wait meanwhile."""

    def __init__(self, unit: Unit, lines: Sequence[Happened], rules: RunOut) -> None:
        self._unit = unit
        self._rules = rules
        bound = set(unit.slack.bound_orgs())
        self._lines = [one for one in lines if one.org_id in bound and one.verb.startswith(_HEARD)]
        handles = sorted({one.target for one in self._lines if one.verb.startswith(_DEPLOYMENT)})
        self._rows = {row.handle: row for row in unit.deployments.by_handles(handles)} if handles else {}
        self._shown = unit.deliveries.subjects_among(handles) if handles else set()
        self._people: dict[tuple[str, str], list[PersonRow]] = {}
        self._admins: dict[str, list[PersonRow]] = {}
        self._full: set[tuple[PersonRow, DeliveryKind]] = set()
        self._told_of_more: set[tuple[PersonRow, str]] = set()

    def tell(self) -> None:
        for one in self._lines:
            org_id = one.org_id or ""
            if one.verb.startswith(_DEPLOYMENT):
                self._of_deployment(one, org_id)
            elif one.verb.startswith(_WALLET):
                _of_wallet(self._unit, one, org_id, self._rules)
            elif one.verb.startswith(_TREASURY):
                _of_treasury(self._unit, one, org_id)
            elif one.verb == _REMOVED:
                _of_member(self._unit, one, org_id)
            else:
                _of_money(self._unit, one, org_id)

    def _of_deployment(self, one: Happened, org_id: str) -> None:
        unit, row = self._unit, self._rows.get(one.target)
        if row is None:
            return
        if row.handle in self._shown:
            unit.deliveries.freshen(DeliveryKind.CARD, row.handle, unit.now)
            unit.deliveries.freshen(DeliveryKind.APPROVAL, row.handle, unit.now, _decision(one))
            self._settle_asks(one)
        for person in self._who(org_id, row.owner_id):
            self._shown.add(row.handle)
            if self._has_card(row, person):
                _notice(unit, one, row, person)
            else:
                self._tell_of_more(one, org_id, person, DeliveryKind.CARD)
        if one.verb == "deployment.submit" and one.after.get("state") == State.AWAITING_APPROVAL.value:
            self._ask(one, org_id, row.handle, {"deployment": row.handle})
        if one.verb == _ASKED_HOURS:
            asked: dict[str, object] = {"deployment": row.handle, "by": one.actor, **one.after}
            subject = f"{row.handle}:hours:{one.after['had_ms']}"
            unit.deliveries.say_instead(DeliveryKind.APPROVAL, subject, asked, unit.now)
            self._ask(one, org_id, subject, asked)

    def _ask(self, one: Happened, org_id: str, subject: str, data: dict[str, object]) -> None:
        """Everybody who may decide."""
        self._shown.add(one.target)
        for person in self._deciders(org_id):
            if self._bears(person, DeliveryKind.APPROVAL):
                want(self._unit, person, org_id, DeliveryKind.APPROVAL, subject, data)
            else:
                self._tell_of_more(one, org_id, person, DeliveryKind.APPROVAL)

    def _settle_asks(self, one: Happened) -> None:
        """Where more time was asked for: it was given, or it is of no use any more."""
        given = one.verb == _HOURS
        if not given and "state" not in one.after:
            return
        decision: dict[str, object] | None = {"decision": ["given", one.actor, one.at]} if given else None
        asks = self._unit.deliveries.of_subjects(DeliveryKind.APPROVAL, f"{one.target}:hours")
        for subject in {ask.subject for ask in asks}:
            self._unit.deliveries.freshen(DeliveryKind.APPROVAL, subject, self._unit.now, decision)

    def _who(self, org_id: str, account_id: str) -> list[PersonRow]:
        if (org_id, account_id) not in self._people:
            self._people[org_id, account_id] = self._unit.slack.recipients(org_id, {account_id})
        return self._people[org_id, account_id]

    def _deciders(self, org_id: str) -> list[PersonRow]:
        if org_id not in self._admins:
            self._admins[org_id] = self._unit.slack.recipients(org_id, _admins(self._unit, org_id))
        return self._admins[org_id]

    def _has_card(self, row: DeploymentRow, person: PersonRow) -> bool:
        """One card a deployment. Of very many at once only some get one: the rest is in the list, which is told."""
        unit = self._unit
        if unit.deliveries.one(person.team_id, person.user_id, DeliveryKind.CARD, row.handle) is not None:
            return True
        if not self._bears(person, DeliveryKind.CARD):
            return False
        return want(unit, person, row.org_id, DeliveryKind.CARD, row.handle, {"deployment": row.handle})

    def _bears(self, person: PersonRow, kind: DeliveryKind) -> bool:
        """Whether one more new message of a kind is not too much; nothing is posted while this is worked out."""
        whose = (person, kind)
        if whose not in self._full:
            if self._unit.deliveries.waiting(person.team_id, person.user_id, kind) < MOST_WAITING:
                return True
            self._full.add(whose)
        return False

    def _tell_of_more(self, one: Happened, org_id: str, person: PersonRow, kind: DeliveryKind) -> None:
        """Once a day, where the rest is seen."""
        subject = f"more:{kind.value}:{org_id}:{one.at // DAY}"
        if (person, subject) not in self._told_of_more:
            self._told_of_more.add((person, subject))
            data: dict[str, object] = {"notice": NoticeKind.MORE.value, "of": kind.value, "most": MOST_WAITING}
            want(self._unit, person, org_id, DeliveryKind.NOTICE, subject, data)


def want(
    unit: Unit,
    person: PersonRow,
    org_id: str,
    kind: DeliveryKind,
    subject: str,
    data: dict[str, object],
) -> bool:
    return unit.deliveries.want(
        unit.ids.new(),
        org_id=org_id,
        team_id=person.team_id,
        recipient=person.user_id,
        kind=kind,
        subject=subject,
        now=unit.now,
        data=data,
    )


# Of work


def _admins(unit: Unit, org_id: str) -> Collection[str]:
    return {member.account_id for member in unit.within(org_id).members.all() if member.role is Role.ADMIN}


def _decision(one: Happened) -> dict[str, object] | None:
    """Who decided what, and when: the card of the approval says it instead of its buttons."""
    what = _DECIDED.get(one.verb.removeprefix(_DEPLOYMENT))
    return {"decision": [what, one.actor, one.at]} if what else None


def _notice(unit: Unit, one: Happened, row: DeploymentRow, person: PersonRow) -> None:
    trigger, state = one.verb.removeprefix(_DEPLOYMENT), str(one.after.get("state", ""))
    kind = _NOTICE_OF.get(trigger)
    if one.verb == _HOURS and one.actor != unit.slack.account_name(row.owner_id):
        kind = NoticeKind.HOURS
    if kind is None and state in _ENDED and one.after.get("trigger") == trigger:
        kind = NoticeKind.ENDED
    if kind is None:
        return
    data: dict[str, object] = {"notice": kind.value, "deployment": row.handle, "by": one.actor, "state": state}
    if kind is NoticeKind.HOURS:
        data["limit_ms"] = one.after.get("limit_ms")
    if kind is NoticeKind.PREEMPTED:
        data["reason"] = one.after.get("reason")
        data["for"] = _for_whom(unit, row, str(data["reason"]))
    want(unit, person, row.org_id, DeliveryKind.NOTICE, f"{row.handle}:{one.seq}", data)


def _for_whom(unit: Unit, row: DeploymentRow, reason: str) -> str | None:
    """The name and the owner of what somebody had to leave for; of another organization nothing is named."""
    preemptor = next(iter(unit.deployments.by_handles([reason.rpartition(" ")[2]])), None)
    owner = unit.accounts.by_id(preemptor.owner_id) if preemptor and preemptor.org_id == row.org_id else None
    return f"{preemptor.name} of {owner.name}" if preemptor and owner else None


def warn_of_limits(unit: Unit) -> int:
    """Jobs whose limit is near, each once for each limit that it had."""
    found = 0
    ending = reports.ending_by(unit.connection, unit.scope, unit.now, max(_WARNINGS_MIN) * MINUTE)
    rows = {row.id: row for row in unit.deployments.by_ids([one[0] for one in ending])}
    for row_id, handle, limit_ms, ends_at in ending:
        minutes = min(m for m in _WARNINGS_MIN if ends_at - unit.now <= m * MINUTE)
        data: dict[str, object] = {"notice": NoticeKind.LIMIT_NEAR.value, "deployment": handle, "ends_at": ends_at}
        row = rows[row_id]
        for person in unit.slack.recipients(row.org_id, {row.owner_id}):
            subject = f"{handle}:{row.generation}:{limit_ms}:{minutes}"
            found += want(unit, person, row.org_id, DeliveryKind.NOTICE, subject, data)
    return found


# Of people


def _of_member(unit: Unit, one: Happened, org_id: str) -> None:
    """Who was taken out by somebody else is told by whom; from then on nothing of the organization reaches them."""
    gone = unit.accounts.by_name(one.target)
    data: dict[str, object] = {"notice": NoticeKind.REMOVED.value, "by": one.actor, "org": unit.slack.org_name(org_id)}
    for person in unit.slack.recipients(org_id, {gone.id} if gone else ()):
        want(unit, person, org_id, DeliveryKind.NOTICE, f"removed:{one.seq}", data)


# Of reports


def tell_of_failure(unit: Unit, row: DeliveryRow, reason: str) -> None:
    """Who asked for a report is told that it cannot be posted; after several in a row nothing more is tried."""
    schedule = unit.schedules.by_handle(str(row.data.get("schedule", "")))
    if schedule is None or schedule.deleted_at is not None or unit.slack.org_name(row.org_id) is None:
        return
    newest = unit.deliveries.of_subjects(DeliveryKind.REPORT, schedule.handle)[:MOST_FAILURES]
    paused = len(newest) == MOST_FAILURES and all(one.state is DeliveryState.DEAD for one in newest)
    if paused and schedule.muted_at is None:
        unit.schedules.change(schedule.id, muted_at=unit.now, next_at=None)
        unit.record("report.mute", schedule.handle, after={"reason": reason}, org_id=row.org_id)
    data: dict[str, object] = {
        "notice": NoticeKind.REPORT_FAILED.value,
        "schedule": schedule.handle,
        "channel": row.recipient,
        "reason": reason,
        "paused": paused,
    }
    for person in unit.slack.recipients(row.org_id, {schedule.created_by}):
        want(unit, person, row.org_id, DeliveryKind.NOTICE, f"{row.subject}:failed", data)


# Of money


def _of_wallet(unit: Unit, one: Happened, org_id: str, rules: RunOut) -> None:
    """A rung of the run-out ladder. Steps taken at one instant are one piece of news: its numbers say how far."""
    owner = unit.accounts.by_name(one.target)
    if owner is None:
        return
    book, used, left = str(one.after.get("book")), _whole(one.after.get("used")), _whole(one.after.get("left"))
    step = one.verb.removeprefix(_WALLET)
    data = _funds(one.target, book, _LEVEL_OF_STEP.get(step) or _level(used, left, rules), used, left)
    for person in unit.slack.recipients(org_id, {owner.id}):
        subject = f"funds:{org_id}:{book}:{one.at}:{step if step in _LEVEL_OF_STEP else ''}"
        want(unit, person, org_id, DeliveryKind.NOTICE, subject, data)


def _of_treasury(unit: Unit, one: Happened, org_id: str) -> None:
    """What ran at its cost was stopped, or it was filled up again. Its levels are told by what time brings."""
    level = _LEVEL_OF_STEP.get(one.verb.removeprefix(_TREASURY))
    if level is None:
        return
    book, used, left = str(one.after.get("book")), _whole(one.after.get("used")), _whole(one.after.get("left"))
    for person in unit.slack.recipients(org_id, _admins(unit, org_id)):
        subject = f"treasury:{org_id}:{book}:{one.at}:{level.value}"
        want(unit, person, org_id, DeliveryKind.NOTICE, subject, _funds(None, book, level, used, left))


def _funds(whose: str | None, book: str, level: FundsLevel, used: int, left: int) -> dict[str, object]:
    """The facts of a notice; without an owner they are the treasury's."""
    in_credits = book == Book.CREDITS.value
    facts = {"whose": whose, "credits": in_credits, "level": level.value, "used": used, "left": left}
    return {"notice": NoticeKind.FUNDS.value, **facts}


_LEVEL_OF_STEP = {"stop_unheld": FundsLevel.STOPPED, "refilled": FundsLevel.FILLED}


def _level(used: int, left: int, rules: RunOut) -> FundsLevel:
    if left <= 0:
        return FundsLevel.EMPTY
    nearly = used * 100 >= rules.approval_percent * (used + left)
    return FundsLevel.NEARLY_EMPTY if nearly else FundsLevel.LOW


def _of_money(unit: Unit, one: Happened, org_id: str) -> None:
    """Whoever was given something by somebody else is told by whom and why."""
    for account, moved in one.after.items():
        kind, _, name = account.partition(" ")
        if kind != "wallet" or not isinstance(moved, dict) or name == one.actor:
            continue
        amounts = {of: _whole(moved.get(of)) for of in ("credits_ucr", "gpu_ms")}
        owner = unit.accounts.by_name(name)
        if owner is None or min(amounts.values()) < 0 or not any(amounts.values()):
            continue
        data: dict[str, object] = {"notice": NoticeKind.GIVEN.value, "by": one.actor, **amounts}
        data["reason"] = one.after.get("reason")
        for person in unit.slack.recipients(org_id, {owner.id}):
            want(unit, person, org_id, DeliveryKind.NOTICE, f"given:{one.seq}", data)


def warn_of_treasuries(unit: Unit, rules: RunOut) -> int:
    """Treasuries of which most is given away, to those who can do something; once for a level and a filling."""
    found = 0
    for org_id in unit.slack.bound_orgs():
        for book in Book:
            filled = reports.treasury_filled(unit.connection, org_id, book)
            left = unit.ledger.balance(treasury(org_id)).posted.of(book)
            if filled is None or (filled.had - left) * 100 < rules.notice_percent * filled.had:
                continue
            level = _level(filled.had - left, left, rules)
            data = _funds(None, book.value, level, filled.had - left, left)
            for person in unit.slack.recipients(org_id, _admins(unit, org_id)):
                subject = f"treasury:{org_id}:{book.value}:{filled.number}:{level.value}"
                found += want(unit, person, org_id, DeliveryKind.NOTICE, subject, data)
    return found


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
