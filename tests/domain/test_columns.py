from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.columns import columns, cut, signs
from core.domain.text import safe_text
from tests.domain.refusal import table


@table(
    ("text", "width"),
    [
        ("letters take one column", "abc", 3),
        ("ideographs take two", "你好", 4),
        ("full-width letters take two", "ＡＢ", 4),
        ("a rocket takes two", "🚀", 2),
        ("a mark takes none", "e\u0301", 1),
        ("a mark without a letter takes none", "\u0301", 0),
        ("a skin tone belongs to its hand", "👍🏽", 2),
        ("a flag is one sign", "🇨🇭🇦🇹", 4),
        ("the style of a picture makes it wide", "❤\ufe0f", 2),
        ("right-to-left letters take one", "שלום", 4),
        ("nothing takes nothing", "", 0),
    ],
)
def test_B57_width(text: str, width: int) -> None:
    assert columns(text) == width


@table(
    ("text", "room", "shown"),
    [
        ("what fits stays", "abc", 3, "abc"),
        ("what does not fit ends in an ellipsis", "abcd", 3, "ab…"),
        ("a wide sign is not halved", "你好吗", 4, "你…"),
        ("a mark stays with its letter", "e\u0301e\u0301e\u0301", 2, "e\u0301…"),
        ("a flag is not torn apart", "🇨🇭🇦🇹", 3, "🇨🇭…"),
        ("wide signs that fit exactly stay", "你好", 4, "你好"),
        ("one column holds only the ellipsis", "你好", 1, "…"),
        ("no column holds nothing", "你好", 0, ""),
        ("no column holds nothing of letters", "ab", 0, ""),
    ],
)
def test_B57_cutting(text: str, room: int, shown: str) -> None:
    assert cut(text, room) == shown


@settings(max_examples=200, deadline=None)
@given(st.text(), st.integers(min_value=0, max_value=30))
def test_B57_a_cut_text_never_takes_more_than_its_room(text: str, room: int) -> None:
    safe = safe_text(text)
    shown = cut(safe, room)
    assert columns(shown) <= room
    assert shown == safe or not shown or shown.endswith("…")


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_signs_leave_nothing_out(text: str) -> None:
    assert "".join(signs(text)) == text
    assert all(signs(text))
