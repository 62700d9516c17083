"""A command line as it is copied from a shell: with the program's name before it, and the flags that all verbs have.

Pure: the line that is left is read by words.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from core.commands.table import VERBS
from core.commands.verbs import Verb
from core.commands.words import Word, split_words
from core.domain.errors import Invalid
from core.domain.names import check_name

_PROGRAM = re.compile(r"\s*(\$\s+)?(bursar(\s+|$))?")
_ORG = "--org"
_OF_A_SHELL = ("--json", "-y", "--yes")  # how an answer is shown, and whether it is asked first: faces know that
_ELSEWHERE = "--home"


class Pasted(NamedTuple):
    """`head` is what stood before the verb; `org` the organization in which it is meant, where the line says so."""

    head: str
    line: str
    org: str | None


def taken_apart(text: str, verbs: Sequence[Verb] = VERBS) -> Pasted:
    """As in a shell, `--org` before the verb is always this flag; behind it, unless it is an option of the verb."""
    program = _PROGRAM.match(text)
    start = program.end() if program else 0
    words = [word._replace(start=word.start + start, end=word.end + start) for word in split_words(text[start:])]
    before = _flags(words)
    org = _org_of(before)
    rest = words[len(before) :]
    start = rest[0].start if rest else len(text) if before else start
    behind = [] if _has_own(rest, verbs) else _said_behind(rest)
    line, end = "", start
    for word in behind:
        line, end = line + text[end : word.start], word.end
    line += text[end:]
    return Pasted(text[:start], line, _org_of(behind) or org)


def _flags(words: Sequence[Word]) -> list[Word]:
    """Those that stand first, with the value of each that takes one."""
    found: list[Word] = []
    while len(found) < len(words) and _is_flag(word := words[len(found)]):
        found.append(word)
        if word.text == _ORG and len(found) < len(words):
            found.append(words[len(found)])
    return found


def _is_flag(word: Word) -> bool:
    if word.text.partition("=")[0] == _ELSEWHERE:
        raise Invalid("one_home", f"{_ELSEWHERE}: one installation is open here", "leave it out")
    return not word.quoted and (word.text.partition("=")[0] == _ORG or word.text in _OF_A_SHELL)


def _said_behind(words: Sequence[Word]) -> list[Word]:
    """Before a `--`: what stands behind that is the command of a deployment."""
    found: list[Word] = []
    for place, word in enumerate(words):
        if word.text == "--" and not word.quoted:
            break
        if not word.quoted and word.text.partition("=")[0] == _ORG:
            found += words[place : place + (1 if "=" in word.text else 2)]
    return found


def _has_own(words: Sequence[Word], verbs: Sequence[Verb]) -> bool:
    said = tuple(word.text.lower() for word in words)
    verb = next((verb for verb in verbs if said[: len(verb.path)] == verb.path), None)
    return verb is not None and any(argument.name == "org" for argument in verb.arguments)


def _org_of(flags: Sequence[Word]) -> str | None:
    """The last one counts."""
    org = None
    for place, word in enumerate(flags):
        name, equals, value = word.text.partition("=")
        if name != _ORG:
            continue
        if not equals:
            value = flags[place + 1].text if place + 1 < len(flags) else ""
        if not value:
            raise Invalid("value_missing", f"{_ORG}: is without a value", f"{_ORG} NAME")
        org = check_name(value, "org")
    return org
