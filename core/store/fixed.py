"""Statements that run often: compiled once, then given to the driver itself.

What SQLAlchemy does around an execution (its caches, contexts and result objects) costs several times what SQLite
takes to answer. Everywhere else it is worth that; here it would be most of a use case's price.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import Executable
from sqlalchemy.types import NullType

Values = Mapping[str, object]
_Form = Callable[[Values], Any]

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
        self._compiled: dict[str, tuple[str, _Form, dict[str, object]]] = {}

    def rows(self, connection: Connection, values: Values) -> list[Any]:
        """Plain tuples, in the order of the columns."""
        text, form, preset = self._for(connection)
        cursor = connection.connection.cursor()
        _send(connection, cursor, text, form({**preset, **values}))
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
        text, form, preset = self._for(connection)
        cursor = connection.connection.cursor()
        given = [form({**preset, **values}) for values in many] if preset else [form(values) for values in many]
        _send(connection, cursor, text, given, many=True)
        touched: int = cursor.rowcount
        cursor.close()
        return touched

    def _for(self, connection: Connection) -> tuple[str, _Form, dict[str, object]]:
        name = connection.dialect.name
        if name not in self._compiled:
            compiled = self._statement.compile(dialect=connection.dialect, column_keys=self._columns)
            form = _in_order(compiled.positiontup) if compiled.positional else _by_name
            preset = {name: bound.value for bound, name in compiled.bind_names.items() if bound.value is not None}
            self._compiled[name] = (str(compiled), form, preset)
        return self._compiled[name]


def _send(connection: Connection, cursor: Any, text: str, given: Any, *, many: bool = False) -> None:
    """Whoever listens to what the engine sends, such as a trace, hears of these like of any other."""
    for listener in connection.dispatch.before_cursor_execute:
        listener(connection, cursor, text, given, None, many)
    (cursor.executemany if many else cursor.execute)(text, given)
    for listener in connection.dispatch.after_cursor_execute:
        listener(connection, cursor, text, given, None, many)


def _by_name(values: Values) -> Any:
    """As PostgreSQL's driver wants them."""
    return values


def _in_order(names: Sequence[str]) -> _Form:
    """As SQLite's does: by position."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple(values[name] for name in names)
