"""What the stores of tests need not pay for again and again: the disk that nobody will ask, and words already found.

A store is thrown away with its test, so it does not wait for the disk. And what SQLAlchemy has once put into words for
a dialect it would put into the same words for each engine of it, at a fifth of a test's time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import Engine, event
from sqlalchemy.engine import Dialect
from sqlalchemy.pool import Pool

from core.store import database

_HURRIED = "hurried"


def _hurry(connection: Any, record: Any, _proxy: object) -> None:
    """At each checkout, since what the store itself asks of a new connection comes after every listener from here."""
    if _HURRIED not in record.info and isinstance(connection, database.sqlite_module().Connection):
        connection.execute("PRAGMA synchronous=OFF").close()
        record.info[_HURRIED] = True


@contextmanager
def disks_not_waited_for() -> Iterator[None]:
    """What was committed survives the death of a process all the same; only a power cut could take it."""
    event.listen(Pool, "checkout", _hurry)
    yield
    event.remove(Pool, "checkout", _hurry)


@contextmanager
def disks_waited_for() -> Iterator[None]:
    """Stores that are opened inside are as durable as those of the product."""
    event.remove(Pool, "checkout", _hurry)
    yield
    event.listen(Pool, "checkout", _hurry)


@contextmanager
def statements_put_into_words_once() -> Iterator[None]:
    """Every engine of a dialect takes the first one's dialect, once that has met its database, and what it has said."""
    met: dict[str, Dialect] = {}
    said: dict[Any, Any] = {}

    def make(*args: Any, **options: Any) -> Engine:
        engine = sqlalchemy.create_engine(*args, **options)
        engine.update_execution_options(compiled_cache=said)
        name = engine.dialect.name
        if name in met:
            engine.dialect = met[name]
        else:
            event.listen(engine, "engine_connect", lambda _: met.setdefault(name, engine.dialect), once=True)
        return engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "create_engine", make)
        yield
