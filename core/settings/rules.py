"""What a setting may hold: each rule reads a TOML value or an environment variable's text, or says why it cannot.

Knows no setting by name.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Protocol

_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_AMOUNT = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,6}))?", re.ASCII)
_SPAN = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,3}))? ?(s|m|h|d|w)", re.ASCII)
_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")
_LONGEST_ECHO = 40


class Unfit(Exception):
    """A value that a rule does not take: what was wrong, and what would be right."""

    def __init__(self, wrong: str, right: str) -> None:
        super().__init__(wrong)
        self.wrong = wrong
        self.right = right


class Rule(Protocol):
    secret: bool

    def read(self, value: object, /) -> object:
        """The setting's value from what TOML gave."""
        ...

    def read_text(self, text: str, /) -> object:
        """The setting's value from an environment variable."""
        ...


class Whole:
    secret = False

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def read(self, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Unfit(f"{shown(value)} is not a whole number", f"give {self}")
        if not self.least <= value <= self.most:
            raise Unfit(f"{shown(value)} is out of range", f"give {self}")
        return value

    def read_text(self, text: str) -> int:
        return self.read(int(text) if _WHOLE.fullmatch(text) else text)

    def __str__(self) -> str:
        return f"a whole number from {self.least} to {self.most}"


class Flag:
    secret = False

    def read(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise Unfit(f"{shown(value)} is neither true nor false", "give true or false, without quotes")
        return value

    def read_text(self, text: str) -> bool:
        if text.lower() not in _TRUE + _FALSE:
            raise Unfit(f"{shown(text)} is neither true nor false", "give true or false")
        return text.lower() in _TRUE


class Text:
    """Free text, or one of a few words, or text with a known beginning."""

    def __init__(
        self, *, choices: tuple[str, ...] = (), begins: tuple[str, ...] = (), secret: bool = False, zone: bool = False
    ) -> None:
        self.choices, self.begins, self.secret, self.zone = choices, begins, secret, zone

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise Unfit(f"{'what is there' if self.secret else shown(value)} is not text", 'give text in "quotes"')
        return self.read_text(value)

    def read_text(self, text: str) -> str:
        if not text.isprintable():
            where = next(place for place, sign in enumerate(text, 1) if not sign.isprintable())
            raise Unfit(f"the text has an invisible character at position {where}", "type it anew")
        if self.choices and text not in self.choices:
            raise Unfit(f"{shown(text)} is unknown", did_you_mean(text, self.choices))
        if self.begins and not text.startswith(self.begins):
            raise Unfit(f"{shown(text)} does not begin with {' or '.join(self.begins)}", "give the whole address")
        if self.zone and text != "UTC":
            _refuse_unknown_zone(text)
        return text


class Words:
    """A list of words; in the environment they stand between commas."""

    secret = False

    def read(self, value: object) -> tuple[str, ...]:
        if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
            raise Unfit(f"{shown(value)} is not a list of texts", 'give a list such as ["one", "two"]')
        if not all(word and word.isprintable() and word == word.strip() for word in value):
            raise Unfit("one of the texts is empty or has spaces or invisible characters around it", "write it anew")
        return tuple(dict.fromkeys(value))

    def read_text(self, text: str) -> tuple[str, ...]:
        return self.read([word.strip() for word in text.split(",")] if text.strip() else [])


class Span:
    """A duration with its unit, kept in milliseconds."""

    secret = False

    def __init__(self, least: str, most: str) -> None:
        self.least, self.most = least, most
        self._range = milliseconds(least), milliseconds(most)

    def read(self, value: object) -> int:
        if not isinstance(value, str):
            raise Unfit(f"{shown(value)} is not a duration", f"give {self}, in quotes")
        return self.read_text(value)

    def read_text(self, text: str) -> int:
        least, most = self._range
        span = milliseconds(text) if _SPAN.fullmatch(text) else -1
        if span < 0:
            raise Unfit(f"{shown(text)} is not a duration", f"give {self}")
        if not least <= span <= most:
            raise Unfit(f"{shown(text)} is out of range", f"give {self}")
        return span

    def __str__(self) -> str:
        return f"a number and one of s m h d w, from {self.least} to {self.most}"


class Amount:
    """A number with decimals, kept as an integer of a smaller unit so that it is exact."""

    secret = False

    def __init__(self, per_one: int, most: int) -> None:
        self.per_one, self.most = per_one, most

    def read(self, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Unfit(f"{shown(value)} is not a number", f"give {self}")
        return self.read_text(str(value))

    def read_text(self, text: str) -> int:
        match = _AMOUNT.fullmatch(text)
        if match is None:
            raise Unfit(f"{shown(text)} is not {self}", "the decimal sign is a point")
        small, remainder = divmod(int(match[1] + (match[2] or "").ljust(6, "0")) * self.per_one, 1_000_000)
        if remainder or small > self.most * self.per_one:
            raise Unfit(f"{shown(text)} is not {self}", "give fewer decimals or a smaller number")
        return small

    def __str__(self) -> str:
        return f"a number from 0 to {self.most} with at most 6 decimals"


class OnlyEnvironment:
    """A secret that has no place in a file of settings."""

    secret = True

    def __init__(self, variable: str) -> None:
        self.variable = variable

    def read(self, _value: object) -> object:
        raise Unfit("a secret does not belong in this file", f"set {self.variable} or {self.variable}_FILE")

    def read_text(self, _text: str) -> object:
        raise AssertionError("a secret is read by Environment.secret")


def milliseconds(text: str) -> int:
    match = _SPAN.fullmatch(text)
    assert match is not None, text
    return int(match[1] + (match[2] or "").ljust(3, "0")) * _UNITS_MS[match[3]] // 1000


def nearest(word: str, options: tuple[str, ...], *, alike: float = 0.6) -> str | None:
    return next(iter(get_close_matches(word, options, n=1, cutoff=alike)), None)


def did_you_mean(word: str, options: tuple[str, ...]) -> str:
    near = nearest(word, options)
    return f"did you mean {near}?" if near else f"known: {', '.join(options)}"


def shown(value: object) -> str:
    """What was received, short and with nothing invisible in it."""
    try:
        text = repr(value)
    except ValueError:  # Python does not spell out integers of thousands of digits
        return "a huge number"
    return text if len(text) <= _LONGEST_ECHO else f"{text[:_LONGEST_ECHO]}…"


def _refuse_unknown_zone(name: str) -> None:
    from zoneinfo import ZoneInfo, available_timezones  # noqa: PLC0415 - only an installation outside UTC pays for it

    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # a folder, a path, an unknown name
        near = get_close_matches(name, sorted(available_timezones()), n=3, cutoff=0.4)
        right = f"did you mean {' or '.join(near)}?" if near else "give a zone such as Europe/Berlin"
        raise Unfit(f"{shown(name)} is no known time zone", right) from None
