"""What an instance was told to play: how long it runs, how it ends. Read from its labels or its environment."""

from __future__ import annotations

from dataclasses import dataclass

from core.domain.engines import Spec, Trouble, trouble
from core.domain.errors import Invalid
from core.domain.resources import parse_duration

LONGEST_EXIT = 255


@dataclass(frozen=True, slots=True)
class Script:
    """Without a duration it runs until it is stopped."""

    duration_us: int | None = None
    exit_code: int = 0
    boot_us: int = 0
    deaf: bool = False  # ends only when forced, after the grace
    oom: bool = False
    utilization_milli: int | None = None


def script_of(spec: Spec, default_boot_us: int) -> Script:
    """From labels such as `sim.duration=90s`, `sim.exit=3`, or variables `SIM_DURATION=90s`, `SIM_EXIT=3`."""

    def part(name: str) -> str | None:
        return spec.labels.get(f"sim.{name}", spec.env.get(f"SIM_{name.upper()}"))

    duration = part("duration")
    boot = part("boot")
    gpu = part("gpu")
    return Script(
        duration_us=None if duration is None else _micro("sim.duration", duration),
        exit_code=_whole("sim.exit", part("exit") or "0", LONGEST_EXIT),
        boot_us=default_boot_us if boot is None else _micro("sim.boot", boot),
        deaf=part("deaf") is not None,
        oom=part("oom") is not None,
        utilization_milli=None if gpu is None else 10 * _whole("sim.gpu", gpu.removesuffix("%"), 100),
    )


def _micro(name: str, text: str) -> int:
    try:
        return 1000 * parse_duration(text, name=name, shortest_ms=0)
    except Invalid as error:
        raise trouble(Trouble.CANNOT_RUN, error.message, error.hint) from None


def _whole(name: str, text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and int(text) <= most):
        raise trouble(Trouble.CANNOT_RUN, f"{name}: {text[:40]!a} is not between 0 and {most}", "give a whole number")
    return int(text)
