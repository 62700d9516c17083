"""How much may be used: the kinds of limit as data, and what a need meets when it is held against them.

Limits on use (GPU-hours, credits) refuse a submission; limits on what runs at once make it wait. Lowering a limit
stops nothing: what is left is then less than nothing until use has fallen. Knows not where use is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from core.domain.errors import Invalid
from core.domain.flavors import format_credits, format_gpu_hours, parse_credits, parse_gpu_hours
from core.domain.resources import format_cpu, format_gpu, parse_cpu, parse_gpu, parse_whole

MOST_DEPLOYMENTS = 1_000_000


class Level(StrEnum):
    MEMBER = "member"
    ORG = "org"
    CLUSTER = "cluster"


class Measure(StrEnum):
    GPU_HOURS = "gpu_hours"  # GPU-milliseconds
    CREDITS = "credits"  # micro-credits
    GPUS = "gpus"  # thousandths, at once
    CPUS = "cpus"  # thousandths, at once
    DEPLOYMENTS = "deployments"  # at once


OF_USE = (Measure.GPU_HOURS, Measure.CREDITS)
AT_ONCE = (Measure.GPUS, Measure.CPUS, Measure.DEPLOYMENTS)

# A cluster has no limit on what runs at once: its capacity is that.
LIMIT_KINDS: frozenset[tuple[Level, Measure]] = frozenset(
    [(level, measure) for level in Level for measure in OF_USE]
    + [(level, measure) for level in (Level.MEMBER, Level.ORG) for measure in AT_ONCE]
)


class UseHeading(StrEnum):
    """By what use is told apart."""

    USER = "user"
    CLUSTER = "cluster"
    DEPLOYMENT = "deployment"
    GPU_MODEL = "gpu-model"


@dataclass(frozen=True, slots=True)
class Limit:
    level: Level
    measure: Measure
    most: int

    def __post_init__(self) -> None:
        if (self.level, self.measure) not in LIMIT_KINDS:
            raise Invalid(
                "unknown_limit",
                f"limit: a {self.level} has no limit on {self.measure}",
                f"limits of a {self.level}: {', '.join(m for m in Measure if (self.level, m) in LIMIT_KINDS)}",
            )
        if self.most < 0:
            raise Invalid("negative_limit", f"{self.measure}: a limit cannot be below 0", "give 0 to allow nothing")


@dataclass(frozen=True, slots=True)
class LimitUse:
    """A limit and how much of it is taken, holds included."""

    limit: Limit
    used: int

    @property
    def left(self) -> int:
        return self.limit.most - self.used


@dataclass(frozen=True, slots=True)
class Shortfall:
    """One limit that a need does not pass."""

    level: Level
    measure: Measure
    need: int
    left: int
    most: int

    def __str__(self) -> str:
        need, left = show(self.measure, self.need, round_up=True), show(self.measure, max(0, self.left))
        return f"needs {need}, {left} left of the {self.level}'s limit of {show(self.measure, self.most)}"


def shortfalls(
    uses: Iterable[LimitUse], need: Mapping[Measure, int], measures: Iterable[Measure]
) -> tuple[Shortfall, ...]:
    """Every limit on these measures that the need does not pass, the tightest first. All that is left may be asked."""
    asked = {measure: need[measure] for measure in measures if need.get(measure, 0) > 0}
    found = [
        Shortfall(use.limit.level, use.limit.measure, asked[use.limit.measure], use.left, use.limit.most)
        for use in uses
        if use.limit.measure in asked and asked[use.limit.measure] > use.left
    ]
    return tuple(sorted(found, key=_tightness))


def parse_limit(measure: Measure, text: str) -> int:
    """A limit as people write it, in the unit of its measure; `0` allows nothing."""
    if text == "0":
        return 0
    match measure:
        case Measure.GPU_HOURS:
            return parse_gpu_hours(text, name=measure)
        case Measure.CREDITS:
            return parse_credits(text, name=measure)
        case Measure.GPUS:
            return parse_gpu(text, name=measure)
        case Measure.CPUS:
            return parse_cpu(text, name=measure)
        case Measure.DEPLOYMENTS:
            return parse_whole(text, name=measure, least=0, most=MOST_DEPLOYMENTS)


def show(measure: Measure, amount: int, *, round_up: bool = False) -> str:
    match measure:
        case Measure.GPU_HOURS:
            return f"{format_gpu_hours(amount, round_up=round_up)} GPU-hours"
        case Measure.CREDITS:
            return f"{format_credits(amount)} credits"
        case Measure.GPUS:
            return f"{format_gpu(amount)} GPUs"
        case Measure.CPUS:
            return f"{format_cpu(amount)} CPUs"
        case Measure.DEPLOYMENTS:
            return f"{amount} deployments"


def _tightness(short: Shortfall) -> tuple[Fraction, int, int]:
    """Tightest is what would let through the smallest part of the need; the narrower level where two are equal."""
    return Fraction(short.left, short.need), list(Level).index(short.level), list(Measure).index(short.measure)
