"""What is to be shown in Slack: follows the journal, says what is due, hands it out once, and keeps what became of it.

The bot's own side, as chat.py is. What a message shows is read under its reader's own rights when it is posted.
"""

from __future__ import annotations

from core.clock import DAY, HOUR, MINUTE, SECOND
from core.domain.chat import DeliveryKind, DeliveryState, NoticeKind
from core.domain.errors import Conflict, NotFound
from core.domain.lifecycle import FINAL
from core.domain.periods import Period
from core.domain.roles import Caller, Permission, require
from core.domain.schedule import next_due, period_before
from core.services.notices import News, tell_of_failure, want, warn_of_limits, warn_of_treasuries
from core.services.reporting import report_card, zone_of
from core.services.reports import want_report
from core.settings import Settings
from core.store.queries import reports
from core.store.repositories.chat import Inbox
from core.store.repositories.deliveries import DeliveryRow
from core.store.repositories.schedules import ScheduleRow
from core.store.units import Unit, Units
from core.views.chat import HoursAsked, Parcel, UnsureLine
from core.views.money import Sum
from core.views.people import Done
from core.views.reports import ReportCard

PLACE = "slack"
LEASE_US = 2 * MINUTE
PACE_US = SECOND
FEW_ATTEMPTS = 8  # for what is posted again long after it was first wanted
MOST_ATTEMPTS = 150  # of bringing a message up to date: about a day, at the longest wait between two
TRIED_FOR_US = 23 * HOUR  # a first posting: it has come, or is given up, within a day
INBOX_KEPT_US = 2 * DAY  # Slack delivers again for less than an hour
CARD_HOLDS_US = 15 * MINUTE  # so long a place in the queue and a cost so far are worth reading
_SHOWN_ANEW = 10  # at once: so many seconds the news that comes behind them waits, where all are one person's
_AT_ONCE = 100  # lines of the journal in one transaction, behind which every writer waits
_MOST_SLOTS = 1_000


