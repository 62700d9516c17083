"""Reports of use: shown on demand, and scheduled into channels. What a report says is made in reporting.py."""

from __future__ import annotations

from collections.abc import Mapping

from core.domain.chat import DeliveryKind, DeliveryState
from core.domain.errors import Conflict, Exhausted, Invalid
from core.domain.periods import Period, iso
from core.domain.report_requests import NewSchedule
from core.domain.roles import Permission, allows
from core.domain.schedule import next_due, next_dues, period_before, read_report_period, read_when
from core.services.references import picked
from core.services.reporting import Member, report_card, zone_of
from core.services.usecase import reads, writes
from core.settings import Settings
from core.store.handles import free_handle
from core.store.repositories.deliveries import DeliveryRow
from core.store.repositories.schedules import ScheduleRow
from core.store.units import Unit, Units
from core.views.operations import Page
from core.views.people import Done
from core.views.reports import ReportCard, ScheduleLine

MOST_SCHEDULES = 50
SHOWN_DUES = 3


class Reports:
    def __init__(self, units: Units, settings: Settings) -> None:
        self.units = units
        self._settings = settings.reports

    @reads(Permission.USAGE_READ)
    def show(self, unit: Unit, period: str | None = None) -> ReportCard:
        """What was used in a period: a day, a week, a month, or from one day to another. Members see their own."""
        zone = zone_of(unit, self._settings.timezone)
        alone = None if allows(unit.me, Permission.USAGE_READ) else Member(unit.me.account_id, unit.me.name)
        return report_card(unit, read_report_period(period, zone, unit.now), zone, alone)

    @reads(Permission.REPORT_SCHEDULE)
    def preview(self, unit: Unit, request: NewSchedule) -> ReportCard:
        """What would be posted if the schedule were due now; nothing is written."""
        when = read_when(request.when, zone_of(unit, self._settings.timezone))
        self._team(unit, request)
        return report_card(unit, period_before(when.cadence, unit.now, when.zone), when.zone)

    @writes(Permission.REPORT_SCHEDULE)
    def schedule(self, unit: Unit, request: NewSchedule) -> ScheduleLine:
        """Post the organization's use into a channel, again and again."""
        when = read_when(request.when, zone_of(unit, self._settings.timezone))
        team_id = self._team(unit, request)
        living = unit.schedules.living()
        for row in living:
            if (row.team_id, row.channel, row.when) == (team_id, request.channel_id, when):
                raise Conflict("scheduled_already", f"{row.handle} does this already", "`report list` shows it")
        if len(living) >= MOST_SCHEDULES:
            raise Exhausted("schedules_full", f"there are {len(living)} schedules", "delete one that nobody reads")
        row = ScheduleRow(
            id=unit.ids.new(),
            handle=free_handle(unit.ids, "rep", unit.schedules.has_handle),
            org_id=unit.org_id,
            team_id=team_id,
            channel=request.channel_id,
            cadence=when.cadence,
            day=when.day,
            minute=when.minute,
            zone=when.zone,
            next_at=next_due(when, unit.now),
            created_at=unit.now,
            created_by=unit.me.account_id,
        )
        unit.schedules.add(row)
        unit.record("report.schedule", row.handle, after={"channel": row.channel, "when": str(when)})
        return _line(unit, row)

    @reads(Permission.REPORT_READ)
    def list(self, unit: Unit) -> Page[ScheduleLine]:
        return Page(tuple(_line(unit, row) for row in unit.schedules.living()))

    @writes(Permission.REPORT_SCHEDULE)
    def mute(self, unit: Unit, reference: str) -> ScheduleLine:
        """Post nothing until it is asked to again; asked a second time it goes on."""
        row = _referred(unit, reference)
        muted = row.muted_at is None
        next_at = None if muted else next_due(row.when, unit.now)
        unit.schedules.change(row.id, muted_at=unit.now if muted else None, next_at=next_at)
        unit.record("report.mute" if muted else "report.unmute", row.handle)
        return _line(unit, _referred(unit, row.handle))

    @writes(Permission.REPORT_SCHEDULE)
    def delete(self, unit: Unit, reference: str) -> Done:
        row = _referred(unit, reference)
        unit.schedules.change(row.id, deleted_at=unit.now, next_at=None)
        unit.record("report.delete", row.handle, {"channel": row.channel, "when": str(row.when)})
        return Done(f"{row.handle} is deleted; what it has posted stays")

    @writes(Permission.REPORT_SCHEDULE)
    def run(self, unit: Unit, reference: str) -> Done:
        """Post the last whole period now; where it was posted already, bring that message up to date."""
        row = _referred(unit, reference)
        period = period_before(row.cadence, unit.now, row.zone)
        assert period.since is not None
        subject = subject_of(row, period)
        known = unit.deliveries.one(row.team_id, row.channel, DeliveryKind.REPORT, subject)
        if known is None:
            want_report(unit, row, period, slot=unit.now)
        elif known.state is DeliveryState.SENT:
            unit.deliveries.freshen(DeliveryKind.REPORT, subject, unit.now)
        elif known.state in (DeliveryState.DEAD, DeliveryState.SKIPPED):
            unit.deliveries.put_back(known, DeliveryState.DUE, unit.now)
        elif known.state is DeliveryState.UNSURE:
            raise Conflict("report_unsure", "nobody knows whether it was posted", "look into the channel: [Post again]")
        unit.record("report.run", row.handle, after={"since": iso(period.since)})
        return Done(f"the report of {row.handle} goes to {row.channel}")

    def _team(self, unit: Unit, request: NewSchedule) -> str:
        mine = [bound.team_id for bound in unit.slack.workspaces_of(unit.org_id)]
        if request.team_id is not None and request.team_id in mine:
            return request.team_id
        if not mine or request.team_id is not None:
            hint = "`/bursar join CODE` in Slack, or `/bursar link`, binds the workspace"
            raise Conflict("no_workspace", f"no such Slack workspace belongs to {unit.me.org_name}", hint)
        if len(mine) > 1:
            named = ", ".join(f"{team}/{request.channel_id}" for team in mine)
            raise Invalid("which_workspace", f"channel: {len(mine)} workspaces may be meant", f"give one of {named}")
        return mine[0]


