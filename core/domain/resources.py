"""How much: CPU, memory, GPU and disk as integers, read from what people type and shown back to them.

Thousandths of a CPU and of a GPU, MiB of memory and disk, milliseconds of time. Integers add up exactly;
a binary fraction would not.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from decimal import Decimal

from core.domain.errors import Invalid
from core.domain.text import LONGEST_ECHO, visible

# ASCII only: int() and Decimal() would also take "１２", "1_000" and " 2 ".
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?", re.ASCII)
_WITH_UNIT = re.compile(r"(?P<number>[0-9]{1,12}(?:\.[0-9]{1,9})?)(?: ?(?P<unit>[A-Za-z]{1,3}))?", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,18}", re.ASCII)

_MEMORY_UNITS: dict[str, Decimal] = {
    "": Decimal(1024),
    "m": Decimal(1),
    "mi": Decimal(1),
    "mib": Decimal(1),
    "g": Decimal(1024),
    "gi": Decimal(1024),
    "gib": Decimal(1024),
    "t": Decimal(1024 * 1024),
    "ti": Decimal(1024 * 1024),
    "tib": Decimal(1024 * 1024),
    "mb": Decimal(10**6) / 2**20,
    "gb": Decimal(10**9) / 2**20,
    "tb": Decimal(10**12) / 2**20,
}
_DURATION_MS: dict[str, Decimal] = {
    "": Decimal(3_600_000),
    "s": Decimal(1_000),
    "m": Decimal(60_000),
    "min": Decimal(60_000),
    "h": Decimal(3_600_000),
    "d": Decimal(86_400_000),
    "w": Decimal(604_800_000),
}

_DURATION_RIGHT = "hours such as 1.5, or 90m, 2d"

MOST_CPU_MILLI = 1_000_000 * 1000
MOST_MIB = 1 << 40
MOST_GPU_MILLI = 1_000_000 * 1000
SHORTEST_MS = 36_000  # 0.01 h
LONGEST_MS = 8_760 * 3_600_000


@dataclass(frozen=True, slots=True)
class Resources:
    """An amount of each kind of capacity; adds, subtracts and compares kind by kind."""

    cpu_milli: int = 0
    ram_mib: int = 0
    gpu_milli: int = 0
    disk_mib: int = 0

    def __add__(self, other: Resources) -> Resources:
        return Resources(
            self.cpu_milli + other.cpu_milli,
            self.ram_mib + other.ram_mib,
            self.gpu_milli + other.gpu_milli,
            self.disk_mib + other.disk_mib,
        )

    def __sub__(self, other: Resources) -> Resources:
        return Resources(
            self.cpu_milli - other.cpu_milli,
            self.ram_mib - other.ram_mib,
            self.gpu_milli - other.gpu_milli,
            self.disk_mib - other.disk_mib,
        )

    def times(self, count: int) -> Resources:
        return Resources(self.cpu_milli * count, self.ram_mib * count, self.gpu_milli * count, self.disk_mib * count)

    def fits_in(self, room: Resources) -> bool:
        return (
            self.cpu_milli <= room.cpu_milli
            and self.ram_mib <= room.ram_mib
            and self.gpu_milli <= room.gpu_milli
            and self.disk_mib <= room.disk_mib
        )

    def beyond(self, room: Resources) -> Resources:
        """What of this does not fit in `room`, kind by kind; zero where it fits."""
        return Resources(*(max(0, getattr(self, f.name) - getattr(room, f.name)) for f in fields(self)))

    def is_negative(self) -> bool:
        return min(self.cpu_milli, self.ram_mib, self.gpu_milli, self.disk_mib) < 0

    def is_nothing(self) -> bool:
        return self == NOTHING


NOTHING = Resources()


def parse_cpu(text: str, *, name: str = "cpu") -> int:
    """CPUs to thousandths: `2` is 2000, `0.5` is 500."""
    return _thousandths(text, name, MOST_CPU_MILLI, "a number of CPUs such as 0.5 or 8")


def parse_gpu(text: str, *, name: str = "gpu") -> int:
    """GPUs to thousandths. Below one it is a share of one device; from one on, whole devices."""
    milli = _thousandths(text, name, MOST_GPU_MILLI, "a number of GPUs such as 0, 0.5 or 8")
    if milli > 1000 and milli % 1000:
        raise Invalid(
            "gpu_not_whole",
            f"{name}: {visible(text)} GPUs cannot be had: a share lies inside one device, more are whole devices",
            f"ask for {milli // 1000} or {milli // 1000 + 1}",
        )
    return milli


def parse_memory(text: str, *, name: str = "ram") -> int:
    """Memory or disk to MiB. A bare number means GiB; `512MiB`, `2GiB`, `64GB` are taken as written."""
    right = "a size such as 2 (GiB), 512MiB or 64GB"
    match = _WITH_UNIT.fullmatch(_bounded(text, name, right))
    unit = (match["unit"] or "").lower() if match else ""
    if match is None or unit not in _MEMORY_UNITS:
        raise _malformed(text, name, right)
    return _whole(Decimal(match["number"]) * _MEMORY_UNITS[unit], name, MOST_MIB, text, round_up=True)


def parse_disk(text: str, *, name: str = "disk") -> int:
    return parse_memory(text, name=name)


def parse_hours(text: str, *, name: str = "hours") -> int:
    """A duration to milliseconds. A bare number means hours; `90m`, `2d`, `30s` are taken as written."""
    ms = _milliseconds(text)
    if ms is None or not SHORTEST_MS <= ms <= LONGEST_MS:
        raise Invalid(
            "out_of_range" if ms is not None else "malformed_amount",
            f"{name}: a number between 0.01 and 8760 (got {visible(text)})",
            _hint(text, _DURATION_RIGHT),
        )
    return ms


def parse_duration(text: str, *, name: str, shortest_ms: int = 1, longest_ms: int = LONGEST_MS) -> int:
    """As parse_hours, within limits of its own."""
    ms = _milliseconds(text)
    if ms is None:
        raise _malformed(text, name, _DURATION_RIGHT)
    if not shortest_ms <= ms <= longest_ms:
        raise Invalid(
            "out_of_range",
            f"{name}: {visible(text)} is not between {format_duration(shortest_ms)} and {format_duration(longest_ms)}",
            f"give {_DURATION_RIGHT}",
        )
    return ms


def parse_whole(text: str, *, name: str, least: int, most: int) -> int:
    """A whole number in plain digits: what int() takes besides, such as `1_000` or ` 2`, is refused."""
    right = f"a whole number between {least} and {most}"
    if len(text) > LONGEST_ECHO or not _WHOLE.fullmatch(text):
        raise _malformed(text, name, right)
    return check_whole(int(text), name=name, least=least, most=most)


def check_whole(number: int, *, name: str, least: int, most: int) -> int:
    if not least <= number <= most:
        right = f"a whole number between {least} and {most}"
        raise Invalid("out_of_range", f"{name}: {right} (got {visible(number)})", f"give {right}")
    return number


def format_cpu(milli: int) -> str:
    return _thousandths_shown(milli)


def format_gpu(milli: int) -> str:
    return _thousandths_shown(milli)


def format_memory(mib: int) -> str:
    """The largest unit that shows the amount without rounding, or one decimal of GiB."""
    if mib % 1024 == 0 or abs(mib) >= 10 * 1024:
        return f"{_decimal_shown(Decimal(mib) / 1024, 1)} GiB"
    return f"{mib} MiB"


def format_duration(ms: int) -> str:
    """Hours as people write them: `1.5 h`, `30 m`, `2 d`."""
    if ms >= 86_400_000 and ms % 86_400_000 == 0:
        return f"{ms // 86_400_000} d"
    if ms >= 3_600_000:
        return f"{_decimal_shown(Decimal(ms) / 3_600_000, 2)} h"
    if ms >= 60_000:
        return f"{_decimal_shown(Decimal(ms) / 60_000, 1)} m"
    return f"{_decimal_shown(Decimal(ms) / 1000, 1)} s"


def typed_duration(ms: int) -> str:
    """As it is typed, and read as exactly that: `1.5h`, or `4801s` where hours would be rounded."""
    short = format_duration(ms).replace(" ", "")
    return short if _milliseconds(short) == ms else f"{ms / 1000:g}s"


def format_resources(amount: Resources) -> str:
    """`2 CPU, 16 GiB, 1 GPU`; what is zero is left out."""
    parts = [f"{format_cpu(amount.cpu_milli)} CPU"] if amount.cpu_milli else []
    if amount.ram_mib:
        parts.append(format_memory(amount.ram_mib))
    if amount.gpu_milli:
        parts.append(f"{format_gpu(amount.gpu_milli)} GPU")
    if amount.disk_mib:
        parts.append(f"{format_memory(amount.disk_mib)} disk")
    return ", ".join(parts) or "nothing"


def format_use(used: Resources, total: Resources) -> str:
    """`2/16 CPU, 2/64 GiB, 2.5/4 GPU`: of each kind that there is, how much is in use."""
    parts = [f"{format_cpu(used.cpu_milli)}/{format_cpu(total.cpu_milli)} CPU"] if total.cpu_milli else []
    if total.ram_mib:
        parts.append(f"{_gib(used.ram_mib)}/{_gib(total.ram_mib)} GiB")
    if total.gpu_milli:
        parts.append(f"{format_gpu(used.gpu_milli)}/{format_gpu(total.gpu_milli)} GPU")
    if total.disk_mib:
        parts.append(f"{_gib(used.disk_mib)}/{_gib(total.disk_mib)} GiB disk")
    return ", ".join(parts) or "nothing"


def _gib(mib: int) -> str:
    return _decimal_shown(Decimal(mib) / 1024, 1)


def _thousandths(text: str, name: str, most: int, right: str) -> int:
    trimmed = _bounded(text, name, right)
    if not _NUMBER.fullmatch(trimmed):
        raise _malformed(text, name, right)
    return _whole(Decimal(trimmed) * 1000, name, most, text)


def _milliseconds(text: str) -> int | None:
    """The duration, rounded up to a millisecond; None where the text is not one."""
    match = _WITH_UNIT.fullmatch(text) if len(text) <= LONGEST_ECHO else None
    unit = (match["unit"] or "").lower() if match else ""
    if match is None or unit not in _DURATION_MS:
        return None
    return math.ceil(Decimal(match["number"]) * _DURATION_MS[unit])


def _whole(value: Decimal, name: str, most: int, text: str, *, round_up: bool = False) -> int:
    whole = int(value)
    if value != whole:
        if not round_up:
            raise Invalid("too_fine", f"{name}: {visible(text)} is finer than a thousandth", "give at most 3 decimals")
        whole += 1
    if whole > most:
        raise Invalid("too_large", f"{name}: {visible(text)} is more than any machine has", "give a smaller amount")
    return whole


def _bounded(text: str, name: str, right: str) -> str:
    if len(text) > LONGEST_ECHO:
        raise _malformed(text, name, right)
    return text


def _malformed(text: str, name: str, right: str) -> Invalid:
    return Invalid("malformed_amount", f"{name}: {visible(text)} is not {right}", _hint(text, right))


def _hint(text: str, right: str) -> str:
    if "," in text:
        return f"give {right}; the decimal sign is a point"
    if not text.isascii():
        return f"give {right}; in the digits 0 to 9"
    return f"give {right}"


def _thousandths_shown(milli: int) -> str:
    return _decimal_shown(Decimal(milli) / 1000, 3)


def _decimal_shown(value: Decimal, places: int) -> str:
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
