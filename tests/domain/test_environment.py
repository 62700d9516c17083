from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.environment import MASK, looks_secret, masked, read_environment, read_labels
from core.domain.errors import Invalid
from tests.domain.refusal import refusal, table
from tests.domain.test_text import ANY_TEXT


@table(
    ("given_as", "read"),
    [
        ("words", ["A=1", "B_2=x=y", "EMPTY="], {"A": "1", "B_2": "x=y", "EMPTY": ""}),
        ("a table", {"A": "1"}, {"A": "1"}),
        ("lines and tabs in a value", {"PEM": "a\n\tb"}, {"PEM": "a\n\tb"}),
        ("nothing", [], {}),
    ],
)
def test_an_environment_is_read_from(given_as: object, read: dict[str, str]) -> None:
    assert read_environment(given_as) == read  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["A B", "", "1A", "A-B", "Ä", "A" * 129, "A\x1b"])
def test_B20_a_variable_has_a_name(name: str) -> None:
    error = refusal(read_environment, {name: "x"})
    assert error.code == "env_name"
    assert "is not the name of a variable" in error.message


def test_B20_a_word_without_a_sign_is_refused_and_not_quoted() -> None:
    error = refusal(read_environment, ["hunter2"])
    assert (error.code, error.message) == ("env_no_value", "env: a variable has no '='")
    assert "hunter2" not in f"{error.message}{error.hint}{error.fields}"


def test_B20_at_most_128_variables() -> None:
    assert len(read_environment([f"V{n}=" for n in range(128)])) == 128
    error = refusal(read_environment, (f"V{n}=" for n in range(10_000)))
    assert (error.code, error.message) == ("too_many", "env: at most 128 variables")


def test_B20_at_most_32_KiB_each_in_bytes() -> None:
    assert read_environment({"A": "x" * 32_768})
    for value, size in (("x" * 32_769, 32_769), ("é" * 16_385, 32_770), ("x" * 1_000_000, 1_000_000)):
        error = refusal(read_environment, {"A": value})
        assert (error.code, error.message) == ("env_value_size", f"env: A has more than 32 KiB (got {size} bytes)")


def test_B20_at_most_256_KiB_in_all() -> None:
    error = refusal(read_environment, {f"V{n}": "x" * 32_768 for n in range(8)})
    assert (error.code, error.message) == ("env_size", "env: more than 256 KiB in all (got 262168 bytes)")


@pytest.mark.parametrize("name", ["CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "BURSAR_TOKEN"])
def test_what_the_platform_sets_cannot_be_set(name: str) -> None:
    assert refusal(read_environment, [f"{name}=0"]).message == f"env: {name} is set by the platform"


@pytest.mark.parametrize("value", ["a\x00b", "a\x1b[0m", "a\r\n", "\ud800"])
def test_B4_control_characters_in_values_are_refused_by_place(value: str) -> None:
    error = refusal(read_environment, {"A": value})
    assert error.code == "control_character"
    assert error.message.startswith("env A: contains ")


def test_a_name_given_twice_is_a_contradiction() -> None:
    assert refusal(read_environment, ["A=1", "A=2"]).message == "env: 'A' is given twice"
    assert refusal(read_labels, ["a=1", "a"]).message == "labels: 'a' is given twice"


@pytest.mark.parametrize("value", [1, True, None, 1.5, ["x"]])
def test_values_are_text_and_are_not_turned_into_it(value: object) -> None:
    assert refusal(read_environment, {"A": value}).message == "env: keys and values are text"
    assert refusal(read_environment, [value]).message == "env: each is text such as key=value"
    assert refusal(read_environment, "A=1").code == "not_a_list"


def test_labels_are_read() -> None:
    assert read_labels(["team=vision", "urgent", "sim.duration=90s"]) == {
        "team": "vision",
        "urgent": "",
        "sim.duration": "90s",
    }
    assert refusal(read_labels, ["=x"]).code == "label_key"
    assert refusal(read_labels, [f"l{n}" for n in range(65)]).message == "labels: at most 64 labels"


@table(
    ("name", "value"),
    [
        ("a token by its name", "HF_TOKEN", "x"),
        ("a password", "DB_PASSWORD", "letmein"),
        ("a key", "API_KEY", "1"),
        ("an access key", "AWS_SECRET_ACCESS_KEY", "abc"),
        ("an authorization", "AUTHORIZATION", "abc"),
        ("in lower case", "my_secret", "abc"),
        ("a private key by its value", "DATA", "-----BEGIN RSA PRIVATE KEY-----\nabc"),
        ("a key of a model's service", "X", "sk-abcdef"),
        ("a token of a chat", "X", "xoxb-1-2-3"),
        ("a token of a code host", "X", "ghp_abcdef"),
        ("a signed token", "X", "eyJhbGciOi.eyJzdWIi.c2ln"),
        ("an address with a password in it", "URL", "see postgresql://bursar:hunter2@db/x"),
        ("a long drawn word", "X", "Zm9vYmFyMTIzNDU2Nzg5MGFi"),
        ("a long hexadecimal word", "X", "0123456789abcdef0123456789abcdef"),
    ],
)
def test_B21_what_looks_like_a_secret_is_masked(name: str, value: str) -> None:
    assert masked({name: value, "PLAIN": "8"}) == {name: MASK, "PLAIN": "8"}


@table(
    ("name", "value"),
    [
        ("a number", "WORLD_SIZE", "8"),
        ("a path", "HOME", "/home/Anna/models/Llama3/checkpoint"),
        ("an address", "URL", "https://example.org/a?b=c"),
        ("a sentence", "NOTE", "the quick brown fox jumps over the lazy dog"),
        ("an empty value has nothing to hide", "TOKEN", ""),
        ("an author is no authorization", "AUTHOR", "anna"),
        ("a keyboard is no key", "KEYBOARD", "de"),
    ],
)
def test_B21_what_does_not_is_shown(name: str, value: str) -> None:
    assert masked({name: value}) == {name: value}


@pytest.mark.parametrize(
    "value", ["a" * 32_768, "a://" + ":" * 32_764, "a://" * 8_192, "aA1" * 10_922, "a://" + "b" * 32_764]
)
def test_B21_looking_costs_no_more_than_the_length_of_the_value(value: str) -> None:
    before = time.thread_time()
    looks_secret("X", value)
    assert time.thread_time() - before < 1.0


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.lists(ANY_TEXT), st.dictionaries(ANY_TEXT, ANY_TEXT)))
def test_any_environment_is_read_or_refused_in_words(given_as: list[str] | dict[str, str]) -> None:
    for read in (read_environment, read_labels):
        try:
            pairs = read(given_as)  # type: ignore[arg-type]
        except Invalid as error:
            error.message.encode()
        else:
            assert len(pairs) == len(given_as)
            masked(pairs)
