"""Errors as answers: six kinds, each with a code for programs and a sentence and a hint for people.

A code is named beside the place that raises it; a new kind would be a change of law. Anything that is not a
BursarError is a bug.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class BursarError(Exception):
    """Something a person can understand and act on."""

    kind: ClassVar[str] = "error"

    def __init__(
        self,
        code: str,
        message: str,
        hint: str | None = None,
        fields: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.fields: dict[str, object] = dict(fields or {})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code!r}, {self.message!r})"


class Invalid(BursarError):
    """What was asked cannot be meant: wrong form, wrong range, contradiction."""

    kind = "invalid"


class Forbidden(BursarError):
    """Who asks may not, or has not said who they are."""

    kind = "forbidden"


class NotFound(BursarError):
    """There is no such thing, or not for the one who asks: both sound the same."""

    kind = "not_found"


class Conflict(BursarError):
    """It may be asked, but not of a thing in this state."""

    kind = "conflict"


class Exhausted(BursarError):
    """A quota, a balance, a limit or a rate is used up."""

    kind = "exhausted"


class Unavailable(BursarError):
    """The store or an engine cannot answer now; asking again later is right."""

    kind = "unavailable"


KINDS: tuple[type[BursarError], ...] = (Invalid, Forbidden, NotFound, Conflict, Exhausted, Unavailable)
