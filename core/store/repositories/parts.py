"""Statements that ask for many rows by their keys: a store takes so many words at once, so they are asked in parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, bindparam

PART = 500
KEYS: BindParameter[list[str]] = bindparam("keys", expanding=True)


def in_parts(
    connection: Connection, statement: Select[Any], keys: Sequence[str], bound: Mapping[str, object]
) -> list[Any]:
    """The rows of a statement that asks `column.in_(KEYS)`, part by part in the order of the keys."""
    return [
        row
        for start in range(0, len(keys), PART)
        for row in connection.execute(statement, {**bound, "keys": list(keys[start : start + PART])})
    ]
