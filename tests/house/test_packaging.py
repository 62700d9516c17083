"""What is installed is what was meant: the closed top level, the exact set of dependencies, the two commands."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from core.commands.table import VERBS
from tests.house.tree import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = [
    Requirement(text)
    for text in (*PROJECT["dependencies"], *(text for extra in EXTRAS.values() for text in extra))
    if not text.startswith("bursar[")
]
CONSTRAINTS = (ROOT / "config" / "constraints.txt").read_text(encoding="utf-8").splitlines()
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_top_level_is_closed() -> None:
    known = {"core", "tui", "bot", "tests", "config", "pyproject.toml", "Dockerfile", "README.md", "LICENSE"}
    made_by_tools = {"build", "dist"}
    there = {path.name for path in ROOT.iterdir() if not path.name.startswith(".") and path.suffix != ".egg-info"}
    assert there - made_by_tools == known


def test_config_is_data_alone() -> None:
    assert not list((ROOT / "config").rglob("*.py"))


@pytest.mark.parametrize("line", CONSTRAINTS)
def test_a_constraint_is_a_name_and_one_version_and_never_an_address(line: str) -> None:
    assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*( ; [\w .<>!='()]+)?", line)


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_the_known_good_set_holds_every_dependency_within_its_range(requirement: Requirement) -> None:
    pinned = [found for found in map(Requirement, CONSTRAINTS) if found.name == canonicalize_name(requirement.name)]
    assert pinned
    for found in pinned:
        (version,) = found.specifier
        assert requirement.specifier.contains(version.version)


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_every_dependency_has_a_range_with_a_lower_end(requirement: Requirement) -> None:
    assert any(part.operator == ">=" for part in requirement.specifier)


@pytest.mark.parametrize(
    "target",
    [*PROJECT["scripts"].values(), *(t for group in PROJECT["entry-points"].values() for t in group.values())],
)
def test_every_entry_point_leads_somewhere(target: str) -> None:
    module, name = target.split(":")
    path = ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    assert re.search(
        rf"^(def|class) {name}\b|^\s*(from .* import .*\b{name}\b|{name},)", path.read_text(), re.MULTILINE
    )


def test_the_readme_has_the_two_commands_each_one_line_and_each_in_a_venv() -> None:
    lines = [line for line in README.splitlines() if line.startswith("python3 ")]
    assert len(lines) == 2
    for line in lines:
        make, install, run = line.split(" && ")
        assert make == "python3 -m venv .venv"
        assert install.startswith(".venv/bin/pip install -q -c config/constraints.txt -e ")
        assert run in {".venv/bin/bursar demo", ".venv/bin/pytest"}


def test_the_readme_names_only_extras_that_there_are() -> None:
    named = {extra for found in re.findall(r"\.\[([\w,]+)\]", README) for extra in found.split(",")}
    assert named <= set(EXTRAS)


def test_the_check_of_everything_runs_both_commands_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    pattern = re.search(r'grep -E "(.*)" README\.md', script)
    assert pattern
    run = re.findall(r'readme_command "?([a-z ]+)"?$', script, re.MULTILINE)
    assert run == ["pytest", "bursar demo"]
    for last in run:
        assert len(re.findall(pattern[1].replace("$1", last).replace("\\$", "$"), README, re.MULTILINE)) == 1


def test_the_first_steps_of_the_readme_are_verbs_that_there_are() -> None:
    steps = [words.split() for words in re.findall(r"^\.venv/bin/bursar ([^#\n]+)", README, re.MULTILINE)]
    assert len(steps) >= 8
    paths = {verb.path for verb in VERBS}
    assert [step for step in steps if not paths & {tuple(step[:1]), tuple(step[:2])}] == []
