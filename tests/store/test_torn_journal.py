"""E17: after a power cut the journal of SQLite may be torn or hold wrong bits: what is left is a moment that was."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from core.store.database import Database
from core.store.queries import whole
from core.views.operations import Verdict
from tests.builders import World

CASES = 300
FRAME = 24 + 4096  # a page of the store and what the journal says of it


@dataclass(frozen=True)
class History:
    """A store with all its commits in the journal, and what it said after each of them."""

    store: Path
    journal: bytes
    moments: list[object]
    now: int


def moment(database: Database) -> object:
    """Who has what, and how much has happened."""
    with database.read() as connection:
        balances = connection.execute(text("SELECT * FROM balances ORDER BY 1, 2, 3, 4")).all()
        states = connection.execute(text("SELECT handle, state FROM deployments ORDER BY 1")).all()
        audited = connection.execute(text("SELECT COUNT(*), MAX(hash) FROM audit")).one()
    return balances, states, audited


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, sqlite_at_head: Path) -> Iterator[History]:
    folder = tmp_path_factory.mktemp("history")
    (folder / "home").mkdir(mode=0o700)
    store = shutil.copy(sqlite_at_head, folder / "home" / "bursar.db")
    store.chmod(0o600)
    world = World.on(folder / "home")
    admin = world.org(world.operator(), "vision")
    world.cluster(admin)
    world.fund(admin, credits=1000, gpu_hours=1000)
    with world.store.engine.connect() as connection:  # the one that the pool keeps
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        connection.execute(text("PRAGMA wal_autocheckpoint=0"))
    moments = [moment(world.store)]
    for number in range(20):
        world.advance(1_000_000)
        for act in (
            lambda: world.fund(admin, credits=1 + number, gpu_hours=1),  # noqa: B023 - called at once
            lambda: world.submit(admin, f"w{number}"),  # noqa: B023
            lambda: world.bursar.deployments.cancel(admin, f"w{number}"),  # noqa: B023
        ):
            act()
            moments.append(moment(world.store))
    journal = store.with_name("bursar.db-wal").read_bytes()
    shutil.copy(store, folder / "as-it-was.db")
    yield History(folder / "as-it-was.db", journal, moments, world.units.now())
    world.close()


def torn(journal: bytes, draw: random.Random) -> bytes:
    return journal[: draw.randrange(len(journal) + 1)]


def torn_and_padded(journal: bytes, draw: random.Random) -> bytes:
    """The file had grown already, and its last part never came to the disk."""
    return torn(journal, draw).ljust(len(journal), b"\0")


def a_bit_flipped(journal: bytes, draw: random.Random) -> bytes:
    damaged = bytearray(journal)
    damaged[draw.randrange(len(journal))] ^= 1 << draw.randrange(8)
    return bytes(damaged)


def a_page_missing(journal: bytes, draw: random.Random) -> bytes:
    """What came later is there: a disk may keep what it is given in any order."""
    at = 32 + FRAME * draw.randrange(len(journal) // FRAME)
    return journal[:at] + bytes(FRAME) + journal[at + FRAME :]


def a_page_of_garbage(journal: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(journal))
    return (journal[:at] + draw.randbytes(FRAME) + journal[at + FRAME :])[: len(journal)]


def two_pages_swapped(journal: bytes, draw: random.Random) -> bytes:
    places = [32 + FRAME * draw.randrange(len(journal) // FRAME) for _ in range(2)]
    damaged = bytearray(journal)
    first, second = (journal[at : at + FRAME] for at in places)
    for at, page in zip(places, (second, first), strict=True):
        damaged[at : at + FRAME] = page
    return bytes(damaged)


DAMAGES = (torn, torn_and_padded, a_bit_flipped, a_page_missing, a_page_of_garbage, two_pages_swapped)


@pytest.mark.usefixtures("durable")
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_E17_what_a_damaged_journal_leaves_is_the_store_as_it_was_after_some_commit(
    history: History, tmp_path: Path, damage: Callable[[bytes, random.Random], bytes]
) -> None:
    draw = random.Random(damage.__name__)
    left = []
    for case in range(CASES // len(DAMAGES)):
        path = tmp_path / f"case-{case}.db"
        shutil.copy(history.store, path)
        path.with_name(f"{path.name}-wal").write_bytes(damage(history.journal, draw))
        database = Database(f"sqlite:///{path}")
        left.append(history.moments.index(moment(database)))
        with database.read() as connection:
            findings = whole.findings(database, connection, history.now)
        assert [one for one in findings if one.verdict is Verdict.FAIL] == []
        database.close()
    assert len(set(left)) > 10, "they were cut at many different moments"


def test_a_journal_that_is_whole_leaves_all(history: History, tmp_path: Path) -> None:
    path = tmp_path / "whole.db"
    shutil.copy(history.store, path)
    path.with_name(f"{path.name}-wal").write_bytes(history.journal)
    database = Database(f"sqlite:///{path}")
    assert moment(database) == history.moments[-1]
    database.close()
