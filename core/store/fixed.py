"""Statements that every unit of work runs: compiled once, then given to the driver itself.

What SQLAlchemy does around an execution (its caches, contexts and result objects) costs several times what SQLite
takes to answer. Everywhere else it is worth that; here it would be most of a use case's price.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.sql.expression import Executable

Values = Mapping[str, object]


class Fixed:
    """A statement with its parameters by name. Its columns must be text and numbers, which no type converts."""

    def __init__(self, statement: Executable, columns: Sequence[str] | None = None) -> None:
        self._statement: Any = statement
        self._columns = columns  # that an insert or an update sets, where the statement does not say it
        self._compiled: dict[str, tuple[str, tuple[str, ...] | None, dict[str, object]]] = {}

    def rows(self, connection: Connection, values: Values) -> list[Any]:
        text, order, preset = self._for(connection)
        cursor = connection.connection.cursor()
        cursor.execute(text, _given(order, {**preset, **values}))
        found: list[Any] = list(cursor.fetchall())
        cursor.close()
        return found

    def run(self, connection: Connection, many: Sequence[Values]) -> None:
        text, order, preset = self._for(connection)
        cursor = connection.connection.cursor()
        for values in many:
            cursor.execute(text, _given(order, {**preset, **values}))
        cursor.close()

    def _for(self, connection: Connection) -> tuple[str, tuple[str, ...] | None, dict[str, object]]:
        name = connection.dialect.name
        if name not in self._compiled:
            compiled = self._statement.compile(dialect=connection.dialect, column_keys=self._columns)
            order = tuple(compiled.positiontup) if compiled.positional else None
            self._compiled[name] = (str(compiled), order, dict(compiled.params))
        return self._compiled[name]


def _given(order: tuple[str, ...] | None, values: dict[str, object]) -> Any:
    """In the form of the driver: by position (SQLite) or by name (PostgreSQL)."""
    return values if order is None else tuple(values[name] for name in order)
