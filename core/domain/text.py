"""Text that came from outside: made harmless to show, quoted in errors, or refused.

Whatever a terminal or a chat would obey or hide (control, bidi, zero-width characters, lone surrogates) is shown as
a visible sign. Knows no face: how wide a sign is stands in columns.py, what markup is stands with the faces.
"""

from __future__ import annotations

import re

from core.domain.errors import Invalid

LONGEST_ECHO = 40

_CONTROLS = "\x00-\x1f\x7f-\x9f\ud800-\udfff"
# Unicode's Default_Ignorable_Code_Point without the variation selectors that emoji are written with, then the line
# separators and the interlinear marks: all that takes no room and yet changes what is read.
_UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile(f"[{_CONTROLS}]")
_CONTROL_BUT_LINES = re.compile(rf"(?![\n\t])[{_CONTROLS}]")
_HIDDEN = re.compile(f"[{_CONTROLS}{_UNSEEN}]")
_HIDDEN_BUT_LINES = re.compile(rf"(?![\n\t])[{_CONTROLS}{_UNSEEN}]")


def safe_text(text: str, *, lines: bool = False) -> str:
    """The text with every hidden character made visible; `lines` leaves line ends and tabs as they are."""
    return (_HIDDEN_BUT_LINES if lines else _HIDDEN).sub(_sign, text)


def visible(received: object, limit: int = LONGEST_ECHO) -> str:
    """What was received, shortened and in quotes, for the text of an error."""
    if isinstance(received, str):
        cut = received if len(received) <= limit else received[:limit] + "…"
        # In a quotation even a space that is none, or a sign that no font has, is better seen.
        return "'" + "".join(char if char.isprintable() else _escape(char) for char in safe_text(cut)) + "'"
    if received is None:
        return "nothing"
    if isinstance(received, bool):
        return "true" if received else "false"
    if isinstance(received, int):
        # Python refuses to write out very long numbers, and nobody wants to read them.
        return str(received) if received.bit_length() <= 128 else f"a number of {received.bit_length()} bits"
    if isinstance(received, float):
        return str(received)
    if isinstance(received, (list, tuple, set, frozenset)):
        return f"a list of {len(received)}"
    if isinstance(received, dict):
        return f"a table of {len(received)}"
    return f"a {type(received).__name__}"


def control_position(text: str, *, lines: bool = False) -> int | None:
    """Where the first control character or lone surrogate stands, counted from 1."""
    found = (_CONTROL_BUT_LINES if lines else _CONTROL).search(text)
    return found.start() + 1 if found else None


def refuse_controls(text: str, name: str, *, lines: bool = False) -> None:
    """For every field: no terminal escape and nothing that cannot be written as UTF-8."""
    position = control_position(text, lines=lines)
    if position is not None:
        raise _holds(text, name, position, "control_character", "control character")


def refuse_surrogates(text: str, name: str) -> None:
    """For what may hold anything else, such as a password: halves of characters cannot be written as UTF-8."""
    found = _SURROGATE.search(text)
    if found:
        raise _holds(text, name, found.start() + 1, "control_character", "lone surrogate")


def refuse_hidden(text: str, name: str) -> None:
    """For names and the like: nothing that two people could read differently."""
    refuse_controls(text, name)
    found = _HIDDEN.search(text)
    if found:
        raise _holds(text, name, found.start() + 1, "hidden_character", "invisible character")


def check_free_text(text: str, name: str, *, most: int, least: int = 0, lines: bool = False) -> str:
    """A reason, a title, a message: kept as written, since it is made safe where it is shown."""
    if len(text) > most:
        raise Invalid("too_long", f"{name}: at most {most} characters (got {len(text)})", "say it in fewer words")
    if len(text.strip()) < least:
        got = "only spaces" if text else "nothing"
        raise Invalid("too_short", f"{name}: at least {least} characters (got {got})", "say it in words")
    refuse_controls(text, name, lines=lines)
    return text


def _holds(text: str, name: str, position: int, code: str, what: str) -> Invalid:
    point = ord(text[position - 1])
    if 0xD800 <= point <= 0xDFFF:
        what = "lone surrogate"
    return Invalid(code, f"{name}: contains {what} U+{point:04X} at position {position}", "leave that character out")


def _sign(found: re.Match[str]) -> str:
    point = ord(found[0])
    if point < 0x20:
        return chr(0x2400 + point)
    return "\u2421" if point == 0x7F else _escape(found[0])


def _escape(char: str) -> str:
    point = ord(char)
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
