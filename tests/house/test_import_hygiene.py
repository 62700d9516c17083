"""What a start really loads. The import contracts read the source; these look at a running interpreter.

Each face pays only for what it uses, and the core can be used where no face and no engine's library is installed.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.house.tree import ROOT

FACES = {"textual", "slack_bolt", "slack_sdk", "aiohttp", "click", "rich"}
ENGINES = {"docker", "podman", "kubernetes", "openstack", "libvirt", "pynvml"}
STORE = {"sqlalchemy", "sqlmodel", "alembic", "psycopg"}
SLOW = {"pydantic", "bcrypt", "jwt", "cryptography", "apscheduler"}


def loaded_by(code: str) -> set[str]:
    """The top-level modules in memory after `code` ran in a fresh interpreter."""
    return {name.split(".")[0] for name in modules_after(code)}


def modules_after(code: str) -> set[str]:
    program = f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=200, env={"PATH": ""}
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("room", "never"),
    [
        ("core.services", FACES | ENGINES),
        ("core.bootstrap", FACES | ENGINES),
        ("core.daemon.background", FACES | ENGINES),
        ("core.drivers.docker", FACES | ENGINES | STORE | SLOW),
        ("core.drivers.process", FACES | ENGINES | STORE | SLOW),
        ("core.drivers.scripted", FACES | ENGINES | STORE | SLOW),
        ("core.drivers", FACES | ENGINES | STORE | SLOW),
        ("core.commands", FACES | ENGINES | STORE),
        ("core.ledger", FACES | ENGINES | STORE | SLOW),
        ("core.scheduler.cycle", FACES | ENGINES | STORE | SLOW),
        ("core.settings", FACES | ENGINES | STORE | SLOW),
        ("core.domain.lifecycle", FACES | ENGINES | STORE | SLOW),
        ("tui.__main__", {"textual", "rich", "slack_bolt", "slack_sdk", "aiohttp"} | ENGINES | STORE | SLOW),
    ],
)
def test_importing_a_room_loads_nothing_it_does_not_need(room: str, never: set[str]) -> None:
    assert loaded_by(f"import {room}") & never == set()


def test_a_look_at_the_help_opens_no_store_and_builds_no_model() -> None:
    loaded = loaded_by(
        "import contextlib\n"
        "from tui.__main__ import main\n"
        "sys.argv = ['bursar', '--help']\n"
        "with contextlib.suppress(SystemExit):\n"
        "    main()\n"
    )
    assert loaded & ({"textual", "rich", "slack_bolt", "slack_sdk", "aiohttp"} | ENGINES | STORE | SLOW) == set()


def test_finding_out_who_asks_loads_neither_the_work_nor_its_scheduler() -> None:
    loaded = modules_after("import core.bootstrap, core.services.accounts")
    late = {"core.store.tables.work", "core.store.tables.money", "core.services.deployments", "core.daemon"}
    assert loaded & (late | {"core.scheduler", "core.drivers"}) == set()
    assert late <= modules_after("import core.daemon.background, core.services.deployments")


def test_what_a_room_loads_is_really_seen() -> None:
    assert "sqlalchemy" in loaded_by("import sqlalchemy.orm")
