"""Lines that come from a shell: what stands around the verb is taken apart, and the verb's own words are left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.commands.pasted import taken_apart
from core.commands.table import FAMILIES
from core.commands.words import parse_words
from core.domain.errors import Invalid
from tui.cli.grammar import read_line


@pytest.mark.parametrize(
    ("line", "rest", "org"),
    [
        ("queue", "queue", None),
        ("bursar queue", "queue", None),
        ("$ bursar queue", "queue", None),
        ("  bursar", "", None),
        ("bursary queue", "bursary queue", None),
        ("bursar --org vision cancel dep-1", "cancel dep-1", "vision"),
        ("--org=vision cancel dep-1", "cancel dep-1", "vision"),
        ("bursar --json -y --org vision cancel dep-1", "cancel dep-1", "vision"),
        ("bursar cancel dep-1 --org vision", "cancel dep-1", "vision"),
        ("bursar cancel --org vision dep-1", "cancel dep-1", "vision"),
        ("bursar --org one cancel dep-1 --org two", "cancel dep-1", "two"),
        ("bursar --org vision cluster share rack --org speech", "cluster share rack --org speech", "vision"),
        ("cluster share rack --org speech", "cluster share rack --org speech", None),
        ("submit a --cluster c -- run --org x", "submit a --cluster c -- run --org x", None),
        ("reject dep-1 --reason '--org is wrong'", "reject dep-1 --reason '--org is wrong'", None),
        ("--org vision", "", "vision"),
    ],
)
def test_what_stands_around_a_verb_is_taken_apart(line: str, rest: str, org: str | None) -> None:
    _, left, meant = taken_apart(line)
    assert (" ".join(left.split()), meant) == (rest, org)


@pytest.mark.parametrize(
    "words",
    [
        ["--org", "vision", "org", "role", "ben", "admin"],
        ["org", "role", "ben", "admin", "--org", "vision"],
        ["--org=vision", "cluster", "share", "rack", "--org", "speech"],
        ["--org", "one", "show", "train", "--org=two"],
    ],
)
def test_a_prompt_reads_a_line_as_a_shell_does(words: list[str]) -> None:
    typed = read_line(words, FAMILIES)
    _, rest, org = taken_apart(" ".join(["bursar", *words]))
    assert (parse_words(rest), org) == ((typed.verb, typed.values), typed.flags.org)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("bursar --org", "value_missing"),
        ("bursar cancel dep-1 --org", "value_missing"),
        ("bursar cancel dep-1 --org=", "value_missing"),
        ("bursar --org ../up cancel dep-1", "name_characters"),
        ("bursar --home /elsewhere queue", "one_home"),
    ],
)
def test_what_cannot_be_meant_is_refused(line: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        taken_apart(line)
    assert refused.value.code == code and refused.value.hint


@given(st.text(max_size=80))
def test_whatever_is_typed_is_taken_apart_or_refused(line: str) -> None:
    try:
        head, rest, _ = taken_apart(line)
    except Invalid:
        return
    assert line.startswith(head)
    assert len(head) + len(rest) <= len(line)
