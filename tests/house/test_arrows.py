"""The arrows between the rooms: the tree keeps every import contract, and each contract finds what it forbids.

A contract that nothing can break protects nothing, so each has one violation planted in a copy of the program.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.house.tree import PROGRAM, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS = {contract["id"]: contract for contract in PROJECT["tool"]["importlinter"]["contracts"]}
LINTER = "from importlinter.cli import lint_imports_command; lint_imports_command()"


class Planted(NamedTuple):
    """Files written into the copy: path -> source. `culprit` is the module that the contract must name."""

    files: dict[str, str]
    culprit: str


PLANTED = {
    "faces-over-core": Planted({"tui/planted.py": "import bot\n"}, "tui.planted"),
    "floors-of-core": Planted({"core/domain/planted.py": "import core.ledger\n"}, "core.domain.planted"),
    "faces-touch-the-public-rooms": Planted({"bot/planted.py": "import core.store.units\n"}, "bot.planted"),
    "commands-are-a-table": Planted({"core/commands/planted.py": "import core.store.units\n"}, "core.commands.planted"),
    "bootstrap-is-for-main": Planted({"tui/planted.py": "import core.bootstrap\n"}, "tui.planted"),
    "tables-stay-in-the-store": Planted(
        {"core/services/planted.py": "import core.store.tables\n"}, "core.services.planted"
    ),
    "pure-floors-take-time-as-argument": Planted(
        {"core/ledger/planted.py": "import core.clock\n"}, "core.ledger.planted"
    ),
    "pure-floors-know-no-framework": Planted(
        {"core/scheduler/planted.py": "import sqlalchemy\n"}, "core.scheduler.planted"
    ),
    "core-knows-no-face": Planted({"core/services/planted.py": "import rich.text\n"}, "core.services.planted"),
    "engines-are-reached-by-their-port": Planted(
        {"core/daemon/planted.py": "import core.drivers.registry\n"}, "core.daemon.planted"
    ),
    "only-the-runner-ticks": Planted({"core/services/planted.py": "import apscheduler\n"}, "core.services.planted"),
    "only-the-store-speaks-sql": Planted({"core/services/planted.py": "import sqlalchemy\n"}, "core.services.planted"),
    "only-security-hashes-and-signs": Planted({"core/services/planted.py": "import bcrypt\n"}, "core.services.planted"),
    "console-without-slack": Planted({"tui/planted.py": "import slack_sdk\n"}, "tui.planted"),
    "bot-without-console": Planted({"bot/planted.py": "import textual.app\n"}, "bot.planted"),
    "drivers-know-only-their-engine": Planted(
        {"core/drivers/process/planted.py": "import core.drivers.scripted\n"}, "core.drivers.process.planted"
    ),
    "the-keeper-stands-alone": Planted(
        {"core/drivers/keeper/planted.py": "import core.domain.errors\n"}, "core.drivers.keeper.planted"
    ),
    "no-circles": Planted(
        {
            "core/domain/planted_a.py": "import core.domain.planted_b\n",
            "core/domain/planted_b.py": "import core.domain.planted_a\n",
        },
        "planted_a",
    ),
}


def lint(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """import-linter over the program in `folder`, in a process of its own: ours has already imported its own core."""
    return subprocess.run(
        [sys.executable, "-c", LINTER, "--no-logo", "--cache-dir", str(folder / "cache"), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        env={"PATH": "", "COLUMNS": "200", "NO_COLOR": "1"},
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("arrows")
    for top in PROGRAM:
        for path in (ROOT / top).rglob("*.py"):
            target = folder / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    shutil.copyfile(ROOT / "pyproject.toml", folder / "pyproject.toml")
    return folder


@pytest.fixture
def plant(copy: Path) -> Iterator[Path]:
    yield copy
    for path in copy.rglob("planted*.py"):
        path.unlink()


def test_the_tree_keeps_every_contract(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in done.stdout


def test_every_contract_has_a_violation_to_find() -> None:
    assert set(PLANTED) == set(CONTRACTS)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_planted_violation_breaks_its_contract(contract: str, plant: Path) -> None:
    planted = PLANTED[contract]
    for name, source in planted.files.items():
        (plant / name).write_text(source)
    done = lint(plant, "--contract", contract)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "0 kept, 1 broken." in done.stdout
    assert planted.culprit in done.stdout


# The lists of rooms in the contracts, against the rooms that are there: a new room is placed on the day it comes.
ROOMS = {
    f"core.{path.stem}"
    for path in (ROOT / "core").iterdir()
    if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
}
WIRING = {"core.bootstrap"}  # has a contract of its own


def test_every_room_is_open_or_closed_to_the_faces() -> None:
    is_open = {"core.commands", "core.services", "core.views", "core.domain"}
    assert set(CONTRACTS["faces-touch-the-public-rooms"]["forbidden_modules"]) == ROOMS - is_open - WIRING


def test_the_verbs_reach_no_further_than_the_faces() -> None:
    closed = CONTRACTS["faces-touch-the-public-rooms"]["forbidden_modules"]
    assert CONTRACTS["commands-are-a-table"]["forbidden_modules"] == closed


def test_every_room_but_the_store_is_kept_from_sql() -> None:
    rooms = ROOMS | {"tui", "bot"}
    assert set(CONTRACTS["only-the-store-speaks-sql"]["source_modules"]) == rooms - {"core.store"}


def test_every_room_but_security_is_kept_from_hashes_and_signatures() -> None:
    rooms = ROOMS | {"tui", "bot"}
    assert set(CONTRACTS["only-security-hashes-and-signs"]["source_modules"]) == rooms - {"core.security"}


def test_every_driver_is_named_as_independent() -> None:
    drivers = {target.split(":")[0] for target in PROJECT["project"]["entry-points"]["bursar.drivers"].values()}
    assert set(CONTRACTS["drivers-know-only-their-engine"]["modules"]) == drivers
