"""Values of views in words, as Slack says them: the unit in a field's name decides, and everything leaves it safe."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from bot.markup import moment, safe_slack
from core.domain.flavors import format_credits, format_gpu_hours
from core.domain.lifecycle import State
from core.domain.resources import Resources, format_cpu, format_duration, format_gpu, format_memory, format_resources
from core.views.money import Sum
from core.views.work import GpuSlot

NOTHING = "-"
_INSTANTS = frozenset({"at", "since", "until", "effective_from", "estimate"})
# A word of its own for each state, and a sign that tells them apart without a colour.
_GLYPHS: dict[State, str] = {
    State.AWAITING_APPROVAL: "◔",
    State.QUEUED: "◷",
    State.STARTING: "◌",
    State.RUNNING: "▶",
    State.SUSPENDED: "⏸",
    State.STOPPING: "◍",
    State.STOPPED: "■",
    State.COMPLETED: "✓",
    State.FAILED: "✗",
    State.CANCELLED: "⊘",
    State.REJECTED: "⊘",
    State.EXPIRED: "⊘",
    State.DELETED: "⊘",
}


def state_words(state: State) -> str:
    return f"{_GLYPHS[state]} {state.value.replace('_', ' ')}"


def label(field: str) -> str:
    """What a field is called: `created_at` is `created`."""
    if field.endswith("gpu_ms"):
        field = field.removesuffix("gpu_ms") + "gpu-hours"
    for suffix in ("_at", "_ucr", "_ms", "_mib", "_milli"):
        field = field.removesuffix(suffix)
    return field.replace("_", " ")


def both_books(amount: Sum) -> str:
    parts = [f"{format_credits(amount.credits_ucr)} credits"] if amount.credits_ucr or not amount.gpu_ms else []
    if amount.gpu_ms:
        parts.append(f"{format_gpu_hours(amount.gpu_ms)} GPU-hours")
    return ", ".join(parts)


def shown(field: str, value: object) -> str:
    if value is None or value == () or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return _number(field, value)
    if isinstance(value, State):
        return state_words(value)
    if isinstance(value, Enum):
        return safe_slack(str(value.value))
    if isinstance(value, Sum):
        return both_books(value)
    if isinstance(value, Resources):
        return format_resources(value)
    if isinstance(value, GpuSlot):
        free = format_gpu(value.free_milli)
        return f"{safe_slack(value.id)} {free + ' free' if value.free_milli else 'in use'}"
    if isinstance(value, Mapping):
        return safe_slack(" ".join(f"{key}={part}" if part else str(key) for key, part in value.items())) or NOTHING
    if isinstance(value, tuple):
        return ", ".join(shown(field, part) for part in value)
    return safe_slack(str(value), lines=True)


def _number(field: str, value: int) -> str:
    if field in _INSTANTS or field.endswith("_at"):
        return moment(value)
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
