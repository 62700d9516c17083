"""Schedules of reports: where, how often, and when next."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from core.domain.schedule import Cadence, When
from core.store.scope import Scope
from core.store.tables import slack

schedules = slack.ReportSchedule.__table__


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    id: str
    handle: str
    org_id: str
    team_id: str
    channel: str
    cadence: Cadence
    day: int
    minute: int
    zone: str
    next_at: int | None
    created_at: int
    created_by: str
    muted_at: int | None = None
    deleted_at: int | None = None

    @property
    def when(self) -> When:
        return When(self.cadence, self.day, self.minute, self.zone)


class Schedules:
    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope

    def add(self, row: ScheduleRow) -> None:
        values = {name: getattr(row, name) for name in ScheduleRow.__slots__}
        self._connection.execute(insert(schedules), {**values, "cadence": row.cadence.value})

    def has_handle(self, handle: str) -> bool:
        found = select(schedules.c.id).where(schedules.c.handle == handle)
        return self._connection.execute(found).first() is not None

    def living(self) -> list[ScheduleRow]:
        return self._found(schedules.c.deleted_at.is_(None))

    def by_handle(self, handle: str) -> ScheduleRow | None:
        """Also one that was deleted: what it has posted still bears its name."""
        found = self._found(schedules.c.handle == handle)
        return found[0] if found else None

    def due(self, now: int) -> list[ScheduleRow]:
        return self._found(schedules.c.next_at <= now)

    def change(self, schedule_id: str, **values: int | None) -> None:
        self._connection.execute(update(schedules).where(schedules.c.id == schedule_id).values(**values))

    def _found(self, *conditions: object) -> list[ScheduleRow]:
        statement = select(schedules).where(self._scope.covers(schedules), *conditions)  # type: ignore[arg-type]
        found = self._connection.execute(statement.order_by(schedules.c.created_at, schedules.c.id))
        return [ScheduleRow(**{**row._mapping, "cadence": Cadence(row.cadence)}) for row in found]
