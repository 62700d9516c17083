"""Where one replica fits: whole devices, or a share inside one device; and which of two places is better.

Equal shapes are equal here: whatever is decided for a shape holds for every deployment of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.domain.errors import Invalid
from core.domain.resources import Resources, format_cpu, format_gpu, format_memory, format_resources
from core.scheduler.values import WHOLE, Claim, Node, NodeState, Waiting

if TYPE_CHECKING:
    from core.scheduler.capacity import Host, Outline, Room

Score = tuple[int, ...]  # smaller is better; the last is the index of the host
DeviceChoice = Callable[["Shape", "Room", "Host"], int | None]


@dataclass(frozen=True, slots=True)
class Shape:
    """All that placement looks at."""

    resources: Resources
    replicas: int = 1
    gpu_models: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    spread: bool = False

    @classmethod
    def of(cls, item: Waiting) -> Shape:
        return cls(item.resources, item.replicas, item.gpu_models, item.labels, item.spread)


def check_request(item: Waiting) -> None:
    """What no placement could mean is refused before it enters a queue."""
    if item.resources.is_negative() or item.replicas < 1:
        raise Invalid("malformed_request", f"{item.id}: amounts below zero or no replica", "ask for at least nothing")
    if item.resources.gpu_milli > WHOLE and item.resources.gpu_milli % WHOLE:
        raise Invalid(
            "gpu_not_whole",
            f"{format_gpu(item.resources.gpu_milli)} GPUs cannot be had: a share lies inside one device",
            "ask for whole GPUs, or for less than one",
        )


def admits(node: Node, shape: Shape) -> bool:
    """Whether it takes this shape at all, however empty it may be: state, labels, models."""
    return node.state is NodeState.UP and could_hold(node, shape)


def could_hold(node: Node, shape: Shape) -> bool:
    """Whether one replica would fit on it were it up and empty."""
    need = shape.resources
    if not shape.labels <= node.labels or not need.fits_in(node.totals):
        return False
    if not need.gpu_milli:
        return True
    sizes = [d.milli for d in node.devices if not shape.gpu_models or d.model in shape.gpu_models]
    if need.gpu_milli < WHOLE:
        return any(size >= need.gpu_milli for size in sizes)
    return sum(size == WHOLE for size in sizes) * WHOLE >= need.gpu_milli


def is_beyond(need: Resources, most: Outline) -> bool:
    """Whether not even one replica can fit: a quick no before the exact count."""
    cpu, ram, disk, whole, share = most
    gpu = need.gpu_milli
    return need.cpu_milli > cpu or gpu > (share if gpu < WHOLE else whole) or need.ram_mib > ram or need.disk_mib > disk


def replicas_in(shape: Shape, room: Room, host: Host) -> int:
    """How many replicas of the shape fit into the room at once."""
    need = shape.resources
    cpu, ram, disk, gpu = need.cpu_milli, need.ram_mib, need.disk_mib, need.gpu_milli
    if cpu > room.cpu or ram > room.ram or disk > room.disk:
        return 0
    most = shape.replicas
    if gpu:
        gpus = room.gpus
        allowed = host.devices_for(shape.gpu_models)
        if gpu < WHOLE:
            most = min(most, sum([gpus[i] // gpu for i in allowed if gpus[i] >= gpu]))
        else:
            most = min(most, sum([gpus[i] == WHOLE for i in allowed]) * WHOLE // gpu)
    if most <= 1:
        return most
    for left, each in ((room.cpu, cpu), (room.ram, ram), (room.disk, disk)):
        if each:
            most = min(most, left // each)
    return most


def least_left(shape: Shape, room: Room, host: Host) -> int | None:
    """The device on which a share leaves the least beside it; None for what wants no share."""
    gpu, gpus = shape.resources.gpu_milli, room.gpus
    if not 0 < gpu < WHOLE:
        return None
    return min(((gpus[i], i) for i in host.devices_for(shape.gpu_models) if gpus[i] >= gpu), default=(0, None))[1]


def claim_in(shape: Shape, room: Room, host: Host, device: DeviceChoice = least_left) -> Claim | None:
    """The place for one replica in the room, or None."""
    need = shape.resources
    if need.cpu_milli > room.cpu or need.ram_mib > room.ram or need.disk_mib > room.disk:
        return None
    if not need.gpu_milli:
        return Claim(host.node.id, need)
    if need.gpu_milli < WHOLE:
        chosen = device(shape, room, host)
        return None if chosen is None else Claim(host.node.id, need, ((chosen, need.gpu_milli),))
    count = need.gpu_milli // WHOLE
    whole = [i for i in host.devices_for(shape.gpu_models) if room.gpus[i] == WHOLE]
    if len(whole) < count:
        return None
    return Claim(host.node.id, need, tuple((i, WHOLE) for i in whole[:count]))


def tightness(shape: Shape, room: Room, host: Host) -> Score:
    """How good the host is for one replica that fits: keep devices whole, keep GPU nodes free of others, fill up.

    A shape that spreads takes the emptiest instead.
    """
    gpu, gpus = shape.resources.gpu_milli, room.gpus
    if shape.spread:
        return (len(host.residents), -sum(gpus), -room.cpu, host.index)
    if not gpu:
        return (sum(gpus), room.cpu, room.ram, host.index)
    if gpu < WHOLE:
        left = min([gpus[i] for i in host.devices_for(shape.gpu_models) if gpus[i] >= gpu])
        return (left, sum(gpus), room.cpu, host.index)
    return (sum([g == WHOLE for g in gpus]), sum(gpus), room.cpu, host.index)


def refuse_impossible(nodes: Iterable[Node], item: Waiting) -> None:
    """Refuse at submission what no node, or for a gang not all nodes together, could ever hold."""
    check_request(item)
    shape, known = Shape.of(item), list(nodes)
    fitting = [node for node in known if could_hold(node, shape)]
    if not fitting:
        raise Invalid("impossible_request", *_largest_that_could(known, shape))
    places = sum(places_on(node, shape) for node in fitting)
    if places < shape.replicas:
        raise Invalid(
            "impossible_request",
            f"the cluster cannot hold {shape.replicas} replicas of {format_resources(shape.resources)} at once",
            f"ask for at most {places}",
        )


def places_on(node: Node, shape: Shape) -> int:
    """How many replicas an empty node that could hold one holds at most."""
    need, most = shape.resources, shape.replicas
    if need.gpu_milli:
        sizes = [d.milli for d in node.devices if not shape.gpu_models or d.model in shape.gpu_models]
        if need.gpu_milli < WHOLE:
            most = min(most, sum(size // need.gpu_milli for size in sizes))
        else:
            most = min(most, sum(size == WHOLE for size in sizes) * WHOLE // need.gpu_milli)
    for whole, each in (
        (node.totals.cpu_milli, need.cpu_milli),
        (node.totals.ram_mib, need.ram_mib),
        (node.totals.disk_mib, need.disk_mib),
    ):
        if each:
            most = min(most, whole // each)
    return most


def _largest_that_could(nodes: list[Node], shape: Shape) -> tuple[str, str, dict[str, object]]:
    """The message, the hint and the field: which wish is out of reach, and the most that is within it."""
    need = shape.resources
    if not nodes:
        return "the cluster has no node", "an operator adds one", {"cluster": {}}
    labelled = [node for node in nodes if shape.labels <= node.labels]
    if not labelled:
        return f"no node has the labels {', '.join(sorted(shape.labels))}", "leave a label out", {"labels": {}}
    models = {d.model for node in labelled for d in node.devices}
    if need.gpu_milli and shape.gpu_models and not shape.gpu_models & models:
        wanted = " or ".join(sorted(shape.gpu_models))
        return (
            f"no node has a GPU of model {wanted}",
            f"models here: {', '.join(sorted(models)) or 'none'}",
            {"gpu_model": {}},
        )
    most_gpu = max(
        sum(d.milli for d in n.devices if not shape.gpu_models or d.model in shape.gpu_models) for n in labelled
    )
    kinds = [
        ("gpu", " GPUs", need.gpu_milli, most_gpu, format_gpu),
        ("cpu", " CPUs", need.cpu_milli, max(n.totals.cpu_milli for n in labelled), format_cpu),
        ("ram", "", need.ram_mib, max(n.totals.ram_mib for n in labelled), format_memory),
        ("disk", " of disk", need.disk_mib, max(n.totals.disk_mib for n in labelled), format_memory),
    ]
    for word, unit, asked, most, said in kinds:
        if asked > most > 0:
            hint = f"ask for at most {said(most)}, or for several replicas"
            return f"no node can hold {said(asked)}{unit}; the largest has {said(most)}", hint, {word: {}}
        if asked > most:
            hint = f"leave {word} out, or an operator gives it some: bursar cluster set CLUSTER {word}=N"
            return f"no node can hold {said(asked)}{unit}; none has any", hint, {word: {}}
    largest = max(labelled, key=lambda n: (n.totals.gpu_milli, n.totals.cpu_milli, n.totals.ram_mib, n.name))
    return (
        f"no node can hold {format_resources(need)} at once; the largest has {format_resources(largest.totals)}",
        "ask for less, or for several replicas",
        {"cluster": {}},
    )
