"""What the first cluster of an installation could be, from what was found on this machine. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from core.views.work import FoundNode
from tui.amounts import size_of

# Big enough to see a queue with GPUs, small enough to fill it by hand.
_SIMULATED = {"cpu": ("64",), "ram": ("256",), "gpu": ("8",), "gpu_model": ("a100",)}


class Offer(NamedTuple):
    """`texts` are the words of `cluster create`; None where it cannot be had, and `about` says why."""

    title: str
    about: str
    name: str
    texts: Mapping[str, Sequence[str]] | None


def offers(nodes: Sequence[FoundNode]) -> list[Offer]:
    """What is really there first, and at last what can always be had."""
    containers = [_containers(node) for node in nodes if node.settings] or [_NO_CONTAINERS]
    return [*(_processes(node) for node in nodes if not node.settings), *containers, _simulator()]


def found_here(nodes: Sequence[FoundNode]) -> str:
    """What a machine has: `2 CPU 23.5 GiB 1 GPU (a100)`."""
    told = [node for node in nodes if node.trouble is None]
    if not told:
        return "nothing that could be found out"
    size, model = told[0].total, told[0].gpu_model
    words = size_of(size.cpu_milli, size.ram_mib, size.gpu_milli)
    return f"{words} ({model})" if model else words


def _processes(node: FoundNode) -> Offer:
    return Offer("processes", "commands on this machine, for operators at first", "here", _words_of(node))


def _containers(node: FoundNode) -> Offer:
    place = ", ".join(value.removeprefix("unix://") for value in node.settings.values())
    about = f"images, by the engine at {place}" if node.trouble is None else f"{place}: {node.trouble}"
    return Offer("containers", about, node.driver, _words_of(node))


def _words_of(node: FoundNode) -> Mapping[str, Sequence[str]] | None:
    """No sizes: a cluster that is made without asks its engine for them."""
    if node.trouble is not None:
        return None
    return {"driver": (node.driver,), "set": tuple(f"{key}={value}" for key, value in node.settings.items())}


def _simulator() -> Offer:
    texts = {"driver": ("scripted",), **_SIMULATED}
    return Offer("a simulator", "eight GPUs to try things on; nothing really runs", "sim", texts)


_NO_CONTAINERS = Offer("containers", "no Docker or Podman was found on this machine", "docker", None)
