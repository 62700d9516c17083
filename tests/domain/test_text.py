from __future__ import annotations

import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.text import check_free_text, control_position, refuse_controls, refuse_hidden, safe_text, visible
from tests.domain.refusal import refusal, table

# Everything Python can hold, lone surrogates included, with the troublesome signs drawn often.
TROUBLE = (
    "\x00\x07\t\n\r\x1b\x7f\x85\x9b\xad\u034f\u061c\u115f\u200b\u200d\u2028\u202e\u2066\u3164\ufeff\ud800\U000e0041"
)
ANY_TEXT = st.text(alphabet=st.one_of(st.sampled_from(TROUBLE), st.characters(codec=None)))


@table(
    ("text", "shown"),
    [
        ("plain text stays as it is", "Grüße, мир, 你好 🚀 ❤️", "Grüße, мир, 你好 🚀 ❤️"),
        ("an escape sequence is seen and not obeyed", "a\x1b[31mb", "a␛[31mb"),
        ("writing to the clipboard is seen", "\x1b]52;c;eA==\x07", "␛]52;c;eA==␇"),
        ("NUL and DEL have signs of their own", "\x00\x7f", "␀␡"),
        ("the one-character escape of C1 is seen", "\x9b31m", "\\x9b31m"),
        ("an override of direction is seen", "txt\u202efdp.exe", "txt\\u202efdp.exe"),
        ("an isolate of direction is seen", "\u2066x\u2069", "\\u2066x\\u2069"),
        ("a zero-width space is seen", "ad\u200bmin", "ad\\u200bmin"),
        ("a soft hyphen is seen", "ad\u00admin", "ad\\xadmin"),
        ("a line separator is seen", "a\u2028b\u2029c", "a\\u2028b\\u2029c"),
        ("a byte order mark is seen", "\ufeffname", "\\ufeffname"),
        ("a letter that fills nothing is seen", "a\u3164b\u115fc", "a\\u3164b\\u115fc"),
        ("letters smuggled in tags are seen", "a\U000e0041", "a\\U000e0041"),
        ("a lone surrogate is seen", "a\ud83d", "a\\ud83d"),
        ("markup of a terminal library is only text", "[red][@click=app.quit]x[/]", "[red][@click=app.quit]x[/]"),
        ("an empty text stays empty", "", ""),
    ],
)
def test_B4_B5_what_is_shown(text: str, shown: str) -> None:
    assert safe_text(text) == shown


def test_line_ends_and_tabs_stay_only_where_lines_are_allowed() -> None:
    assert safe_text("a\n\tb\r") == "a␊␉b␍"
    assert safe_text("a\n\tb\r", lines=True) == "a\n\tb␍"


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT, st.booleans())
def test_safe_text_never_holds_anything_that_a_terminal_obeys_or_hides(text: str, lines: bool) -> None:
    shown = safe_text(text, lines=lines)
    shown.encode()
    allowed = "\n\t" if lines else ""
    for char in shown:
        assert char in allowed or unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp")
        assert unicodedata.bidirectional(char) not in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    assert safe_text(shown, lines=lines) == shown


def test_every_character_of_format_is_shown_but_those_that_are_drawn() -> None:
    drawn = {0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
    drawn |= set(range(0x13430, 0x13440))  # they arrange hieroglyphs
    hidden = [point for point in range(0x110000) if unicodedata.category(chr(point)) == "Cf"]
    left = {point for point in hidden if safe_text(chr(point)) == chr(point)}
    assert left <= drawn


@table(
    ("received", "shown"),
    [
        ("text is quoted", "a b", "'a b'"),
        ("text is made safe", "\x1b[2J", "'␛[2J'"),
        ("a space that is none is seen", "2\u00a0GB", "'2\\xa0GB'"),
        ("a sign that nothing draws is seen", "\ue000\U000e1000", "'\\ue000\\U000e1000'"),
        ("long text is cut", "x" * 10_000, "'" + "x" * 40 + "…'"),
        ("nothing is nothing", None, "nothing"),
        ("a truth value is no number", True, "true"),
        ("a number is itself", -1, "-1"),
        ("a number too long to write is measured", 10**5000, "a number of 16610 bits"),
        ("no number", float("nan"), "nan"),
        ("a list is counted", [1, 2, 3], "a list of 3"),
        ("a table is counted", {"a": 1}, "a table of 1"),
        ("anything else is named by its type", b"x", "a bytes"),
    ],
)
def test_what_was_received_is_quoted_shortly(received: object, shown: str) -> None:
    assert visible(received) == shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ab\x1b[31m", "note: contains control character U+001B at position 3"),
        ("\x00", "note: contains control character U+0000 at position 1"),
        ("a\x07", "note: contains control character U+0007 at position 2"),
        ("a\r", "note: contains control character U+000D at position 2"),
        ("\x9b31m", "note: contains control character U+009B at position 1"),
        ("\x1b]52;c;eA==\x07", "note: contains control character U+001B at position 1"),
    ],
)
def test_B4_control_characters_are_refused_in_any_field(text: str, message: str) -> None:
    for error in (refusal(refuse_controls, text, "note"), refusal(check_free_text, text, "note", most=100, lines=True)):
        assert (error.code, error.message) == ("control_character", message)


@pytest.mark.parametrize("char", ["\u202e", "\u200b", "\u2028"])
def test_B5_hidden_characters_are_refused_in_names_and_kept_in_free_text(char: str) -> None:
    error = refusal(refuse_hidden, f"ab{char}", "name")
    assert error.code == "hidden_character"
    assert error.message == f"name: contains invisible character U+{ord(char):04X} at position 3"
    assert check_free_text(f"ab{char}", "note", most=10) == f"ab{char}"


def test_B7_a_lone_surrogate_is_refused_everywhere() -> None:
    for error in (
        refusal(refuse_hidden, "a\ud800", "name"),
        refusal(check_free_text, "a\ud800", "note", most=10, lines=True),
    ):
        assert (error.code, error.message) == (
            "control_character",
            "note: contains lone surrogate U+D800 at position 2".replace("note", error.message[:4]),
        )


def test_free_text_is_measured_before_it_is_read() -> None:
    error = refusal(check_free_text, "x" * 10_000_000, "reason", most=500)
    assert (error.code, error.message) == ("too_long", "reason: at most 500 characters (got 10000000)")
    assert refusal(check_free_text, "   ", "reason", most=500, least=1).message == (
        "reason: at least 1 characters (got only spaces)"
    )
    assert check_free_text("two\nlines", "reason", most=500, lines=True) == "two\nlines"


def test_positions_count_from_one_and_skip_allowed_line_ends() -> None:
    assert control_position("abc") is None
    assert control_position("a\nb\x1b") == 2
    assert control_position("a\nb\x1b", lines=True) == 4


def test_text_and_names_load_no_framework() -> None:
    program = "import sys; import core.domain.names, core.domain.lifecycle; print('pydantic' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
