"""Statements that run often: compiled once, then given to the driver itself.

What SQLAlchemy does around an execution (its caches, contexts and result objects) costs several times what SQLite
takes to answer. Everywhere else it is worth that; here it would be most of a use case's price.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import Executable
from sqlalchemy.types import NullType

Values = Mapping[str, object]

_KEYS = "keys"


class Among(ColumnElement[bool]):
    """Whether a column is one of the keys that `Fixed.among` is asked with: one statement for however many."""

    inherit_cache = False

    def __init__(self, column: ColumnElement[Any]) -> None:
        self.column = column
        self.keys = bindparam(_KEYS, type_=NullType())


@compiles(Among, "sqlite")
def _in_json(one: Among, compiler: Any, **how: Any) -> str:
    keys = compiler.process(one.keys, **how)
    return f"{compiler.process(one.column, **how)} IN (SELECT value FROM json_each({keys}))"  # noqa: S608 - no words but ours


@compiles(Among, "postgresql")
def _in_array(one: Among, compiler: Any, **how: Any) -> str:
    return f"{compiler.process(one.column, **how)} = ANY({compiler.process(one.keys, **how)})"


class Fixed:
    """A statement with its parameters by name. Its columns must be text and numbers, which no type converts."""

    def __init__(self, statement: Executable, columns: Sequence[str] | None = None) -> None:
        self._statement: Any = statement
        self._columns = columns  # that an insert or an update sets, where the statement does not say it
        self._compiled: dict[str, tuple[str, tuple[str, ...] | None, dict[str, object]]] = {}

    def rows(self, connection: Connection, values: Values) -> list[Any]:
        """Plain tuples, in the order of the columns."""
        text, order, preset = self._for(connection)
        cursor = connection.connection.cursor()
        _send(connection, cursor, text, _given(order, {**preset, **values}))
        found: list[Any] = list(cursor.fetchall())
        cursor.close()
        return found

    def among(self, connection: Connection, keys: Sequence[str], values: Values | None = None) -> list[Any]:
        """The rows of a statement with `Among`, in whatever order it says; none where there are no keys."""
        if not keys:
            return []
        many = json.dumps(list(keys)) if connection.dialect.name == "sqlite" else list(keys)
        return self.rows(connection, {**(values or {}), _KEYS: many})

    def run(self, connection: Connection, many: Sequence[Values]) -> int:
        """Once with each; how many rows it touched in all."""
        if not many:
            return 0
        text, order, preset = self._for(connection)
        cursor = connection.connection.cursor()
        given = [_given(order, {**preset, **values} if preset else values) for values in many]
        _send(connection, cursor, text, given, many=True)
        touched: int = cursor.rowcount
        cursor.close()
        return touched

    def _for(self, connection: Connection) -> tuple[str, tuple[str, ...] | None, dict[str, object]]:
        name = connection.dialect.name
        if name not in self._compiled:
            compiled = self._statement.compile(dialect=connection.dialect, column_keys=self._columns)
            order = tuple(compiled.positiontup) if compiled.positional else None
            preset = {name: bound.value for bound, name in compiled.bind_names.items() if bound.value is not None}
            self._compiled[name] = (str(compiled), order, preset)
        return self._compiled[name]


def _send(connection: Connection, cursor: Any, text: str, given: Any, *, many: bool = False) -> None:
    """Whoever listens to what the engine sends, such as a trace, hears of these like of any other."""
    for listener in connection.dispatch.before_cursor_execute:
        listener(connection, cursor, text, given, None, many)
    (cursor.executemany if many else cursor.execute)(text, given)
    for listener in connection.dispatch.after_cursor_execute:
        listener(connection, cursor, text, given, None, many)


def _given(order: tuple[str, ...] | None, values: Values) -> Any:
    """In the form of the driver: by position (SQLite) or by name (PostgreSQL)."""
    return values if order is None else tuple([values[name] for name in order])
