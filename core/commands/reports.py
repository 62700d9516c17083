"""Verbs of reports: what was used in a period, shown now or posted into a channel again and again."""

from __future__ import annotations

from core.commands.asking import asked, csv_text, plain, report_requests
from core.commands.verbs import Argument, Bursar, Kind, Values, Verb
from core.domain.roles import Caller, Permission

_SCHEDULE = Argument("id", "the schedule's id, or enough of its beginning", positional=True, required=True)


def _show(bursar: Bursar, caller: Caller, values: Values) -> object:
    card = bursar.reports.show(caller, values["period"])
    return csv_text.of_report(card) if values["csv"] else card


def _schedule(bursar: Bursar, caller: Caller, values: Values) -> object:
    asked_for = {"channel": values["channel"], "when": " ".join(values["when"])}
    return bursar.reports.schedule(caller, asked(report_requests.NewSchedule, asked_for))


VERBS: tuple[Verb, ...] = (
    Verb(
        ("report", "show"),
        "show what was used in a period and what is left; members see their own",
        Permission.USAGE_READ,
        _show,
        (
            Argument("period", "week, this-week, 2026-11 or 2026-11-09..2026-11-16", default="week", placeholder="P"),
            Argument("csv", "as CSV, a row for each deployment", Kind.FLAG),
        ),
        more="`day`, `week` and `month` mean the last whole one; `today`, `this-week` and `this-month` the one that"
        " goes on. Days are those of the organization's time zone.",
    ),
    Verb(
        ("report", "schedule"),
        "post the report into a Slack channel, again and again",
        Permission.REPORT_SCHEDULE,
        _schedule,
        (
            Argument("channel", "the channel's id, such as C024BE91L; in Slack: here", positional=True, required=True),
            Argument(
                "when",
                "daily 09:00, weekly mon 09:00, monthly 2 09:00; and a zone",
                positional=True,
                required=True,
                repeated=True,
            ),
        ),
        more="The answer names the three times that come next. A time without a zone is the organization's.",
    ),
    Verb(
        ("report", "list"),
        "list where and when reports are posted, and what became of the last",
        Permission.REPORT_READ,
        plain(lambda bursar: bursar.reports.list),
        columns=("id", "channel", "when", "state", "next_at", "last"),
        nothing="no reports are scheduled; report schedule CHANNEL weekly mon 09:00 does it",
    ),
    Verb(
        ("report", "mute"),
        "post nothing for now; said again, go on",
        Permission.REPORT_SCHEDULE,
        lambda bursar, caller, values: bursar.reports.mute(caller, values["id"]),
        (_SCHEDULE,),
    ),
    Verb(
        ("report", "delete"),
        "end a schedule; what it has posted stays",
        Permission.REPORT_SCHEDULE,
        lambda bursar, caller, values: bursar.reports.delete(caller, values["id"]),
        (_SCHEDULE,),
    ),
    Verb(
        ("report", "run"),
        "post the last period now, or bring what was posted up to date",
        Permission.REPORT_SCHEDULE,
        lambda bursar, caller, values: bursar.reports.run(caller, values["id"]),
        (_SCHEDULE,),
    ),
)
