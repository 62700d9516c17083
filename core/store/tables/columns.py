"""The few kinds of column there are. Text and 64-bit integers only: exact, sortable, and the same on both dialects."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Text
from sqlalchemy.ext.compiler import compiles
from sqlmodel import Field, SQLModel

# Batch migrations on SQLite find constraints by name, so every one has a name that follows from its columns.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

STRICT: dict[str, Any] = {"sqlite_strict": True}
LARGEST_AMOUNT = 9 * 10**15  # sums of a thousand such still fit 64 bits


@compiles(BigInteger, "sqlite")
def _integer(_type: BigInteger, _compiler: Any, **_kw: Any) -> str:
    return "INTEGER"  # a STRICT table knows no BIGINT


def text_column(**options: Any) -> Any:
    return Field(sa_type=Text, **options)


def key_column(**options: Any) -> Any:
    return Field(sa_type=Text, primary_key=True, **options)


def whole_column(**options: Any) -> Any:
    """An instant in microseconds, an amount, a count."""
    return Field(sa_type=BigInteger, **options)


def one_of(column: str, values: Any) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")
