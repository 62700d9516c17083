"""What rooms share: a store of each dialect, fresh for each test and already at the schema's head."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from core.store import schema
from core.store.database import Database
from tests import haste, postgres

DIALECTS = ("sqlite", "postgresql")

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


@pytest.fixture
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Makes the URL of a store of its own, at head, for a dialect."""
    made: list[str] = []

    def make(dialect: str) -> str:
        if dialect == "sqlite":
            target = tmp_path / f"bursar-{next(_numbers)}.db"
            shutil.copy(request.getfixturevalue("sqlite_at_head"), target)
            target.chmod(0o600)
            return f"sqlite:///{target}"
        name = f"test_{next(_numbers)}"
        url: str = request.getfixturevalue("postgres_server").create(name, postgres.TEMPLATE)
        made.append(name)
        return url

    yield make
    for name in made:
        request.getfixturevalue("postgres_server").drop(name)


@pytest.fixture(params=DIALECTS)
def store_url(request: pytest.FixtureRequest, fresh_url: Callable[[str], str]) -> str:
    return fresh_url(request.param)


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    opened = Database(store_url)
    yield opened
    opened.close()
