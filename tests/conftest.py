"""What rooms share: a store of each dialect, fresh for each test and already at the schema's head."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy.engine import make_url

from core.store import schema
from core.store.database import Database
from tests import haste, postgres
from tests.builders import copy_of

DIALECTS = ("sqlite", "postgresql")
NewStore = Callable[..., str]  # (dialect, like=None): its URL

# How long an example takes says something of the machine alone. A change is judged by the same examples whenever it is
# judged; whoever looks for new ones says `--hypothesis-profile=search`.
anywhere = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", anywhere, derandomize=True, database=None)
settings.register_profile("search", anywhere)
settings.load_profile("same")

LIVE_WITHIN_S = 900  # what a live test needs may have to be fetched first, and a busy host takes seconds for each step


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("live") is not None:
            item.add_marker(pytest.mark.timeout(LIVE_WITHIN_S))


def pytest_collection_finish() -> None:
    """All that was imported stays to the end, so no collection of garbage need walk through it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


@pytest.fixture(scope="session", autouse=True)
def hasty() -> Iterator[None]:
    with haste.disks_not_waited_for(), haste.statements_put_into_words_once():
        yield


@pytest.fixture
def durable() -> Iterator[None]:
    """For who asks whether a store is: opened in such a test, it waits for the disk."""
    with haste.disks_waited_for():
        yield


@pytest.fixture(scope="session")
def sqlite_at_head(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy: migrating anew for each test would cost ten times as much."""
    path = tmp_path_factory.mktemp("head") / "bursar.db"
    database = Database(f"sqlite:///{path}")
    schema.bring_up_to_date(database)
    database.close()
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Postgres]:
    if postgres.binaries() is None:
        pytest.skip("PostgreSQL: no initdb and pg_ctl on this machine")
    try:
        with postgres.running() as server:
            yield server
    except postgres.Impossible as reason:
        pytest.skip(f"PostgreSQL: {reason}")


_numbers = count(1)


def _store(request: pytest.FixtureRequest, folder: Path, dialect: str, like: str | None) -> str:
    """A new store at head; or a copy of the one at the URL `like`, which nobody may have open."""
    number = next(_numbers)
    there = None if like is None else make_url(like).database
    if dialect == "sqlite":
        return copy_of(Path(there or request.getfixturevalue("sqlite_at_head")), folder / f"bursar-{number}.db")
    url: str = request.getfixturevalue("postgres_server").create(f"test_{number}", there or postgres.TEMPLATE)
    return url


@pytest.fixture
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewStore]:
    """Makes the URL of a store of its own for a dialect: at head, or as another one stands."""
    made: list[str] = []

    def make(dialect: str, like: str | None = None) -> str:
        made.append(_store(request, tmp_path, dialect, like))
        return made[-1]

    yield make
    for url in made:
        if url.startswith("postgresql"):
            request.getfixturevalue("postgres_server").drop(make_url(url).database)


@pytest.fixture(scope="session")
def lasting_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> NewStore:
    """The same for a store that is made once, to be copied for many tests."""
    return lambda dialect, like=None: _store(request, tmp_path_factory.mktemp("lasting"), dialect, like)


@pytest.fixture(params=DIALECTS)
def store_url(request: pytest.FixtureRequest, fresh_url: Callable[[str], str]) -> str:
    return fresh_url(request.param)


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    opened = Database(store_url)
    yield opened
    opened.close()
