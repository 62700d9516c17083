"""Values of views in words: the unit in a field's name decides how it looks, in every face alike.

What differs between faces is handed in: how foreign text is made harmless, how an instant and a state are said.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from core.domain.flavors import format_credits, format_gpu_hours
from core.domain.lifecycle import State
from core.domain.resources import (
    Resources,
    format_cpu,
    format_duration,
    format_gpu,
    format_memory,
    format_resources,
)
from core.views.foresight import Beyond
from core.views.money import Sum
from core.views.work import GpuSlot

NOTHING = "-"
WHOLE = 1000  # thousandths of a GPU
_CALLED = {"rate": "rate per hour", "generation": "run"}
_ON_RECORD = frozenset({"before", "after"})
_INSTANTS = frozenset({"at", "since", "until", "effective_from", "estimate"})


def label(field: str) -> str:
    """What a field is called: `created_at` is `created`, `allowance_gpu_ms` is `allowance gpu-hours`."""
    if field in _CALLED:
        return _CALLED[field]
    if field.endswith("gpu_ms"):
        field = field.removesuffix("gpu_ms") + "gpu-hours"
    for suffix in ("_at", "_ucr", "_ms", "_mib", "_milli"):
        field = field.removesuffix(suffix)
    return field.replace("_", " ")


def is_instant(field: str) -> bool:
    return field in _INSTANTS or field.endswith("_at")


def is_amount(field: str, value: object) -> bool:
    """Numbers stand at the right of their column; instants are no numbers to a reader."""
    return isinstance(value, int) and not isinstance(value, bool) and not is_instant(field)


def has_wording(value: object) -> bool:
    """Whether a view within a view is said in a few words of its own."""
    return isinstance(value, (Resources, Sum, GpuSlot))


def both_books(amount: Sum) -> str:
    """Both books in one line; a book with nothing in it is left out."""
    parts = [f"{format_credits(amount.credits_ucr)} credits"] if amount.credits_ucr or not amount.gpu_ms else []
    if amount.gpu_ms:
        parts.append(f"{format_gpu_hours(amount.gpu_ms)} GPU-hours")
    return ", ".join(parts)


def _state_value(state: State) -> str:
    return state.value


@dataclass(frozen=True, slots=True)
class Wording:
    """How one face says a value. Everything that could come from a tenant goes through `safe`."""

    safe: Callable[[str], str]
    moment: Callable[[int], str]
    state: Callable[[State], str] = _state_value

    def shown(self, field: str, value: object) -> str:
        """A field's value in one line."""
        if value is None or value == () or value == "":
            return NOTHING
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, int):
            return self._number(field, value)
        if isinstance(value, State):
            return self.state(value)
        if field in _ON_RECORD and isinstance(value, str):
            return self._recorded(value)
        if field == "command" and isinstance(value, tuple):
            return self.safe(shlex.join(value))
        if isinstance(value, tuple):
            return ", ".join(self.shown(field, part) for part in value)
        return self._thing(value)

    def _recorded(self, text: str) -> str:
        """What the audit keeps of a thing: `completed, exit code 0`, its state first."""
        try:
            kept = json.loads(text)
        except ValueError:
            kept = None
        if not isinstance(kept, dict):
            return self.safe(text)
        state = [self.shown("state", kept.pop("state"))] if "state" in kept else []
        return ", ".join(state + [f"{self.safe(label(name))} {self.shown(name, kept[name])}" for name in kept])

    def _thing(self, value: Any) -> str:
        if isinstance(value, Enum):
            return self.safe(str(value.value))
        if isinstance(value, Mapping):
            return self.safe(" ".join(f"{key}={part}" if part else str(key) for key, part in value.items())) or NOTHING
        if isinstance(value, Resources):
            return format_resources(value)
        if isinstance(value, Sum):
            return both_books(value)
        if isinstance(value, GpuSlot):
            return self._slot(value)
        if isinstance(value, Beyond):
            return f"after {self.moment(value.at)}"
        return self.safe(str(value))

    def _slot(self, slot: GpuSlot) -> str:
        """A device and how it stands: `0 free`, `1 in use`, and half of it free as `2 0.5 free`."""
        if slot.free_milli <= 0:
            return f"{self.safe(slot.id)} in use"
        part = "" if slot.free_milli == WHOLE else f"{format_gpu(slot.free_milli)} "
        return f"{self.safe(slot.id)} {part}free"

    def _number(self, field: str, value: int) -> str:
        if is_instant(field):
            return self.moment(value)
        for suffix, said in _SAID.items():
            if field.endswith(suffix):
                return said(value)
        return str(value)


# The first suffix that fits counts: GPU time before other milliseconds.
_SAID: dict[str, Callable[[int], str]] = {
    "_ucr": format_credits,
    "gpu_ms": format_gpu_hours,
    "_ms": format_duration,
    "_mib": format_memory,
    "_milli": format_cpu,
}
