"""What the first cluster of an installation could be, from what was found on this machine. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from core.views.work import FoundNode
from tui.amounts import size_of
from tui.messages import MachineSeen

# Big enough to see a queue with GPUs, small enough to fill it by hand.
_SIMULATED = {"cpu": ("64",), "ram": ("256",), "gpu": ("8",), "gpu_model": ("a100",)}


class Offer(NamedTuple):
    """`texts` are the words of `cluster create`; None where it cannot be had, and `about` says why."""

    title: str
    about: str
    name: str
    texts: Mapping[str, Sequence[str]] | None


def offers(seen: MachineSeen) -> list[Offer]:
    """What is really there first, and at last what can always be had."""
    found = [_processes(seen.nodes[0])] if seen.nodes else []
    return [*found, *_containers(seen), _simulator()]


def found_here(nodes: Sequence[FoundNode]) -> str:
    """What a machine has: `2 CPU 23.5 GiB 1 GPU (a100)`."""
    if not nodes:
        return "nothing that could be found out"
    size, model = nodes[0].total, nodes[0].gpu_model
    words = size_of(size.cpu_milli, size.ram_mib, size.gpu_milli)
    return f"{words} ({model})" if model else words


def _processes(node: FoundNode) -> Offer:
    size = node.total
    texts: dict[str, Sequence[str]] = {
        "driver": ("process",),
        "cpu": (f"{size.cpu_milli / 1000:g}",),
        "ram": (f"{size.ram_mib}MiB",),
    }
    if size.gpu_milli:
        texts["gpu"] = (f"{size.gpu_milli / 1000:g}",)
    if node.gpu_model:
        texts["gpu_model"] = (node.gpu_model,)
    return Offer("processes", "commands on this machine, for operators at first", "here", texts)


def _containers(seen: MachineSeen) -> list[Offer]:
    """One for each engine that answers."""
    if not seen.containers:
        return [Offer("containers", seen.no_containers or "no Docker or Podman was found", "docker", None)]
    return [
        Offer("containers", _engine(node), "docker", {"driver": (node.driver,), "set": _words(node.settings)})
        for node in seen.containers
    ]


def _engine(node: FoundNode) -> str:
    places = ", ".join(value.removeprefix("unix://") for value in node.settings.values())
    return f"images, by {places}: {found_here((node,))}"


def _words(settings: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{name}={value}" for name, value in settings.items())


def _simulator() -> Offer:
    texts = {"driver": ("scripted",), **_SIMULATED}
    return Offer("a simulator", "eight GPUs to try things on; nothing really runs", "sim", texts)
