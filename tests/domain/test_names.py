from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings

from core.domain.errors import Invalid
from core.domain.names import (
    check_account_name,
    check_deployment_name,
    check_gpu_model,
    check_label_key,
    check_label_value,
    check_name,
    check_reference,
    did_you_mean,
    nearest,
    suggested_name,
)
from tests.domain.refusal import refusal
from tests.domain.test_text import ANY_TEXT

Check = Callable[..., str]
NAMES: list[Check] = [check_account_name, check_name, check_deployment_name]


@pytest.mark.parametrize("check", NAMES)
@pytest.mark.parametrize("name", ["ab", "a1", "tinyllama", "llama-3.1_8b", "7b", "x" * 32])
def test_good_names_stay_as_they_are(check: Check, name: str) -> None:
    assert check(name) == name


@pytest.mark.parametrize(
    ("text", "got"), [("", "0"), ("a", "1"), ("     ", "only spaces")], ids=["empty", "one character", "only spaces"]
)
def test_B1_names_have_at_least_two_characters(text: str, got: str) -> None:
    for check, most in ((check_name, 63), (check_deployment_name, 63), (check_account_name, 32)):
        error = refusal(check, text)
        assert (error.code, error.message) == ("name_length", f"name: 2–{most} characters (got {got})")


@pytest.mark.parametrize("length", [64, 10_000, 10_000_000])
def test_B2_long_names_are_refused_by_their_length_alone(length: int) -> None:
    error = refusal(check_name, "[" * length)
    assert (error.code, error.message) == ("name_length", f"name: at most 63 characters (got {length})")
    assert refusal(check_account_name, "x" * 33).message == "name: at most 32 characters (got 33)"


@pytest.mark.parametrize(
    "text", ["[red]", "[@click=app.quit]x", "[/bad]", "[_==", "a b", "a/b", "<!channel>", "-rf", "a;b"]
)
def test_B3_markup_and_signs_of_a_shell_are_no_names(text: str) -> None:
    error = refusal(check_deployment_name, text)
    assert error.code == "name_characters"
    assert error.message == (f"name: '{text}' may hold only a-z 0-9 . _ - and begins and ends with a letter or digit")


@pytest.mark.parametrize("text", ["ab-", "ab.", "-ab", ".ab", "_ab"])
def test_names_begin_and_end_with_a_letter_or_digit(text: str) -> None:
    assert refusal(check_name, text).code == "name_characters"


def test_account_names_may_end_in_a_sign() -> None:
    assert check_account_name("anna_") == "anna_"
    assert refusal(check_account_name, "_anna").code == "name_characters"


@pytest.mark.parametrize("text", ["a\x1b[31m", "ab\x00", "ab\x07", "ab\r", "a\x9bb", "ab\n"])
@pytest.mark.parametrize("check", [*NAMES, check_reference, check_label_key, check_label_value, check_gpu_model])
def test_B4_control_characters_are_refused_by_place(check: Check, text: str) -> None:
    place = next(index for index, char in enumerate(text, start=1) if not char.isprintable())
    error = refusal(check, text, "field")
    assert (error.code, error.message) == (
        "control_character",
        f"field: contains control character U+{ord(text[place - 1]):04X} at position {place}",
    )


@pytest.mark.parametrize("char", ["\u202e", "\u200b", "\u2028", "\u00ad", "\ufeff"])
@pytest.mark.parametrize("check", [*NAMES, check_reference, check_label_key, check_label_value])
def test_B5_hidden_characters_are_refused_in_names(check: Check, char: str) -> None:
    error = refusal(check, f"a{char}b")
    assert error.code == "hidden_character"
    assert error.message.endswith(f"contains invisible character U+{ord(char):04X} at position 2")


@pytest.mark.parametrize("text", ["аdmin", "ｂｏｂｂｙ", "ma\u212a", "\u017fam", "zoë", "İda"])
def test_B6_names_that_only_look_like_ascii_are_refused(text: str) -> None:
    for check in NAMES:
        assert refusal(check, text).code == "name_characters"


def test_B6_case_makes_no_difference() -> None:
    assert check_account_name("Anna.K") == check_account_name("ANNA.k") == "anna.k"
    assert check_name("GPU-Farm") == "gpu-farm"
    assert refusal(check_account_name, "ADMIN").message == "name: 'ADMIN' is reserved"


