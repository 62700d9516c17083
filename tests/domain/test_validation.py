from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from core.domain.errors import Invalid
from core.domain.validation import (
    AccountName,
    CpuMilli,
    HoursMs,
    Priority,
    Reason,
    Request,
    field_type,
    free_text,
    one_of,
    validated,
    whole,
)
from tests.domain.refusal import refusal, table
from tests.domain.test_text import ANY_TEXT

PRIORITY_RULE = "priority: a whole number between 0 and 100"


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Sample(Request):
    secret_fields: ClassVar[frozenset[str]] = frozenset({"password"})

    name: AccountName
    password: str = ""
    cpu: CpuMilli | None = None
    priority: Priority = 50
    colour: Annotated[Colour, one_of(Colour)] = Colour.RED
    note: Annotated[str, free_text(most=20)] = ""
    flag: bool = False
    words: tuple[str, ...] = ()


def test_good_values_make_a_request() -> None:
    sample = validated(Sample, name="Anna", cpu="0.5", priority="7", colour="green", flag=True)
    assert (sample.name, sample.cpu, sample.priority, sample.colour) == ("anna", 500, 7, Colour.GREEN)


def test_a_request_cannot_be_changed() -> None:
    sample = validated(Sample, name="anna")
    with pytest.raises(ValidationError):
        sample.name = "root"


@pytest.mark.parametrize("field", ["role", "org_id", "is_operator", "__class__", "model_config", "namee"])
def test_B34_a_field_that_nobody_declared_is_refused(field: str) -> None:
    error = refusal(validated, Sample, **{"name": "anna", field: "admin"})
    assert (error.code, error.message) == ("unknown_field", f"{field}: there is no such field")


def test_an_unknown_field_is_answered_with_the_nearest() -> None:
    assert refusal(validated, Sample, name="anna", prioritty=1).hint == "did you mean 'priority'?"


@table(
    ("values", "code", "message"),
    [
        ("a missing field", {}, "missing", "name: is missing"),
        ("text where a truth value belongs", {"flag": "yes"}, "bool_type", "flag: must be true or false (got 'yes')"),
        ("a number where text belongs", {"name": 5}, "string_type", "name: must be text (got 5)"),
        ("a truth value as an amount", {"cpu": True}, "not_an_amount", "cpu: must be an amount (got true)"),
        ("a list as an amount", {"cpu": [1]}, "not_an_amount", "cpu: must be an amount (got a list of 1)"),
        (
            "a fraction as a priority",
            {"priority": 1.5},
            "int_type",
            "priority: a whole number between 0 and 100 (got 1.5)",
        ),
        (
            "a truth value as a priority",
            {"priority": True},
            "int_type",
            "priority: a whole number between 0 and 100 (got true)",
        ),
        ("too much text", {"note": "x" * 21}, "too_long", "note: at most 20 characters (got 21)"),
        ("no member", {"colour": "gren"}, "unknown_colour", "colour: there is no 'gren'"),
        ("a list of the wrong things", {"words": (1,)}, "string_type", "words.0: must be text (got 1)"),
        ("no list", {"words": "ab"}, "tuple_type", "words: must be a list (got 'ab')"),
    ],
)
def test_one_fault(values: dict[str, object], code: str, message: str) -> None:
    given_values = {"name": "anna", **values} if values else {}
    error = refusal(validated, Sample, **given_values)
    assert (error.code, error.message) == (code, message)


def test_all_faults_come_at_once_with_field_code_and_message() -> None:
    error = refusal(validated, Sample, name="x", cpu="1,5", priority=101, extra=1)
    assert list(error.fields) == ["name", "cpu", "priority", "extra"]
    assert error.fields["priority"] == {
        "code": "out_of_range",
        "message": "priority: a whole number between 0 and 100 (got 101)",
        "hint": "give a whole number between 0 and 100",
    }
    assert error.code == "name_length"
    assert error.message.split("; ") == [fault["message"] for fault in error.fields.values()]  # type: ignore[index]


def test_numbers_from_a_file_mean_what_the_same_text_means() -> None:
    for given_cpu, milli in ((2, 2000), (0.5, 500), (8.0, 8000), ("8.0", 8000)):
        assert validated(Sample, name="anna", cpu=given_cpu).cpu == milli


def test_the_received_value_of_a_secret_field_is_not_quoted() -> None:
    error = refusal(validated, Sample, name="anna", password=["hunter2"])
    assert error.message == "password: must be text (not shown)"
    assert "hunter2" not in repr(error.fields)


def test_B2_a_received_value_is_shortened() -> None:
    error = refusal(validated, Sample, name="anna", flag="x" * 10_000_000)
    assert error.message == f"flag: must be true or false (got '{'x' * 40}…')"


def test_B7_lone_surrogates_are_refused_wherever_they_stand() -> None:
    assert refusal(validated, Sample, name="anna", note="a\ud800").code == "control_character"
    assert refusal(validated, Sample, name="anna", password="a\ud800").message == (
        "password: contains lone surrogate U+D800 at position 2"
    )
    assert refusal(validated, Sample, name="anna", words=("a", "\ud800")).fields["words"]
    assert refusal(validated, Sample, **{"name": "anna", "\ud800": 1}).code == "string_unicode"


def test_B4_a_field_name_from_outside_is_made_visible() -> None:
    assert refusal(validated, Sample, **{"name": "anna", "\x1b[2J": 1}).message == "␛[2J: there is no such field"


def test_many_faults_are_cut() -> None:
    error = _without_checks(**{f"x{n}": 1 for n in range(1000)})
    assert len(error.fields) == 20


def test_a_check_of_ones_own_learns_the_name_of_its_field() -> None:
    def check(value: object, name: str) -> object:
        raise Invalid("never", f"{name}: never")

    class Never(Request):
        thing: Annotated[str, field_type(check)]

    assert refusal(validated, Never, thing="x").message == "thing: never"


def test_braces_in_what_was_received_are_only_text() -> None:
    assert refusal(validated, Sample, name="{name}").message.startswith("name: '{name}' may hold only")


class Everything(Request):
    name: AccountName
    hours: HoursMs
    reason: Reason
    count: Annotated[int, whole(1, 10)]


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), ANY_TEXT, st.binary()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(ANY_TEXT, inner, max_size=3)),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.one_of(st.sampled_from(["name", "hours", "reason", "count"]), ANY_TEXT), ANYTHING, max_size=6)
)
def test_anything_is_a_request_or_refused_in_words(values: dict[str, object]) -> None:
    try:
        validated(Everything, **values)
    except Invalid as error:
        error.message.encode()
        assert error.fields


def _without_checks(**values: object) -> Invalid:
    with pytest.raises(Invalid) as caught:
        validated(Sample, name="anna", **values)
    return caught.value
