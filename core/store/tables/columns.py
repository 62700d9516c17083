"""The few kinds of column there are. Text and 64-bit integers only: exact, sortable, and the same on both dialects."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, Table, Text
from sqlalchemy.ext.compiler import compiles
from sqlmodel import Field, SQLModel
from sqlmodel.main import SQLModelMetaclass

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


class _TablesAlone(SQLModelMetaclass):
    """Makes the table of a class, and no mapping of objects to its rows: nobody here has a session that would use it,
    and it took half the time of loading the tables, which each command of the command line waits for."""

    __table__: Table

    def __init__(cls, name: str, bases: tuple[type, ...], given: dict[str, Any], **options: Any) -> None:  # noqa: N805
        type.__init__(cls, name, bases, given)
        if options.get("table"):
            columns = [_named(column, field) for field, column in vars(cls).items() if isinstance(column, Column)]
            *parts, further = given["__table_args__"]
            cls.__table__ = Table(given["__tablename__"], SQLModel.metadata, *columns, *parts, **further)


def _named(column: Column[Any], name: str) -> Column[Any]:
    column.name = column.key = name
    return column


class Record(SQLModel, metaclass=_TablesAlone):
    """What each table is declared as; the last of its `__table_args__` are its options."""


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
