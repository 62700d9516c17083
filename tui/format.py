"""Values of views as people read them: the unit in a field's name decides how it looks.

Pure, and shared by all that draws in a terminal. Everything that could come from a tenant leaves here harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from enum import Enum
from typing import Any

from core.domain.flavors import format_credits, format_gpu_hours
from core.domain.resources import (
    Resources,
    format_cpu,
    format_duration,
    format_gpu,
    format_memory,
    format_resources,
)
from core.domain.text import safe_text
from core.views.money import Sum
from core.views.work import GpuSlot

NOTHING = "-"
_INSTANTS = frozenset({"at", "since", "until", "effective_from", "estimate"})
WHOLE = 1000  # thousandths of a GPU
_MICRO = 1_000_000


def label(field: str) -> str:
    """What a field is called: `created_at` is `created`, `allowance_gpu_ms` is `allowance gpu-hours`."""
    if field.endswith("gpu_ms"):
        field = field.removesuffix("gpu_ms") + "gpu-hours"
    for suffix in ("_at", "_ucr", "_ms", "_mib", "_milli"):
        field = field.removesuffix(suffix)
    return field.replace("_", " ")


def shown(field: str, value: object, *, zone: tzinfo | None = None) -> str:
    """A field's value in one line; `zone` is the reader's, this machine's where it is not given."""
    if value is None or value == () or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return _number(field, value, zone)
    if isinstance(value, Enum):
        return safe_text(str(value.value))
    if isinstance(value, Mapping):
        return " ".join(safe_text(f"{key}={part}" if part else key) for key, part in value.items()) or NOTHING
    if type(value) in _WORDED:
        return _WORDED[type(value)](value)
    if isinstance(value, tuple):
        return ", ".join(shown(field, part, zone=zone) for part in value)
    return safe_text(str(value))


def has_wording(value: object) -> bool:
    """Whether a view within a view is said in a few words of its own."""
    return type(value) in _WORDED


def is_amount(field: str, value: object) -> bool:
    """Numbers stand at the right of their column; instants are no numbers to a reader."""
    return isinstance(value, int) and not isinstance(value, bool) and not is_instant(field)


def instant(microseconds: int, zone: tzinfo | None = None) -> str:
    """In the reader's time: `2026-11-20 05:42:02`."""
    return datetime.fromtimestamp(microseconds // _MICRO, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def iso(microseconds: int) -> str:
    """For programs: `2026-11-20T05:42:02Z`."""
    return datetime.fromtimestamp(microseconds // _MICRO, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_instant(field: str) -> bool:
    return field in _INSTANTS or field.endswith("_at")


def _sum(value: Sum) -> str:
    """Both books in one line; a book with nothing in it is left out."""
    parts = [f"{format_credits(value.credits_ucr)} credits"] if value.credits_ucr or not value.gpu_ms else []
    if value.gpu_ms:
        parts.append(f"{format_gpu_hours(value.gpu_ms)} GPU-hours")
    return ", ".join(parts)


def _slot(value: GpuSlot) -> str:
    """A device and how it stands: `0 free`, `1 in use`, `2 half free` as `2 0.5 free`."""
    if value.free_milli <= 0:
        return f"{safe_text(value.id)} in use"
    return f"{safe_text(value.id)} {'' if value.free_milli == WHOLE else format_gpu(value.free_milli) + ' '}free"


_WORDED: dict[type, Callable[[Any], str]] = {Resources: format_resources, Sum: _sum, GpuSlot: _slot}


def _number(field: str, value: int, zone: tzinfo | None) -> str:
    if is_instant(field):
        return instant(value, zone)
    if field.endswith("_ucr"):
        return format_credits(value)
    if field.endswith("gpu_ms"):
        return format_gpu_hours(value)
    if field.endswith("_ms"):
        return format_duration(value)
    if field.endswith("_mib"):
        return format_memory(value)
    if field.endswith("_milli"):
        return format_cpu(value)
    return str(value)
