"""Views of clusters, deployments and what is known of their future."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.domain.kinds import Kind
from core.domain.lifecycle import State
from core.domain.resources import Resources, format_use
from core.views.money import Sum


@dataclass(frozen=True, slots=True)
class GpuSlot:
    """One device of a node: how much of it is free, in thousandths."""

    index: int
    id: str
    free_milli: int


@dataclass(frozen=True, slots=True)
class NodeCard:
    name: str
    state: str
    total: Resources
    used: Resources
    free: Resources
    gpu_model: str | None
    gpus: tuple[GpuSlot, ...]
    labels: Mapping[str, str]

    @property
    def in_use(self) -> str:
        return format_use(self.used, self.total)


@dataclass(frozen=True, slots=True)
class FoundNode:
    """A node that an engine told of, before any cluster is made of it; or why the engine told nothing."""

    name: str
    total: Resources
    gpu_model: str | None
    gpus: tuple[str, ...]
    driver: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)  # with which a cluster can be made of it
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class HereCard:
    """An engine of this host, and the words of the command that makes a cluster of it."""

    driver: str
    settings: Mapping[str, str]
    command: str


@dataclass(frozen=True, slots=True)
class ClusterCard:
    id: str
    name: str
    org: str
    driver: str
    state: str
    total: Resources
    used: Resources
    free: Resources
    nodes: tuple[NodeCard, ...]
    shared_with: tuple[str, ...]
    settings: Mapping[str, str]
    default_limit_ms: int
    version: int
    created_at: int
    limits: tuple[str, ...] = ()  # how what runs there now is held down


@dataclass(frozen=True, slots=True)
class ClusterLine:
    id: str
    name: str
    org: str
    driver: str
    state: str
    nodes: int
    total: Resources
    used: Resources
    free: Resources

    @property
    def in_use(self) -> str:
        return format_use(self.used, self.total)


@dataclass(frozen=True, slots=True)
class RunLineView:
    """One stretch of really running, and what it has cost."""

    generation: int
    started_at: int
    ended_at: int | None
    cause: str | None
    cost: Sum


@dataclass(frozen=True, slots=True)
class InstanceCard:
    """What the engine last showed of one replica: where it is, what it runs and takes, how it ended."""

    replica: int
    generation: int
    node: str
    engine_id: str
    facts: Mapping[str, str]
    cpu_used_milli: int | None
    ram_used_mib: int | None
    gpu_busy_milli: int | None
    gpu_ram_used_mib: int | None
    exit_code: int | None
    oom: bool
    message: str
    seen_at: int


@dataclass(frozen=True, slots=True)
class FollowedLine:
    """What a deployment waits for before it may start, or has waited for."""

    id: str
    name: str
    state: State
    outcome: str  # ok: it must complete; any: it must only end


@dataclass(frozen=True, slots=True)
class NextStep:
    """Something that people can do now, where it leads to, and what an hour costs there."""

    action: str
    state: State
    credits_per_hour_ucr: int


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """Something that happened to a deployment, and the words that were kept of it."""

    at: int
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class DeploymentCard:
    id: str
    name: str
    org: str
    owner: str
    kind: Kind
    state: State
    cluster: str
    node: str | None
    image: str | None
    command: tuple[str, ...]
    flavor: str | None
    cpu_milli: int
    ram_mib: int
    gpu_milli: int
    gpu_model: str | None
    gpu_devices: tuple[str, ...]
    disk_mib: int
    replicas: int
    priority: int
    hours_ms: int | None
    labels: Mapping[str, str]
    env: Mapping[str, str]
    public_ip: str | None
    created_at: int
    updated_at: int
    started_at: int | None
    ended_at: int | None
    exit_code: int | None
    reason: str | None
    position: int | None
    estimate: int | None
    rate: Sum  # of an hour of running
    cost: Sum
    held: Sum
    after: tuple[FollowedLine, ...] = ()
    runs: tuple[RunLineView, ...] = ()
    next: tuple[NextStep, ...] = ()
    version: int = 0
    instances: tuple[InstanceCard, ...] = ()
    history: tuple[HistoryLine, ...] = ()  # the last that happened to it, where that was asked for
    pays_now: Sum | None = None  # an hour of it as it stands, where that is not the rate: while it is suspended


@dataclass(frozen=True, slots=True)
class DeploymentLine:
    id: str
    name: str
    owner: str
    kind: Kind
    state: State
    cluster: str
    cpu_milli: int
    ram_mib: int
    gpu_milli: int
    priority: int
    created_at: int
    started_at: int | None
    org: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AskLine:
    """Somebody asks for more time than they may take: what the job has, how much more, and why somebody must agree."""

    id: str
    name: str
    owner: str
    had_ms: int
    more_ms: int
    why: str
    asked_at: int
    ends_at: int | None  # when its time is up as it is, where it has begun


@dataclass(frozen=True, slots=True)
class LogText:
    """A piece of what a run wrote; `cursor` goes on from its end."""

    id: str
    text: str
    cursor: str
    ended: bool
    cut: bool = False  # there is, or was, more before it
