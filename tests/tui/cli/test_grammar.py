"""Lines for the shell: flags anywhere, help of everything, and the same values that the other faces read."""

from __future__ import annotations

import pytest

from core.commands.reference import help_of, overview, reference
from core.commands.table import FAMILIES, VERBS
from core.commands.verbs import Argument, Family, Kind, Program, Verb
from core.commands.words import parse_words
from core.domain.columns import columns
from core.domain.errors import Invalid
from core.domain.roles import Permission
from tests.tui.cli.shell import Shell
from tui.cli.grammar import read_line


@pytest.mark.parametrize("line", ["invite create role admin uses 3", "audit all-orgs limit 7", "org role ben admin"])
def test_a_shell_and_a_prompt_read_the_same_values(line: str) -> None:
    words = line.replace("role admin uses", "--role admin --uses").replace("all-orgs limit", "--all-orgs --limit")
    read = read_line(words.split(), FAMILIES)
    assert (read.verb, read.values) == parse_words(line)


@pytest.mark.parametrize(
    "line",
    [
        "--json --org vision --home /h -y org role ben admin",
        "org --json --org vision role --home /h ben -y admin",
        "org role ben admin --json --org=vision --home=/h --yes",
        "--org elsewhere org role --org vision ben admin --json -y --home /h",
    ],
)
def test_global_flags_stand_anywhere_and_the_last_one_counts(line: str) -> None:
    read = read_line(line.split(), FAMILIES)
    assert read.verb is not None and read.verb.name == "org role"
    assert (read.flags.json, read.flags.org, read.flags.home, read.flags.yes) == (True, "vision", "/h", True)


def test_what_follows_two_dashes_is_no_flag() -> None:
    read = read_line(["org", "switch", "--", "--json"], FAMILIES)
    assert (read.flags.json, read.values) == (False, {"name": "--json"})


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_help_of_a_verb_is_reached_by_flag_and_by_word(shell: Shell, verb: Verb) -> None:
    for line in (f"{verb.name} --help", f"{verb.name} -h", f"-h {verb.name}", f"help {verb.name}"):
        expected = overview() if line.startswith("-h") else help_of(verb)
        assert shell.done(line).out == expected


def test_help_of_a_group_lists_its_verbs(shell: Shell) -> None:
    for line in ("invite --help", "help invite"):
        text = shell.done(line).out
        assert text.startswith("Usage: bursar invite VERB ...\n\n  create  make a code")
        assert max(map(columns, text.splitlines())) <= 80


def test_the_whole_reference_is_printed(shell: Shell) -> None:
    assert shell.done("help --all").out == reference()


def test_help_needs_no_settings(shell: Shell) -> None:
    (shell.folder / "bursar.toml").write_text("this is not TOML")
    assert shell("--help").code == shell("help").code == 0
    assert shell("whoami").code == 2


def test_a_program_gets_what_it_needs_to_run_by_itself(shell: Shell) -> None:
    spin = Argument("speed", "how fast", Kind.COUNT, default="1")
    shell.families = (Family("Trial", (Verb(("spin",), "turn", Permission.INSTALL, Program("spinner"), (spin,)),)),)
    assert shell("spin --speed 3").code == 0
    assert shell.started == [("spinner", {"speed": 3})]


def test_a_repeated_argument_takes_all_that_is_given(shell: Shell) -> None:
    many = Argument("word", "words", positional=True, repeated=True)
    label = Argument("label", "labels", repeated=True)
    shell.families = (Family("Trial", (Verb(("spin",), "turn", Permission.INSTALL, Program("x"), (many, label)),)),)
    shell.done("spin a --label k=v b --label j -- --c")
    assert shell.started == [("x", {"word": ("a", "b", "--c"), "label": ("k=v", "j")})]


def test_the_words_behind_dashes_are_the_command_and_flags_among_them_are_its_own() -> None:
    reading = read_line(["submit", "train", "--cluster", "c", "--", "sh", "-c", "echo --json"], FAMILIES)
    assert reading.values["command"] == ("sh", "-c", "echo --json")
    assert (reading.values["name"], reading.flags.json) == ("train", False)
    with pytest.raises(Invalid) as refused:
        read_line(["submit", "train", "clustr", "c1"], FAMILIES)
    assert refused.value.code == "usage"


def test_words_behind_dashes_are_ordinary_where_a_verb_has_no_command() -> None:
    assert read_line(["show", "--", "--json"], FAMILIES).values["deployment"] == "--json"
