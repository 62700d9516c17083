"""What may become a password (B26-B28)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.errors import Invalid
from core.security.password_rules import _common_passwords, check_new_password, is_common


def refusal(password: str, *names: str, shortest: int = 8) -> Invalid:
    with pytest.raises(Invalid) as refused:
        check_new_password(password, names=names, shortest=shortest)
    return refused.value


@pytest.mark.parametrize(
    ("name", "password", "code"),
    [
        ("7 characters", "kx7pq2z", "password_too_short"),
        ("7 emoji, though 28 bytes", "🦊" * 7, "password_too_short"),
        ("on the list", "iloveyou", "password_common"),
        ("on the list in capitals", "TrustNo1", "password_common"),
        ("a listed word with digits and a sign", "Liverpool99!", "password_common"),
        ("a season and a year", "Summer2026!", "password_common"),
        ("lookalikes for letters", "P@ssw0rd", "password_common"),
        ("lookalikes and a tail", "P@$$w0rd123", "password_common"),
        ("full-width letters of a listed word", "ｐａｓｓｗｏｒｄ１", "password_common"),
        ("its user's name", "xX-mallory-Xx", "password_has_name"),
        ("its organization's name in capitals", "we-are-ACME-lab", "password_has_name"),
        ("the program's name", "bursar4ever", "password_has_name"),
        ("one sign", "zzzzzzzz", "password_pattern"),
        ("a short block over and over", "xyvxyvxyv", "password_pattern"),
        ("a block over and over, cut", "q7mq7mq7", "password_pattern"),
        ("a row of keys", "asdfghjkl", "password_pattern"),
        ("a row of keys backwards", "poiuytrewq", "password_pattern"),
        ("columns of keys", "4rfv5tgb", "password_pattern"),
        ("digits in order", "3456789012", "password_pattern"),
        ("digits backwards", "98765432", "password_pattern"),
        ("letters and digits in order", "abcdef123456", "password_pattern"),
        ("a date", "19840523", "password_pattern"),
        ("a date with points", "23.05.1984", "password_pattern"),
    ],
)
def test_B26_a_password_that_is_guessed_first_is_refused(name: str, password: str, code: str):
    assert refusal(password, "mallory", "Acme").code == code


def test_B26_too_short_says_how_long_and_how_long_is_better():
    assert refusal("short").hint == "use at least 8 characters (15 recommended)"
    assert refusal("longer but no", shortest=20).hint == "use at least 20 characters (20 recommended)"


def test_B26_a_name_of_three_letters_may_be_part_of_a_password():
    check_new_password("falling ladders", names=["lad"])


@pytest.mark.parametrize(
    "password",
    [
        "kx7pq2zv",
        "correct horse battery staple",
        " leading space kept",
        "🦊🐻🐼🦁🐯🐨🐸🐙",
        "пять слов подряд",
        "with\0nul inside",
        "password-for-the-small-lab",
        "x" * 3 + "quite unlike" + "1" * 1000,
    ],
)
def test_B27_a_good_password_is_taken_without_rules_of_composition(password: str):
    check_new_password(password, names=["mallory", "acme"])


@pytest.mark.parametrize("password", ["v9" * 513, "ü" * 600, "\ud800 half a letter", "v9" * 5_000_000])
def test_B28_a_password_too_long_or_no_text_is_refused_by_length(password: str):
    assert refusal(password).code == "password_too_long"


def test_B26_the_list_is_long_and_clean():
    words = _common_passwords()
    assert len(words) >= 3000
    assert all(word == word.strip() and word.isprintable() for word in words)
    assert all(is_common(word) for word in words)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40), st.lists(st.text(max_size=10), max_size=3))
def test_B26_any_text_is_taken_or_refused_and_never_repeated(password: str, names: list[str]):
    marked = f"{password}\u2603{password}"
    try:
        check_new_password(marked, names=names)
    except Invalid as error:
        assert error.code.startswith("password_")
        assert marked not in error.message + str(error.hint) + str(error.fields)
