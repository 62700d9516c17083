"""The house is tidy: every rule of rules.py holds on the tree, and finds the violation planted for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pytest

from core.domain import lifecycle
from tests.house import rules
from tests.house.tree import PROGRAM, ROOT, Module, files, modules

EVERYWHERE = (*PROGRAM, "tests")
# Longer than the house likes. A number here may only go down, and the line goes when the thing has become small.
LONG_FILES: Mapping[str, int] = {}
LONG_FUNCTIONS: Mapping[str, int] = {}


class Case(NamedTuple):
    rule: Callable[[Sequence[Module]], Iterable[str]]
    over: tuple[str, ...]
    breaks: Mapping[str, str]  # path -> source, found wrong
    keeps: Mapping[str, str]  # path -> source, found right


CASES = {
    "one commit, in the store": Case(
        rules.one_commit,
        PROGRAM,
        {"core/services/orgs.py": "session.commit()\n"},
        {"core/store/units.py": "connection.commit()\n"},
    ),
    "names say what is inside": Case(
        rules.telling_names,
        EVERYWHERE,
        {"core/domain/utils.py": "x = 1\n"},
        {"core/domain/text.py": "x = 1\n"},
    ),
    "every setting is read": Case(
        rules.settings_that_are_read,
        PROGRAM,
        {"core/settings/declared.py": "class Daemon(_Section):\n    lease_ms: int = 1\n"},
        {
            "core/settings/declared.py": "class Daemon(_Section):\n    lease_ms: int = 1\n",
            "core/daemon/runner.py": "lease = settings.daemon.lease_ms\n",
        },
    ),
    "files are small": Case(
        partial(rules.small_files, known=LONG_FILES),
        EVERYWHERE,
        {"core/domain/long.py": "x = 1\n" * (rules.LONGEST_FILE + 1)},
        {"core/domain/fits.py": "x = 1\n" * rules.LONGEST_FILE},
    ),
    "functions are small": Case(
        partial(rules.small_functions, known=LONG_FUNCTIONS),
        EVERYWHERE,
        {"core/domain/long.py": "def f() -> None:\n" + "    x = 1\n" * rules.LONGEST_FUNCTION},
        {"core/domain/fits.py": "def f() -> None:\n" + "    x = 1\n" * (rules.LONGEST_FUNCTION - 1)},
    ),
    "a state is written in the store alone": Case(
        rules.state_moves_in_the_store,
        PROGRAM,
        {"core/services/deployments.py": "deployment.state = 'running'\n"},
        {
            "core/store/moves.py": "row.state = after\n",
            "core/services/deployments.py": "same = row.state == 'running'\n",
        },
    ),
    "every module says what it is for": Case(
        rules.told_purpose,
        PROGRAM,
        {"core/domain/__init__.py": "x = 1\n"},
        {"core/domain/__init__.py": '"""The ground."""\n'},
    ),
    "no call that runs text, meets a shell or unpickles": Case(
        rules.forbidden_calls,
        PROGRAM,
        {"core/drivers/x.py": "subprocess.run(command, shell=True)\n"},
        {"core/drivers/x.py": "subprocess.run([command], shell=False)\n"},
    ),
    "no test sleeps": Case(
        rules.nobody_sleeps,
        ("tests",),
        {"tests/x/test_a.py": "time.sleep(0.1)\n"},
        {"tests/x/test_a.py": "clock.sleep(0.1)\n", "tests/x/test_b.py": "await_it = asyncio.sleep(0)\n"},
    ),
    "pure floors stand on the standard library": Case(
        rules.pure_imports,
        PROGRAM,
        {"core/ledger/x.py": "import pydantic\n"},
        {"core/domain/x.py": "import pydantic\n", "core/store/x.py": "import sqlite3\n"},
    ),
    "a law is lifted by name and with a reason": Case(
        rules.laws_lifted_with_a_reason,
        EVERYWHERE,
        {"core/services/x.py": "import random  # " + "noqa: TID251\n"},
        {"core/services/x.py": "import random  # " + "noqa: TID251 - the one place for it\n"},
    ),
    "a package does not import its own modules": Case(
        rules.fronts_without_rooms,
        PROGRAM,
        {"core/scheduler/__init__.py": "from core.scheduler.cycle import plan\n"},
        {
            "core/scheduler/__init__.py": "from core.domain.kinds import Kind\n",
            "core/scheduler/x.py": "import core.y\n",
        },
    ),
    "imports are absolute and the program never imports its tests": Case(
        rules.absolute_imports,
        EVERYWHERE,
        {"core/services/x.py": "from . import y\n"},
        {"core/services/x.py": "from core.services import y\n"},
    ),
}


def planted(sources: Mapping[str, str]) -> list[Module]:
    return [Module(PurePosixPath(path), source) for path, source in sources.items()]


@pytest.mark.parametrize("name", CASES)
def test_the_tree_keeps_the_rule(name: str) -> None:
    case = CASES[name]
    assert list(case.rule(modules(*case.over))) == []


@pytest.mark.parametrize("name", CASES)
def test_a_planted_violation_is_found_and_what_is_right_is_not(name: str) -> None:
    case = CASES[name]
    # Over the planted module alone the ratchets' exceptions would be missed as "no more"; the first finding is ours.
    assert [line for line in case.rule(planted(case.breaks)) if line.startswith(next(iter(case.breaks)))]
    assert not [line for line in case.rule(planted(case.keeps)) if line.startswith(tuple(case.keeps))]


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("eval(text)", "never run as code"),
        ("os.system('ls')", "never meets a shell"),
        ("pickle.loads(data)", "never unpickled"),
        ("run(a, shell=flag)", "never meets a shell"),
    ],
)
def test_each_forbidden_call_is_told_with_its_reason(source: str, wrong: str) -> None:
    (line,) = rules.forbidden_calls(planted({"core/x.py": source}))
    assert wrong in line


def test_a_second_commit_inside_the_store_is_found() -> None:
    twice = planted({"core/store/a.py": "a.commit()\n", "core/store/b.py": "b.commit()\n"})
    assert [line.split(": ", 1)[1] for line in rules.one_commit(twice)] == ["a second place that commits"]


def test_pure_floors_reach_no_clock_even_of_the_standard_library() -> None:
    (line,) = rules.pure_imports(planted({"core/scheduler/x.py": "from time import monotonic\n"}))
    assert "reaches no clock" in line


def test_a_bare_noqa_is_found() -> None:
    (line,) = rules.laws_lifted_with_a_reason(planted({"core/x.py": "x = 1  # " + "noqa\n"}))
    assert "name the one" in line


@pytest.mark.parametrize(
    ("lines", "known", "told"),
    [
        (451, 450, "has 451 lines, at most 450"),
        (450, 450, None),
        (449, 450, "lower its number"),
        (400, 450, "strike it out"),
    ],
)
def test_what_is_known_to_be_long_may_only_shrink(lines: int, known: int, told: str | None) -> None:
    found = list(rules.small_files(planted({"core/x.py": "x = 1\n" * lines}), {"core/x.py": known}))
    assert (found == []) if told is None else (told in found[0])


def test_a_known_long_file_that_is_gone_is_struck_out() -> None:
    (line,) = rules.small_files([], {"core/gone.py": 500})
    assert "strike it out" in line


# What must not stand in any file: addresses of package registries, and paths of one machine. Written in halves, so
# that this file does not find itself.
_FOREIGN = {
    "a package registry": "|".join(
        re.escape(host) for host in ("pypi" + ".org", "python" + "hosted.org", "npm" + "js.org", "crates" + ".io")
    ),
    "a path of one machine": r"(?<![\w.$}])/(?:wo" + r"rk|tm" + r"p|ro" + r"ot)/[\w.-]",
}


def foreign(text: str) -> list[str]:
    return [what for what, pattern in _FOREIGN.items() if re.search(pattern, text)]


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    found = []
    for path in files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            found += [f"{path.relative_to(ROOT)}:{number}: {what}" for what in foreign(line)]
    assert found == []


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("index = https://files.python" + "hosted.org/simple", "a package registry"),
        ("registry=https://registry.npm" + "js.org/", "a package registry"),
        ("cd /wo" + "rk/main", "a path of one machine"),
        ("open('/tm" + "p/x')", "a path of one machine"),
        ("home = /ro" + "ot/.venv", "a path of one machine"),
    ],
)
def test_a_foreign_name_is_found(line: str, what: str) -> None:
    assert foreign(line) == [what]


@pytest.mark.parametrize(
    "line", ["a network/work split", "https://example.org/tm" + "p/x", "tmpfs: /tm" + "p", "/data/x"]
)
def test_what_is_no_foreign_name_passes(line: str) -> None:
    assert foreign(line) == []


GUIDE = ROOT / "core" / "README.md"


def test_the_state_diagram_of_the_guide_is_the_table_of_the_code() -> None:
    found = re.search(r"<!-- states -->\n```mermaid\n(.*?)\n```\n<!-- /states -->", GUIDE.read_text(), re.DOTALL)
    assert found, "the guide has no state diagram between its marks"
    assert found[1] == lifecycle.mermaid(), "renew it: python -m tests.house.draw"


def named_files(guide: str) -> list[str]:
    """The paths that the guide's table of changes names, read from the top of the checkout or from core."""
    table = guide.split("## Where each change is made", 1)[1].split("\n## ", 1)[0]
    return [
        name
        for line in table.splitlines()
        if line.startswith("|")
        for name in re.findall(r"`([\w./-]+[/.][\w./-]*)`", line)
    ]


def missing(names: Iterable[str]) -> list[str]:
    return [name for name in names if not (ROOT / name).exists()]


def test_every_file_that_the_guide_names_for_a_change_exists() -> None:
    names = named_files(GUIDE.read_text())
    assert len(names) > 10
    assert missing(names) == []


def test_a_file_that_does_not_exist_is_missed_in_the_guide() -> None:
    table = "| a | `core/domain/lifecycle.py`, `core/nowhere.py` | x |"
    guide = f"## Where each change is made\n{table}\n## Next\n| `no.py` |\n"
    assert missing(named_files(guide)) == ["core/nowhere.py"]


DECISIONS = sorted(path for path in (ROOT / "core" / "decisions").glob("*.md") if path.name != "README.md")


def test_decisions_are_numbered_once_each() -> None:
    numbers = [int(path.name.split("-")[0]) for path in DECISIONS]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_tells_its_context_itself_and_what_follows_on_one_page(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert [part for part in ("Context", "Decision", "Consequences") if f"\n## {part}\n" not in text] == []
    assert text.count("\n") <= 80
