"""What a node has in all: from the engine's own account, and for an engine of this host from the host itself."""

from __future__ import annotations

import shutil

from core.domain.engines import GpuFound, NodeFound
from core.domain.resources import Resources
from core.drivers import nvml
from core.drivers.docker.engine import Engine
from core.drivers.docker.recipe import MIB


def node_found(engine: Engine) -> NodeFound:
    traits = engine.probe()
    is_here = engine.host.socket is not None
    gpus: tuple[GpuFound, ...] = ()
    if is_here and not traits.is_podman:  # an engine does not tell its GPUs; of other hosts an operator does
        gpus = nvml.find_gpus(nvml.load_library())
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


def _disk_mib(root: str) -> int:
    try:
        return shutil.disk_usage(root).total // MIB
    except OSError:
        return 0
