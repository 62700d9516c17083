"""What a durable service call costs beside the store's own commits, and how soon the command line answers.

In one run and on one file system: commits of one row by the bare SQLite module, by SQLAlchemy Core, and whole use
cases, each of which finds out who asks, checks rights, changes a row and adds to audit chain and feed. Rounds of
each take turns, so that a slow moment of the disk falls on all of them. Then start-up times beside `python -c pass`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from sqlalchemy import Column, Integer, MetaData, Table, Text, create_engine, event, insert

from core.clock import SystemClock
from core.ids import RandomIds
from core.settings import Limits
from tests.builders import PASSWORD, World, job, quick_settings

AIMS_MS = {"bursar --help": 150, "bursar whoami": 400}
Commit = Callable[[], object]


@contextmanager
def raw_sqlite(folder: Path) -> Iterator[Commit]:
    connection = sqlite3.connect(folder / "raw.db", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, content TEXT NOT NULL) STRICT")

    def commit() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO rows (content) VALUES (?)", ("x" * 200,))
        connection.execute("COMMIT")

    yield commit
    connection.close()


@contextmanager
def sqlalchemy_core(folder: Path) -> Iterator[Commit]:
    rows = Table("rows", MetaData(), Column("id", Integer, primary_key=True), Column("content", Text, nullable=False))
    engine = create_engine(f"sqlite:///{folder / 'core.db'}")

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: object) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # type: ignore[attr-defined]

    rows.metadata.create_all(engine)

    def commit() -> None:
        with engine.begin() as connection:
            connection.execute(insert(rows), {"content": "x" * 200})

    yield commit
    engine.dispose()


@contextmanager
def use_cases(folder: Path) -> Iterator[dict[str, Commit]]:
    home = folder / "home"
    home.mkdir(mode=0o700)
    most = 1_000_000
    limits = Limits(most, most, 10 * most, 10 * most)
    world = World.of(quick_settings(home, limits=limits), SystemClock(), RandomIds())
    operator = world.operator()
    admin = world.org(operator, "vision")
    world.cluster(admin)
    for _ in range(9):
        world.fund(admin, credits=1_000_000, gpu_hours=1_000_000)
    numbers = count()
    yield {
        "org switch": lambda: world.bursar.organizations.switch(operator, "vision"),
        "invite create": lambda: world.invite(admin),
        "submit": lambda: world.bursar.deployments.submit(admin, job(f"train-{next(numbers)}")),
    }
    world.close()


def per_second(commit: Commit, seconds: float) -> float:
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        commit()
        done += 1
    return done / (time.perf_counter() - start)


def measure_commits(folder: Path, rounds: int, seconds: float) -> dict[str, float]:
    """The median of several rounds, in which everything takes its turn."""
    with raw_sqlite(folder) as raw, sqlalchemy_core(folder) as core, use_cases(folder) as calls:
        measured: dict[str, Commit] = {"raw SQLite": raw, "SQLAlchemy Core": core, **calls}
        for commit in measured.values():
            per_second(commit, 0.1)
        found: dict[str, list[float]] = {name: [] for name in measured}
        for _ in range(rounds):
            for name, commit in measured.items():
                found[name].append(per_second(commit, seconds))
    return {name: statistics.median(rates) for name, rates in found.items()}


def start_up(folder: Path, rounds: int) -> dict[str, float]:
    """Milliseconds from nothing to the answer; the smallest of several, since others use the machine too."""
    home = folder / "start"
    home.mkdir(mode=0o700)
    environ = {**os.environ, "BURSAR_HOME": str(home), "BURSAR_ACCOUNTS_BCRYPT_COST": "4"}
    bursar = [sys.executable, "-m", "tui"]
    for words in (["init", "--operator", "olga"], ["login", "olga"]):
        command = [*bursar, *words, "--password-stdin"]
        subprocess.run(command, env=environ, input=PASSWORD, text=True, check=True, capture_output=True)
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "bursar --help": [*bursar, "--help"],
        "bursar whoami": [*bursar, "whoami"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, env=environ, check=True, capture_output=True)
            times[name].append((time.perf_counter() - start) * 1000)
    return {name: min(taken) for name, taken in times.items()}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench store", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="on the file system to measure; else a temporary one")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="bursar-bench-", dir=chosen.folder))
    try:
        rates = measure_commits(folder, chosen.rounds, chosen.seconds)
        starts = start_up(folder, max(3, chosen.rounds * 2))
    finally:
        shutil.rmtree(folder)
    if chosen.json:
        print(json.dumps({"commits_per_second": rates, "start_up_ms": starts}))
        return 0
    print(
        f"{'durable calls':<18}{'per second':>12}{'of raw SQLite':>16}{'of Core':>10}   goal: half of Core, of one row"
    )
    for name, rate in rates.items():
        print(f"{name:<18}{rate:>12.0f}{rate / rates['raw SQLite']:>16.2f}{rate / rates['SQLAlchemy Core']:>10.2f}")
    print(f"\n{'start-up':<18}{'ms':>12}{'of python':>16}{'aim ms':>10}")
    for name, taken in starts.items():
        aim = str(AIMS_MS.get(name, ""))
        print(f"{name:<18}{taken:>12.0f}{taken / starts['python -c pass']:>16.1f}{aim:>10}")
    return 0
