"""One TOML file read for all of its mistakes: what does not parse is noted with its line and left out.

Knows the format and where each key stands; knows no setting.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

LARGEST = 256 * 1024
_MOST_MISTAKES = 20
_PLACE = r" \(at (?:line (\d+), column \d+|end of document)\)$"
_HEADER = re.compile(r"[ \t]*\[[ \t]*([A-Za-z0-9_-]+)[ \t]*\]", re.ASCII)
_KEY = re.compile(r"[ \t]*([A-Za-z0-9_-]+)[ \t]*=", re.ASCII)
_WORDS = {
    "Cannot overwrite a value": ("the key is given twice", "keep one of the two"),
    "Cannot declare": ("the section is given twice", "put all its keys under one heading"),
}


class Problem(NamedTuple):
    """One mistake in one source; values of secrets are never part of it."""

    source: str
    line: int | None
    key: str
    wrong: str
    right: str

    @property
    def sentence(self) -> str:
        place = f"{self.source}, line {self.line}" if self.line else self.source
        parts = [place, self.key, self.wrong] if self.key else [place, self.wrong]
        return ": ".join(parts) + (f"; {self.right}" if self.right else "")

    def as_data(self) -> dict[str, object]:
        return {"source": self.source, "line": self.line, "key": self.key, "wrong": self.wrong, "right": self.right}


def shown_key(section: str, key: str) -> str:
    name = ".".join(part for part in (section, key) if part)
    return name if name.isprintable() and len(name) <= 80 else ascii(name)[:80]


class Document(NamedTuple):
    """What could be read, and the line of each (section, key); a heading's own line stands at (section, "")."""

    tables: dict[str, object]
    lines: dict[tuple[str, str], int]


_NOTHING = Document({}, {})


def read_toml(path: Path) -> tuple[Document, list[Problem]]:
    """An absent file is an empty one."""
    try:
        raw = path.read_bytes() if path.stat().st_size <= LARGEST else None
    except FileNotFoundError:
        return _NOTHING, []
    except OSError as error:
        return _NOTHING, [Problem(str(path), None, "", f"cannot be read: {error.strerror}", "see its rights")]
    if raw is None:
        return _NOTHING, [Problem(str(path), None, "", f"is larger than {LARGEST} bytes", "is it the right file?")]
    try:
        text = raw.decode("utf-8-sig")  # a byte-order mark, as some editors write, is no mistake
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return _NOTHING, [Problem(str(path), line, "", "is not UTF-8 text", "save it as UTF-8")]
    return _parse(str(path), text.replace("\r\n", "\n"))


def _parse(source: str, text: str) -> tuple[Document, list[Problem]]:
    lines = text.split("\n")
    problems: list[Problem] = []
    while len(problems) < _MOST_MISTAKES:
        try:
            return Document(tomllib.loads("\n".join(lines)), _places(text)), problems
        except RecursionError:
            problems.append(Problem(source, None, "", "is nested too deeply", "write plain values"))
            break
        except ValueError as error:
            problem = _problem(source, lines, str(error))
            problems.append(problem)
            if not problem.line or not lines[problem.line - 1].strip():
                break
            _blank(lines, problem.line - 1)
    return _NOTHING, problems


def _blank(lines: list[str], index: int) -> None:
    """Leave a bad line out; under a bad heading also its keys, which would seem to belong to the one before."""
    heading = lines[index].lstrip().startswith("[")
    lines[index] = ""
    index += 1
    while heading and index < len(lines) and not lines[index].lstrip().startswith("["):
        lines[index] = ""
        index += 1


def _problem(source: str, lines: list[str], said: str) -> Problem:
    match = re.search(_PLACE, said)
    line = int(match[1]) if match and match[1] else None
    if line is not None and not lines[line - 1].strip() and line > 1 and lines[line - 2].strip():
        line -= 1  # the parser stops at the line's end, which it may count to the next
    reason = said[: match.start()] if match else said
    if line is None:
        line = _line_of_open_quote(lines, reason)
    key = _KEY.match(lines[line - 1]) if line else None
    for beginning, (wrong, right) in _WORDS.items():
        if reason.startswith(beginning):
            return Problem(source, line, key[1] if key else "", wrong, right)
    reason = reason if reason.isprintable() else ascii(reason)
    at_end = " before the end of the file" if match and not match[1] else ""
    return Problem(source, line, key[1] if key else "", f"is not TOML: {reason}{at_end}", "write it as key = value")


def _line_of_open_quote(lines: list[str], reason: str) -> int | None:
    """Text that is never closed runs to the end of the file; it began where its quote stands last."""
    quote = next((sign for sign in ("'''", '"""', "'", '"') if reason == f"Expected {sign!r}"), None)
    if quote is None:
        return None
    return next((number for number in range(len(lines), 0, -1) if quote in lines[number - 1]), None)


def _places(text: str) -> dict[tuple[str, str], int]:
    """Where each key stands, as far as plain lines tell; a key written otherwise is named without its line."""
    places: dict[tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(text.split("\n"), 1):
        header, key = _HEADER.match(line), _KEY.match(line)
        if header:
            section = header[1]
            places.setdefault((section, ""), number)
        elif key:
            places.setdefault((section, key[1]), number)
    return places