def subject_of(row: ScheduleRow, period: Period) -> str:
    """One schedule and one period: what is never posted twice."""
    return f"{row.handle}:{period.since}"


def want_report(
    unit: Unit, row: ScheduleRow, period: Period, *, slot: int, state: DeliveryState = DeliveryState.DUE
) -> bool:
    """Its days are those of the schedule's zone: the days of another would be counted twice, or not at all, whenever
    one of the two changes its clocks between midnight and the time of posting."""
    data: Mapping[str, object] = {
        "since": period.since,
        "until": period.until,
        "zone": row.zone,
        "slot": slot,
        "schedule": row.handle,
    }
    return unit.deliveries.want(
        unit.ids.new(),
        org_id=row.org_id,
        team_id=row.team_id,
        recipient=row.channel,
        kind=DeliveryKind.REPORT,
        subject=subject_of(row, period),
        now=unit.now,
        data=data,
        state=state,
    )


def _referred(unit: Unit, reference: str) -> ScheduleRow:
    return picked(
        reference,
        unit.schedules.living(),
        lambda row: (row.handle,),
        what="schedule",
        see="bursar report list",
        offers=False,
    )


def _line(unit: Unit, row: ScheduleRow) -> ScheduleLine:
    dues = () if row.next_at is None else (row.next_at, *next_dues(row.when, row.next_at, SHOWN_DUES - 1))
    newest = next(iter(unit.deliveries.of_subjects(DeliveryKind.REPORT, row.handle)), None)
    return ScheduleLine(
        id=row.handle,
        channel=row.channel,
        when=str(row.when),
        state="muted" if row.muted_at is not None else "on",
        next_at=row.next_at,
        next_dues=tuple(iso(due) for due in dues),
        last=_outcome(newest) if newest else None,
    )


def _outcome(row: DeliveryRow) -> str:
    since = row.data.get("since")
    period = f"of {iso(since)[:10]}" if isinstance(since, int) else ""
    return f"{row.state.value} {period}" + (f": {row.reason}" if row.reason else "")
