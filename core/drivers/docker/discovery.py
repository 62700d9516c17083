"""What a node has in all: from the engine's own account, and for an engine of this host from the host itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace

from core.domain.engines import GpuFound, NodeFound
from core.domain.resources import Resources
from core.drivers import nvml
from core.drivers.docker.engine import Engine
from core.drivers.docker.recipe import MIB


def node_found(engine: Engine, offered: frozenset[str] | None = None) -> NodeFound:
    """`offered` are the GPUs that it gives by name; None where it gives whichever there is."""
    traits = engine.traits
    is_here = engine.host.socket is not None
    # An engine does not tell its GPUs; of other hosts an operator does.
    there = nvml.find_gpus(nvml.load_library()) if is_here else ()
    gpus = there if offered is None else tuple(_by_name(there, offered))
    return NodeFound(
        name=engine.node,
        capacity=Resources(
            cpu_milli=1000 * traits.cpus,
            ram_mib=traits.memory_bytes // MIB,
            gpu_milli=1000 * len(gpus),
            disk_mib=_disk_mib(traits.root) if is_here else 0,
        ),
        gpus=gpus,
        labels={
            "arch": traits.arch,
            "system": traits.system,
            "engine": "podman" if traits.is_podman else "docker",
            "host": traits.name,
        },
    )


def _by_name(there: Iterable[GpuFound], offered: frozenset[str]) -> Iterator[GpuFound]:
    """Those that can be given, under the name by which they are: makers name them by number or by id."""
    for gpu in there:
        name = next((name for name in (gpu.id, str(gpu.index)) if name in offered), None)
        if name is not None:
            yield replace(gpu, id=name)


def _disk_mib(root: str) -> int:
    try:
        return shutil.disk_usage(root).total // MIB
    except OSError:
        return 0
