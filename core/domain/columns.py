"""How many columns of a terminal a text takes, and cutting it so that it fits without splitting a sign.

Speaks of text that safe_text has already passed, so that no joiner is left: a sign is a base with the marks that
follow it. Stays with the standard library, because the command line must start fast.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

_EMOJI_STYLE = "\ufe0f"


def signs(text: str) -> Iterator[str]:
    """The text in what a reader takes for single characters: marks stay with their base, flags with their pair."""
    sign = ""
    for char in text:
        if sign and not _continues(sign, char):
            yield sign
            sign = ""
        sign += char
    if sign:
        yield sign


def columns(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(map(_columns_of, signs(text)))


def cut(text: str, room: int) -> str:
    """The text where it fits in `room` columns; else as much of it as fits before an ellipsis."""
    if len(text) <= room and text.isascii():
        return text
    kept: list[str] = []
    taken = before_ellipsis = 0
    for sign in signs(text):
        taken += _columns_of(sign)
        if taken > room:
            return "".join(kept[:before_ellipsis]) + "…" if room > 0 else ""
        kept.append(sign)
        if taken < room:
            before_ellipsis = len(kept)
    return text


def _continues(sign: str, char: str) -> bool:
    if _is_flag_letter(char):
        return len(sign) == 1 and _is_flag_letter(sign)
    return unicodedata.category(char) in ("Mn", "Me", "Mc") or 0x1F3FB <= ord(char) <= 0x1F3FF


def _is_flag_letter(char: str) -> bool:
    return 0x1F1E6 <= ord(char) <= 0x1F1FF


def _columns_of(sign: str) -> int:
    if _EMOJI_STYLE in sign or (len(sign) == 2 and _is_flag_letter(sign[0])):
        return 2
    if unicodedata.category(sign[0]) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(sign[0]) in ("W", "F") else 1
