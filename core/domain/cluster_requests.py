"""What operators ask of clusters and nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from core.domain.errors import Invalid
from core.domain.resources import Resources
from core.domain.text import visible
from core.domain.validation import (
    ClusterName,
    CpuMilli,
    DiskMib,
    GpuMilli,
    GpuModel,
    HoursMs,
    RamMib,
    Reference,
    Request,
    ResourceName,
    field_type,
)
from core.domain.workloads import Labels

MOST_SETTINGS = 100


def _read_settings(given: object, name: str) -> dict[str, str]:
    """`key=value` words, or the table that a program gives. What they mean is the driver's to say."""
    if isinstance(given, Mapping):
        return {str(key): str(value) for key, value in given.items()}
    words = [given] if isinstance(given, str) else list(given) if isinstance(given, (list, tuple)) else None
    if words is None or len(words) > MOST_SETTINGS:
        raise Invalid("not_settings", f"{name}: must be key=value words (got {visible(given)})", "give key=value")
    read: dict[str, str] = {}
    for word in words:
        key, sign, value = str(word).partition("=")
        if not key or not sign:
            raise Invalid("not_a_setting", f"{name}: {visible(word)} is not key=value", "give it as key=value")
        if key in read:
            raise Invalid("given_twice", f"{name}: {visible(key)} is given twice", "give it once")
        read[key] = value
    return read


DriverSettings = Annotated[Mapping[str, str], field_type(_read_settings)]


class _Size(Request):
    cpu_milli: CpuMilli = Field(default=0, alias="cpu")
    ram_mib: RamMib = Field(default=0, alias="ram")
    gpu_milli: GpuMilli = Field(default=0, alias="gpu")
    disk_mib: DiskMib = Field(default=0, alias="disk")
    gpu_model: GpuModel | None = None
    labels: Labels = Field(default_factory=dict)

    @property
    def totals(self) -> Resources:
        """What the node holds in all. A machine has whole devices, or a part of one that may be given away."""
        return Resources(self.cpu_milli, self.ram_mib, self.gpu_milli, self.disk_mib)


class NewCluster(_Size):
    """`cluster create`: totals given here make its first node."""

    name: ClusterName
    driver: str
    settings: DriverSettings = Field(default_factory=dict, alias="set")
    default_limit_ms: HoursMs | None = Field(default=None, alias="default_hours")


class NewNode(_Size):
    """`cluster add-node`: where the driver asks each engine apart, `set` says where this node's is."""

    cluster: Reference
    name: ResourceName
    settings: DriverSettings = Field(default_factory=dict, alias="set")


class ClusterChange(Request):
    """`cluster set`: settings of the driver, sizes of a node, and how long a job may run that names no hours."""

    cluster: Reference
    node: Reference | None = None
    change: DriverSettings


class Sharing(Request):
    cluster: Reference
    org: str