class Deliveries:
    def __init__(self, units: Units, settings: Settings) -> None:
        self._units = units
        self._settings = settings

    # What is due

    def follow(self) -> int:
        """Read on in the journal; what was read and what follows from it are kept together, so nothing counts twice."""
        with self._units.look() as unit:
            place, newest = unit.deliveries.place(PLACE), unit.deliveries.newest_seq()
        if place == newest:
            return 0
        with self._units.serve() as unit:
            place = unit.deliveries.place(PLACE)
            if place is None:
                unit.deliveries.move_place(PLACE, unit.deliveries.newest_seq())
                return 0
            happened = unit.deliveries.happened_after(place, _AT_ONCE)
            News(unit, happened, self._settings.run_out).tell()
            if happened:
                unit.deliveries.move_place(PLACE, happened[-1].seq)
        return len(happened)

    def tick(self) -> int:
        """What time brings: reports due, limits near, treasuries given away, claims whose holder is gone."""
        with self._units.serve() as unit:
            found = sum(self._lose(unit, row) for row in unit.deliveries.lost(unit.now))
            found += sum(self._due(unit, row) for row in unit.schedules.due(unit.now))
            found += warn_of_limits(unit) + warn_of_treasuries(unit, self._settings.run_out)
            Inbox(unit.connection).forget_before(unit.now - INBOX_KEPT_US)
            unit.deliveries.forget_before(unit.now - self._settings.retention.deliveries_ms * 1000)
        return found

    def refresh(self) -> int:
        """Show some cards anew, the oldest first, while there is no news: a cost and a place in the queue grow old."""
        with self._units.look() as unit:
            if unit.deliveries.any_due(unit.now):
                return 0
            aged = unit.deliveries.aged_cards(unit.now - CARD_HOLDS_US, _SHOWN_ANEW)
        if not aged:
            return 0
        with self._units.serve() as unit:
            return unit.deliveries.show_anew(aged, unit.now)

    def _lose(self, unit: Unit, row: DeliveryRow) -> int:
        """Bringing a message up to date may be done again; a first posting may have happened, so it may not."""
        if row.message_ts is not None:
            unit.deliveries.put_back(row, DeliveryState.DUE, unit.now)
        else:
            unit.deliveries.put_back(row, DeliveryState.UNSURE, unit.now, "the bot ended while it was posting")
            self._tell_unsure(unit, row)
        return 1

    def _due(self, unit: Unit, row: ScheduleRow) -> int:
        """Every period that has come due since: each once; what is older than its limit is only recorded."""
        if unit.slack.org_name(row.org_id) is None:
            unit.schedules.change(row.id, next_at=None)
            return 0
        here = unit.within(row.org_id)
        slot, found = row.next_at or unit.now, 0
        for _ in range(_MOST_SLOTS):
            if slot > unit.now:
                break
            too_late = unit.now - slot > self._settings.reports.catch_up_ms * 1000
            state = DeliveryState.SKIPPED if too_late else DeliveryState.DUE
            period = period_before(row.cadence, slot, row.zone)
            if want_report(here, row, period, slot=slot, state=state):
                found += 1
                if too_late:
                    unit.record("report.skipped", row.handle, after={"since": period.since}, org_id=row.org_id)
            slot = next_due(row.when, slot)
        unit.schedules.change(row.id, next_at=slot)
        return found

    # What is handed out, and what became of it

    def new_owner(self) -> str:
        """A name for one courier, so that of several each marks only what it has claimed itself."""
        with self._units.look() as unit:
            return f"bot-{unit.ids.new()}"

    def claim(self, owner: str, most: int = 10, team_id: str | None = None) -> list[Parcel]:
        """With a workspace named, only what goes there."""
        with self._units.look() as unit:
            if not unit.deliveries.any_due(unit.now, team_id):
                return []
        with self._units.serve() as unit:
            rows = unit.deliveries.claim(
                owner, unit.now, lease_us=LEASE_US, pace_us=PACE_US, most=most, team_id=team_id
            )
            return [_parcel(unit, row) for row in rows]

    def posted(self, parcel: Parcel, channel: str, message_ts: str) -> None:
        """It stands in Slack now; what belongs to it may still be on its way."""
        with self._units.serve() as unit:
            row = _claimed(unit, parcel)
            if row is not None:
                unit.deliveries.mark(
                    row, DeliveryState.CLAIMED, channel=channel, message_ts=message_ts, sent_at=unit.now
                )

    def remember(self, parcel: Parcel, **facts: object) -> None:
        """Keep a fact with the delivery, such as that its files are being sent."""
        with self._units.serve() as unit:
            row = _claimed(unit, parcel)
            if row is not None:
                unit.deliveries.keep_data(row, {**row.data, **facts})

    def done(self, parcel: Parcel) -> None:
        """Shown. What changed meanwhile is due at once."""
        with self._units.serve() as unit:
            row = _claimed(unit, parcel)
            if row is not None:
                state = DeliveryState.SENT if row.changes == parcel.changes else DeliveryState.DUE
                unit.deliveries.mark(row, state, reason=None, sent_at=unit.now, due_at=unit.now)

    def later(self, parcel: Parcel, after_us: int, reason: str) -> None:
        """It was surely not posted; try again, but not for ever. An outage of some hours loses nothing."""
        too_long = parcel.message_ts is None and self.now() - parcel.created_at >= TRIED_FOR_US
        if parcel.attempts >= (FEW_ATTEMPTS if too_long else MOST_ATTEMPTS):
            self.never(parcel, reason)
            return
        with self._units.serve() as unit:
            row = _claimed(unit, parcel)
            if row is not None:
                unit.deliveries.mark(row, DeliveryState.DUE, reason=reason, due_at=unit.now + after_us)

    def never(self, parcel: Parcel, reason: str) -> None:
        with self._units.serve() as unit:
            row = _claimed(unit, parcel)
            if row is not None:
                unit.deliveries.mark(row, DeliveryState.DEAD, reason=reason, due_at=unit.now)
                if row.kind is DeliveryKind.REPORT:
                    tell_of_failure(unit, row, reason)

    def unsure(self, parcel: Parcel, reason: str) -> None:
        """Nobody knows whether it was posted."""
        with self._units.serve() as unit:
            row = _claimed(unit, parcel)
            if row is not None:
                unit.deliveries.mark(row, DeliveryState.UNSURE, reason=reason, due_at=unit.now)
                self._tell_unsure(unit, row)

    def _tell_unsure(self, unit: Unit, row: DeliveryRow) -> None:
        """Who asked for the report is asked whether to post it again."""
        schedule = unit.schedules.by_handle(str(row.data.get("schedule", "")))
        if row.kind is not DeliveryKind.REPORT or schedule is None:
            return
        for person in unit.slack.recipients(row.org_id, {schedule.created_by}):
            data: dict[str, object] = {"delivery": row.id, "channel": row.recipient}
            subject = f"{row.subject}:unsure:{row.attempts}:{unit.now}"
            data["notice"] = NoticeKind.UNSURE.value
            want(unit, person, row.org_id, DeliveryKind.NOTICE, subject, data)

    # What is asked about deliveries

    def report_of(self, parcel: Parcel) -> ReportCard:
        """What the report of this delivery says now."""
        with self._units.look() as unit:
            row = unit.deliveries.by_id(parcel.id)
            if row is None:
                raise NotFound("delivery_not_found", "the delivery is gone", None)
            if unit.slack.org_name(row.org_id) is None:
                raise NotFound("org_not_found", "its organization has ended", None)
            since, until = row.data.get("since"), row.data.get("until")
            assert isinstance(since, int) and isinstance(until, int), "a report's delivery names its period"
            zone, here = row.data.get("zone"), unit.within(row.org_id)
            days_of = zone if isinstance(zone, str) else zone_of(here, self._settings.reports.timezone)
            return report_card(here, Period(since, until), days_of)

    def refund_of(self, caller: Caller, handle: str) -> Sum:
        """What a deployment of one's organization was given back."""
        with self._units.read(caller) as unit:
            require(unit.me, Permission.DEPLOYMENT_READ)
            row = next(iter(unit.deployments.by_handles([handle])), None)
            back = reports.refunded(unit.connection, row.id) if row else None
        return Sum(back.ucr, back.gpu_ms) if back else Sum()

    def unsure_of(self, caller: Caller, team_id: str, user_id: str) -> tuple[UnsureLine, ...]:
        with self._units.read(caller) as unit:
            require(unit.me, Permission.IDENTITY_READ)
            rows = unit.for_all("one's own messages").deliveries.unsure_for(team_id, user_id)
        return tuple(UnsureLine(row.id, f"{row.kind.value} {row.subject.split(':')[0]}", row.due_at) for row in rows)

    def hours_asked_of(self, caller: Caller, team_id: str, user_id: str) -> tuple[HoursAsked, ...]:
        """Where somebody is asked for more time that nobody has given yet and that is still of use."""
        with self._units.read(caller) as unit:
            require(unit.me, Permission.DEPLOYMENT_DECIDE)
            asks = [ask for ask in unit.deliveries.asks_for_hours(team_id, user_id) if "decision" not in ask.data]
            rows = {row.handle: row for row in unit.deployments.by_handles(sorted(map(_handle, asks)))}
            found = [(rows[_handle(ask)], ask) for ask in asks if _handle(ask) in rows]
            return tuple(
                HoursAsked(row.handle, row.name, unit.slack.account_name(row.owner_id), row.limit_ms, _more(ask))
                for row, ask in found
                if row.state not in FINAL and row.limit_ms is not None and row.limit_ms == ask.data.get("had_ms")
            )

    def post_again(self, caller: Caller, team_id: str, user_id: str, delivery_id: str) -> Done:
        """Whoever looked and did not find it says so; then it is due anew."""
        with self._units.write(caller) as unit:
            require(unit.me, Permission.IDENTITY_READ)
            everywhere = unit.for_all("a delivery is found by its id, then judged").deliveries
            row = everywhere.by_id(delivery_id)
            if row is None or not _may_repeat(unit, row, team_id, user_id):
                raise NotFound("delivery_not_found", "there is no such message of yours", None)
            if row.state is not DeliveryState.UNSURE:
                raise Conflict("not_unsure", f"it is {row.state.value} by now", "nothing was posted again")
            everywhere.put_back(row, DeliveryState.DUE, unit.now)
            unit.record("delivery.again", row.subject, org_id=row.org_id)
        return Done("it is posted again")

    def now(self) -> int:
        return self._units.now()

    def workspaces(self) -> tuple[str, ...]:
        """Those that belong to an organization, and so want a bot."""
        with self._units.look() as unit:
            return tuple(unit.slack.bound_workspaces())

    def counts(self) -> dict[DeliveryState, int]:
        with self._units.look() as unit:
            return unit.deliveries.counts()


