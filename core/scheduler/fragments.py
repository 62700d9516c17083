"""Packing that leaves GPUs usable: what a placement makes unusable for the usual requests, counted before it is made.

`Mix` is what is usually asked for. Two measures come from it: `waste[r]`, how much of a device with r free will
finally stay empty if shares of the mix keep coming; and the part of a node that a random request could not use.
The first is a guess about much that is still to come, so it decides by tenths of a device only, the second the rest.
Without a mix, and with the policy `tight`, what is already used is filled first.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from math import exp

from core.scheduler.capacity import Host, Room
from core.scheduler.placement import Score, Shape, least_left, tightness
from core.scheduler.policy import Mix, Packing, Typical
from core.scheduler.values import WHOLE
from core.scheduler.watch import Packer

COMMON_PART = 0.95  # of the requests, the most frequent first, make the mix
GRAIN = 100  # thousandths of a device; what differs by less is decided by what becomes unusable at once
PICKY_PART = 0.05  # from here on so many name a model that the emptiest must not be wasted on others


class TightPacker:
    def score(self, shape: Shape, room: Room, host: Host) -> Score:
        return tightness(shape, room, host)

    def device(self, shape: Shape, room: Room, host: Host) -> int | None:
        return least_left(shape, room, host)


def mix_of(shapes: Iterable[Shape]) -> Mix:
    """The mix of past requests: the most frequent kinds that make up most of them."""
    return most_of(
        Counter(
            Typical(s.resources.gpu_milli, s.gpu_models, s.resources.cpu_milli)
            for s in shapes
            for _ in range(s.replicas)
        )
    )


def most_of(counted: Mapping[Typical, int]) -> Mix:
    total, seen = sum(counted.values()), 0
    kept: list[tuple[Typical, int]] = []
    for typical, count in sorted(counted.items(), key=lambda tc: (-tc[1], tc[0].sort_key)):
        if seen >= COMMON_PART * total:
            break
        kept.append((typical, count))
        seen += count
    return Mix(tuple(kept))


@dataclass(slots=True)
class _Group:
    """All of the mix that want the same of GPUs: how likely, and how much CPU they want beside them."""

    gpu: int
    models: frozenset[str]
    cpus: list[int] = field(default_factory=list)
    up_to: list[float] = field(default_factory=list)  # how likely is one of up to that much CPU

    @property
    def weight(self) -> float:
        return self.up_to[-1]


class FragmentPacker:
    def __init__(self, mix: Mix) -> None:
        total = sum(count for _, count in mix.kinds)
        by_need: dict[tuple[int, frozenset[str]], list[tuple[int, float]]] = {}
        self._without = 0.0
        for kind, count in mix.kinds:
            if kind.gpu_milli:
                by_need.setdefault((kind.gpu_milli, kind.models), []).append((kind.cpu_milli, count / total))
            else:
                self._without += count / total
        self._groups = [
            _Group(gpu, models, [c for c, _ in sorted(v)], list(accumulate(p for _, p in sorted(v))))
            for (gpu, models), v in by_need.items()
        ]
        self._picky = sum(g.weight for g in self._groups if g.models) > PICKY_PART
        weights: dict[int, float] = {}
        for group in self._groups:
            weights[group.gpu] = weights.get(group.gpu, 0.0) + group.weight
        self._waste = final_waste(weights)

    def score(self, shape: Shape, room: Room, host: Host) -> Score:
        """What is finally wasted, then what becomes unusable at once, then nodes in use before others."""
        need = shape.resources
        before = self.unusable(room.cpu, room.gpus, host)
        device = self.device(shape, room, host)
        gpus, wasted = room.gpus, 0
        if device is not None:
            gpus = gpus.copy()
            gpus[device] -= need.gpu_milli
            wasted = round((self._waste[gpus[device]] - self._waste[room.gpus[device]]) / GRAIN)
        elif need.gpu_milli:
            gpus = gpus.copy()
            whole = [i for i in host.devices_for(shape.gpu_models) if gpus[i] == WHOLE]
            for index in whole[: need.gpu_milli // WHOLE]:
                gpus[index] = 0
        step = self.unusable(room.cpu - need.cpu_milli, gpus, host) - before
        tie = sum(gpus) if self._picky else int(not host.residents)
        return (wasted, -int(100 / (1 + exp(min(700.0, step / WHOLE)))), tie, host.index)

    def device(self, shape: Shape, room: Room, host: Host) -> int | None:
        """For a share, the device on which the least is finally wasted; then the one where least becomes unusable."""
        gpu, gpus = shape.resources.gpu_milli, room.gpus
        if not 0 < gpu < WHOLE:
            return None
        best: tuple[float, float, int] | None = None
        tried: set[int] = set()
        for index in host.devices_for(shape.gpu_models):
            free = gpus[index]
            if free < gpu or free in tried:
                continue
            tried.add(free)
            after = gpus.copy()
            after[index] = free - gpu
            wasted = round((self._waste[free - gpu] - self._waste[free]) / GRAIN)
            judged = (wasted, self.unusable(room.cpu - shape.resources.cpu_milli, after, host), index)
            best = judged if best is None else min(best, judged)
        return None if best is None else best[2]

    def unusable(self, cpu: int, gpus: list[int], host: Host) -> float:
        """How much of the free GPU a random request of the mix could not use."""
        total = sum(gpus)
        if not total:
            return 0.0
        lost = self._without * total
        for group in self._groups:
            allowed = host.devices_for(group.models)
            if group.gpu < WHOLE:
                usable = sum([gpus[i] for i in allowed if gpus[i] >= group.gpu])
            else:
                usable = sum([WHOLE for i in allowed if gpus[i] == WHOLE])
                if usable < group.gpu:
                    usable = 0
            if not usable:
                lost += group.weight * total
                continue
            served = bisect_right(group.cpus, cpu)
            likely = group.up_to[served - 1] if served else 0.0
            lost += (group.weight - likely) * total + likely * (total - usable)
        return lost


def final_waste(weights: dict[int, float]) -> list[float]:
    """For each free amount of one device: what stays empty in the end if only requests that fit are put on it."""
    waste = [0.0] * (WHOLE + 1)
    shares = sorted((gpu, weight) for gpu, weight in weights.items() if 0 < gpu < WHOLE)
    whole = sum(weight for gpu, weight in weights.items() if gpu >= WHOLE)
    for free in range(1, WHOLE + 1):
        fitting = [(gpu, weight) for gpu, weight in shares if gpu <= free]
        likely = sum(weight for _, weight in fitting) + (whole if free == WHOLE else 0.0)
        if likely:
            waste[free] = sum(weight * waste[free - gpu] for gpu, weight in fitting) / likely
        else:
            waste[free] = float(free)
    return waste


TIGHT = TightPacker()


def packer_for(packing: Packing, mix: Mix | None) -> Packer:
    if packing is Packing.FRAGMENTS and mix is not None and mix.kinds:
        return FragmentPacker(mix)
    return TIGHT
