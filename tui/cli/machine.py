"""Answers for programs: views as JSON whose keys and units are a contract.

Numbers are exact: a micro-credit is not lost in a float. Text that is not ASCII is escaped, so that nothing a tenant
wrote can speak to a terminal, and every byte of it can be had back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

from core.views.money import GpuTimeBook
from core.views.operations import Page
from core.views.people import LoggedIn
from tui.format import is_instant, iso

# Shown once, when they are made: later they are not even an empty key.
_ONLY_WHEN_THERE = frozenset({"code", "token"})
_NOT_FOR_PROGRAMS: dict[type, frozenset[str]] = {LoggedIn: frozenset({"name"})}
_NINE_PLACES = Decimal("0.000000001")

# Suffix of a view's field, suffix of the key, how many of the one make the other. The first that fits counts.
_Unit = tuple[str, str, int]
_UNITS: tuple[_Unit, ...] = (
    ("_ucr", "", 1_000_000),
    ("gpu_ms", "gpu_hours", 3_600_000),
    ("hours_ms", "hours", 3_600_000),
    ("_ms", "_seconds", 1_000),
    ("_mib", "", 1_024),
    ("_milli", "", 1_000),
)
# A view that is all in GPU-hours stands under a key that says so; its own keys need not.
_IN_ONE_UNIT: dict[type, tuple[_Unit, ...]] = {GpuTimeBook: (("_gpu_ms", "", 3_600_000),)}


def as_json(answer: object) -> str:
    return _written(_plain(answer), "") + "\n"


def _plain(value: object, field: str = "") -> object:
    if isinstance(value, Page):
        return {"items": [_plain(item) for item in value.items], "next": value.next}
    if is_dataclass(value) and not isinstance(value, type):
        return _object(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(part, field) for part in value]
    if isinstance(value, Enum):
        return value.value
    return value


def _object(view: Any) -> dict[str, object]:
    plain: dict[str, object] = {}
    hidden = _NOT_FOR_PROGRAMS.get(type(view), frozenset())
    for field in fields(view):
        value = getattr(view, field.name)
        if field.name in hidden or (value is None and field.name in _ONLY_WHEN_THERE):
            continue
        units = _IN_ONE_UNIT.get(type(view), _UNITS)
        key, converted = _in_units(field.name, value, units)
        plain[key] = _plain(converted)
    return plain


def _in_units(field: str, value: object, units: Sequence[_Unit]) -> tuple[str, object]:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if is_instant(field):
        return field, iso(value) if is_number else value  # type: ignore[arg-type]
    for suffix, key, size in units:
        if field.endswith(suffix):
            exact = (Decimal(value) / size).quantize(_NINE_PLACES) if is_number else value  # type: ignore[arg-type]
            return field.removesuffix(suffix) + key, exact
    return field, value


def _written(value: object, indent: str) -> str:
    """JSON with a line for each key. Written here because json.dumps has no exact decimals."""
    inner = indent + "  "
    if isinstance(value, dict) and value:
        lines = [f"{inner}{_text(str(key))}: {_written(part, inner)}" for key, part in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(inner + _written(part, inner) for part in value) + f"\n{indent}]"
    if isinstance(value, Decimal):
        whole, _, places = f"{value:f}".partition(".")
        return f"{whole}.{places.rstrip('0') or '0'}"
    if isinstance(value, str):
        return _text(value)
    return json.dumps(value)


def _text(text: str) -> str:
    return json.dumps(text).replace("\x7f", "\\u007f")
