"""What may become a password: long enough, and not among the first that anybody would guess.

No rules of composition: they make passwords worse. Knows nothing of hashing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from core.domain.errors import Invalid
from core.security.passwords import LARGEST_BYTES, password_bytes

SHORTEST = 8
ADVISED = 15
_SHORTEST_NAME = 4
_COMMON = Path(__file__).with_name("common_passwords.txt")
# Rows and columns of keyboards, the alphabet, the digits: runs along them, either way, are no secret.
_LINES = (
    "qwertyuiop[]",
    "qwertzuiopü",
    "azertyuiop",
    "asdfghjkl;'",
    "yxcvbnm,.-",
    "zxcvbnm,./",
    "12345678901234567890",
    "1234567890-=",
    "!@#$%^&*()_+",
    "abcdefghijklmnopqrstuvwxyz",
    "0123456789012",
    "1qaz",
    "2wsx",
    "3edc",
    "4rfv",
    "5tgb",
    "6yhn",
    "7ujm",
    "8ik,",
    "9ol.",
    "0p;/",
)
_MANY_RUNS = 4
_SHORT_BLOCK = 4
_DATE = re.compile(r"((19|20)\d\d[-./]?(0\d|1[0-2])[-./]?[0-3]\d)|([0-3]\d[-./]?[0-3]\d[-./]?(19|20)\d\d)", re.ASCII)
_LOOKALIKES = str.maketrans("@4301!$57", "aaeoiisst")
_AROUND = re.compile(r"^[\W\d_]+|[\W\d_]+$")


def check_new_password(password: str, *, names: Iterable[str] = (), shortest: int = SHORTEST) -> None:
    """Refuse a weak password with what is wrong with it; the password itself is never repeated.

    `names` are words of its owner: user name, organization.
    """
    plain = password_bytes(password)
    if plain is None:
        raise _refused(
            "password_too_long", f"has more than {LARGEST_BYTES} bytes or is no text", "choose a shorter one"
        )
    text = plain.decode()
    if len(text) < shortest:
        right = f"use at least {shortest} characters ({max(ADVISED, shortest)} recommended)"
        raise _refused("password_too_short", f"has {len(text)} characters", right)
    folded = text.casefold()
    for name in ("bursar", *names):
        if len(name) >= _SHORTEST_NAME and name.casefold() in folded:
            raise _refused("password_has_name", f"contains '{name}'", "leave names out of it")
    if _is_pattern(folded):
        raise _refused("password_pattern", "is a row of keys, a repetition or a date", "use a few unrelated words")
    if is_common(folded):
        raise _refused("password_common", "is among the first that are tried", "use a few unrelated words")


def is_common(folded: str) -> bool:
    """On the list as it stands, or after the digits and signs around it and letters' lookalikes are undone."""
    known = _common_passwords()
    if folded in known:
        return True
    candidates = (folded, folded.translate(_LOOKALIKES))
    bare = {_AROUND.sub("", candidate) for candidate in candidates}
    bare |= {_AROUND.sub("", folded).translate(_LOOKALIKES)}
    # A known word with a long tail is no longer a first guess.
    return any(word in known and len(folded) - len(word) <= 6 for word in bare if word)


def _is_pattern(folded: str) -> bool:
    repeats = any(folded == (folded[:block] * len(folded))[: len(folded)] for block in range(1, _SHORT_BLOCK + 1))
    return repeats or _DATE.fullmatch(folded) is not None or _runs_of(folded) <= _MANY_RUNS


def _runs_of(folded: str) -> int:
    """In how many runs of keys the whole text falls; more than any limit where it does not."""
    runs, start = 0, 0
    while start < len(folded) and runs <= _MANY_RUNS:
        length = _run_at(folded, start)
        if length < 3:
            return _MANY_RUNS + 1
        start += length
        runs += 1
    return runs


def _run_at(folded: str, start: int) -> int:
    rest = folded[start:]
    same = len(rest) - len(rest.lstrip(rest[0]))
    return max([same, *(_along(line, rest) for line in (*_LINES, *(line[::-1] for line in _LINES)))])


def _along(line: str, rest: str) -> int:
    place = line.find(rest[0])
    if place < 0:
        return 0
    length = 0
    for there, here in zip(line[place:], rest, strict=False):
        if there != here:
            break
        length += 1
    return length


@cache
def _common_passwords() -> frozenset[str]:
    lines = _COMMON.read_text(encoding="utf-8").splitlines()
    return frozenset(line.casefold() for line in lines if line and not line.startswith("# "))


def _refused(code: str, wrong: str, right: str) -> Invalid:
    return Invalid(code, f"the password {wrong}", right, {"password": wrong})