def test_B7_a_lone_surrogate_is_no_name() -> None:
    assert refusal(check_name, "ab\ud800").message == "name: contains lone surrogate U+D800 at position 3"


@pytest.mark.parametrize("text", ["admin", "root", "system", ".", "..", "con", "COM1", "everyone", "daemon"])
def test_B8_reserved_account_names(text: str) -> None:
    error = refusal(check_account_name, text)
    assert (error.code, error.message) == ("name_reserved", f"name: '{text}' is reserved")


def test_B8_other_things_are_reserved_only_what_a_file_system_or_a_command_would_mistake() -> None:
    assert check_name("admin") == "admin"
    for text in (".", "..", "con", "nul", "all"):
        assert refusal(check_name, text).message == f"name: '{text}' is reserved"


def test_a_deployment_is_never_named_like_an_id() -> None:
    assert refusal(check_deployment_name, "dep-7k3f9q").message == "name: 'dep-7k3f9q' looks like an id"
    assert check_deployment_name("dep-7k3f9qx") == "dep-7k3f9qx"
    assert check_deployment_name("deployment") == "deployment"


@pytest.mark.parametrize(
    ("text", "folded"), [("dep-7k3f9q", "dep-7k3f9q"), ("d", "d"), ("DEP-7K", "dep-7k"), ("dep-", "dep-")]
)
def test_a_reference_is_a_name_an_id_or_its_beginning(text: str, folded: str) -> None:
    assert check_reference(text) == folded


@pytest.mark.parametrize("text", ["", "x" * 64, "../etc", "%", "a b", "' OR 1=1--"])
def test_B16_what_can_be_no_reference_is_refused_before_any_search(text: str) -> None:
    assert refusal(check_reference, text).code in ("name_length", "name_characters")


def test_models_of_gpus_are_written_in_one_way() -> None:
    assert check_gpu_model("NVIDIA H200") == check_gpu_model("nvidia-h200") == "nvidia-h200"
    assert refusal(check_gpu_model, "x" * 10_000).message == "gpu_model: at most 63 characters (got 10000)"


@pytest.mark.parametrize("key", ["team", "sim.duration", "app.kubernetes.io/name", "A", "x" * 63])
def test_label_keys(key: str) -> None:
    assert check_label_key(key) == key


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("", "label_key"),
        ("x" * 64, "label_key"),
        ("a b", "label_key"),
        ("-a", "label_key"),
        ("Bursar.token", "label_reserved"),
    ],
)
def test_label_keys_that_are_refused(key: str, code: str) -> None:
    assert refusal(check_label_key, key).code == code


def test_label_values_are_bounded_free_text() -> None:
    assert check_label_value("") == ""
    assert check_label_value("[red] größer & <b>") == "[red] größer & <b>"
    assert refusal(check_label_value, "x" * 256).message == "labels: a value has at most 255 characters (got 256)"


def test_a_refused_name_comes_with_one_that_would_do() -> None:
    assert refusal(check_deployment_name, "My Model!").hint == "'my-model' would do"
    assert refusal(check_deployment_name, "!!!").hint == "choose a name such as team-2"


@settings(max_examples=150, deadline=None)
@given(ANY_TEXT)
def test_any_text_is_either_a_name_or_refused_in_words(text: str) -> None:
    for check in (check_account_name, check_name, check_deployment_name, check_reference, check_label_key):
        try:
            name = check(text)
        except Invalid as error:
            error.message.encode()
        else:
            assert check(name) == name
            assert name.isascii()


@settings(max_examples=150, deadline=None)
@given(ANY_TEXT)
def test_a_suggested_name_is_a_good_name(text: str) -> None:
    proposal = suggested_name(text)
    if proposal is not None:
        assert check_name(proposal) == proposal


def test_the_nearest_word_is_found() -> None:
    assert nearest("shedule", ["schedule", "database", "slack"]) == "schedule"
    assert nearest("SUBMTI", ["submit", "list"]) == "submit"
    assert nearest("zzz", ["submit", "list"]) is None
    assert nearest("x" * 1_000_000, ["submit"]) is None
    assert did_you_mean("prioritty", ["priority", "hours"]) == "did you mean 'priority'?"
    assert did_you_mean("zzz", ["priority", "hours"]) == "one of hours, priority"
