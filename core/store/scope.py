"""Isolation as a type: whose rows a repository may see. No repository of tenant rows exists without one."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, bindparam, true


@dataclass(frozen=True, slots=True)
class Scope:
    """One organization, or everything with a reason that can be searched for."""

    org_id: str | None
    why: str = ""

    def covers(self, table: Table) -> ColumnElement[bool]:
        return true() if self.org_id is None else table.c.org_id == self.org_id

    @property
    def is_everything(self) -> bool:
        return self.org_id is None

    @property
    def bound(self) -> dict[str, str]:
        """What a statement made with `covered` is run with."""
        return {} if self.org_id is None else {_ORG: self.org_id}


_ORG = "of_org"


def covered(table: Table, *, everything: bool, joined: bool = False) -> ColumnElement[bool]:
    """The same as `covers` for a statement that is built once and run often: building costs more than running.

    `joined` is a table whose rows are named by another's: to find them by organization, SQLite would go through all
    that it has.
    """
    org = table.c.org_id.concat("") if joined else table.c.org_id
    return true() if everything else org == bindparam(_ORG)


def unscoped(why: str) -> Scope:
    return Scope(None, why)
