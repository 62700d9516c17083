"""What this host has: CPUs, memory, disk and GPUs."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from core.domain.engines import NodeFound
from core.domain.resources import Resources
from core.drivers import nvml

MIB = 1 << 20


def this_node(home: Path) -> NodeFound:
    gpus = nvml.find_gpus(nvml.load_library())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return NodeFound(
        name=platform.node() or "localhost",
        capacity=Resources(
            cpu_milli=1000 * len(os.sched_getaffinity(0)),
            ram_mib=memory // MIB,
            gpu_milli=1000 * len(gpus),
            disk_mib=shutil.disk_usage(_nearest(home)).total // MIB,
        ),
        gpus=gpus,
        labels={"arch": platform.machine(), "system": platform.system().lower()},
    )


def _nearest(place: Path) -> Path:
    return next((p for p in (place, *place.parents) if p.is_dir()), Path("/"))
