"""Errors as a terminal tells them: two lines for people, an object for programs, an exit code for both."""

from __future__ import annotations

from core.commands.reference import EXIT_CODES
from core.domain.errors import BursarError
from core.domain.text import safe_text

_CODES = {kind: code for kind, code, _ in EXIT_CODES}
BUG = _CODES["bug"]


def exit_code(error: BursarError | type[BursarError]) -> int:
    return _CODES[error.kind]


def for_people(error: BursarError) -> str:
    return said("error", error.message) + (said("hint", error.hint) if error.hint else "")


def for_programs(error: BursarError) -> dict[str, object]:
    return error_object(error.code, error.kind, error.message, error.hint, error.fields)


def error_object(
    code: str, kind: str, message: str, hint: str | None, fields: dict[str, object] | None = None
) -> dict[str, object]:
    return {"error": {"code": code, "kind": kind, "message": message, "hint": hint, "fields": fields or {}}}


def said(word: str, text: str) -> str:
    """`error: …`, where a text of several lines keeps its later lines below the first."""
    first, *others = safe_text(text, lines=True).split("\n")
    return "\n".join([f"{word}: {first}", *(f"  {line}" for line in others)]) + "\n"
