"""Isolation as a type: whose rows a repository may see. No repository of tenant rows exists without one."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, true


@dataclass(frozen=True, slots=True)
class Scope:
    """One organization, or everything with a reason that can be searched for."""

    org_id: str | None
    why: str = ""

    def covers(self, table: Table) -> ColumnElement[bool]:
        return true() if self.org_id is None else table.c.org_id == self.org_id


def unscoped(why: str) -> Scope:
    return Scope(None, why)