def _handle(ask: DeliveryRow) -> str:
    return ask.subject.split(":")[0]


def _more(ask: DeliveryRow) -> int:
    more = ask.data.get("more_ms")
    return more if isinstance(more, int) else 0


def _may_repeat(unit: Unit, row: DeliveryRow, team_id: str, user_id: str) -> bool:
    if row.kind is not DeliveryKind.REPORT:
        return (row.team_id, row.recipient) == (team_id, user_id)
    if row.org_id != unit.me.org_id:
        return False
    require(unit.me, Permission.REPORT_SCHEDULE)
    return True


def _claimed(unit: Unit, parcel: Parcel) -> DeliveryRow | None:
    """The row, if this owner still holds it: one that was lost meanwhile is somebody else's."""
    row = unit.deliveries.by_id(parcel.id)
    return row if row is not None and row.owner == parcel.owner else None


def _parcel(unit: Unit, row: DeliveryRow) -> Parcel:
    thread = None
    if row.kind is DeliveryKind.NOTICE and "deployment" in row.data:
        card = unit.deliveries.one(row.team_id, row.recipient, DeliveryKind.CARD, str(row.data["deployment"]))
        thread = card.message_ts if card else None
    return Parcel(
        id=row.id,
        owner=row.owner or "",
        org=unit.slack.org_name(row.org_id) or "",
        team_id=row.team_id,
        recipient=row.recipient,
        kind=row.kind,
        subject=row.subject,
        data=row.data,
        changes=row.changes,
        attempts=row.attempts,
        channel=row.channel,
        message_ts=row.message_ts,
        thread_ts=thread,
        created_at=row.created_at,
    )
