"""Amounts as a screen has room for: short, and the same on both sides of an entry. Pure."""

from __future__ import annotations

from core.domain.flavors import GPU_HOUR_MS, UCR
from core.domain.resources import format_cpu, format_gpu, format_memory
from core.views.money import Sum

NOTHING = "–"
_SECOND, _MINUTE, _HOUR, _DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
_FULL, _HALF, _EMPTY = "━", "╸", "─"


def credits_of(ucr: int) -> str:
    """Two decimals, the rest cut off on either side of zero: `12.34`."""
    return _hundredths(ucr, UCR)


def gpu_hours_of(gpu_ms: int) -> str:
    return _hundredths(gpu_ms, GPU_HOUR_MS)


def near_credits(ucr: int) -> str:
    """To the nearest hundredth, as a report's sentence says it."""
    return credits_of(ucr + UCR // 200)


def near_gpu_hours(gpu_ms: int) -> str:
    return gpu_hours_of(gpu_ms + GPU_HOUR_MS // 200)


def sum_of(amount: Sum) -> str:
    """Both books in a few words: `3.20 cr · 1.00 GPUh`."""
    words = f"{credits_of(amount.credits_ucr)} cr"
    return f"{words} · {gpu_hours_of(amount.gpu_ms)} GPUh" if amount.gpu_ms else words


def _hundredths(amount: int, unit: int) -> str:
    whole, part = divmod(abs(amount) * 100 // unit, 100)
    return f"{'-' if amount < 0 else ''}{whole:,}.{part:02}"


def span(microseconds: int) -> str:
    """The largest unit that says it: `42s`, `12m`, `3h`, `5d`."""
    length = max(0, microseconds)
    for unit, word in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")):
        if length >= 2 * unit or (length >= unit and word == "d"):
            return f"{length // unit}{word}"
    return f"{length // _SECOND}s" if length < 2 * _MINUTE else f"{length // _MINUTE}m"


def age(at: int | None, now: int) -> str:
    return NOTHING if at is None else span(now - at)


def until(at: int | None, now: int) -> str:
    """`now`, `in 12m`, or nothing where it cannot be said."""
    if at is None:
        return NOTHING
    return "now" if at <= now else f"in {span(at - now)}"


def size_of(cpu_milli: int, ram_mib: int, gpu_milli: int) -> str:
    """`4 CPU 16 GiB 2 GPU`."""
    words = [f"{format_cpu(cpu_milli)} CPU", format_memory(ram_mib)]
    return " ".join([*words, f"{format_gpu(gpu_milli)} GPU"] if gpu_milli else words)


def bar(part: int, whole: int, width: int) -> tuple[str, str]:
    """How full something is, to half a sign: the full part and the empty one."""
    halves = min(width * 2, max(0, part) * width * 2 // whole) if whole > 0 else 0
    if part > 0:
        halves = max(1, halves)
    full, half = divmod(halves, 2)
    drawn = _FULL * full + _HALF * half
    return drawn, _EMPTY * (width - len(drawn))
