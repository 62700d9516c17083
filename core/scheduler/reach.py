"""What a cluster has for one shape at this instant: where it could run, what is free there, what is missing least."""

from __future__ import annotations

from functools import cached_property

from core.domain.resources import Resources
from core.scheduler.board import Board
from core.scheduler.capacity import Host, Room
from core.scheduler.placement import Shape, admits, could_hold, places_on, replicas_in
from core.scheduler.values import WHOLE


class Reach:
    """The same for all that ask for this shape, as long as nothing on the board moves."""

    def __init__(self, board: Board, shape: Shape) -> None:
        self.shape = shape
        self.could = [host for host in board.hosts if could_hold(host.node, shape)]
        self.hosts = [host for host in self.could if admits(host.node, shape)]

    @cached_property
    def is_impossible(self) -> bool:
        """Whether the whole cluster could not hold it even when empty."""
        return self.places + sum(places_on(host.node, self.shape) for host in self.away) < self.shape.replicas

    @cached_property
    def places(self) -> int:
        """How many replicas those nodes hold that take something new, were they empty."""
        return sum(places_on(host.node, self.shape) for host in self.hosts)

    @cached_property
    def free(self) -> int:
        """How many replicas have room now."""
        return sum(replicas_in(self.shape, host.free, host) for host in self.hosts)

    @cached_property
    def away(self) -> list[Host]:
        """Those that could hold it and take nothing new."""
        return [host for host in self.could if not admits(host.node, self.shape)]

    @cached_property
    def together(self) -> Resources:
        """What is free on all nodes that it may use."""
        models = self.shape.gpu_models
        return Resources(
            sum(max(0, host.free.cpu) for host in self.hosts),
            sum(max(0, host.free.ram) for host in self.hosts),
            sum(max(0, host.free.gpus[i]) for host in self.hosts for i in host.devices_for(models)),
            sum(max(0, host.free.disk) for host in self.hosts),
        )

    @cached_property
    def nearest(self) -> list[Host]:
        """The hosts that would need the least more: one, or for a gang as many as could hold it together."""
        chosen: list[Host] = []
        places = 0
        ranked = sorted(self.hosts, key=self._missing)
        for host in ranked:
            most = replicas_in(self.shape, host.room_if(lambda _: False, frozenset(host.pins)), host)
            if most:
                chosen.append(host)
                places += most
            if places >= self.shape.replicas:
                break
        return chosen or ranked[:1]

    def _missing(self, host: Host) -> tuple[float, int]:
        parts = [(need - have) / need for _, need, have in dimensions(self.shape, host.free, host) if need > have]
        return sum(parts) - replicas_in(self.shape, host.free, host), host.index


def dimensions(shape: Shape, room: Room, host: Host) -> list[tuple[str, int, int]]:
    """(unit, needed, usable) of each dimension; of GPUs only whole devices, or the best share, are usable."""
    need, usable = shape.resources, 0
    gpus = [room.gpus[i] for i in host.devices_for(shape.gpu_models)]
    if need.gpu_milli >= WHOLE:
        usable = WHOLE * sum(free == WHOLE for free in gpus)
    elif need.gpu_milli:
        usable = max(gpus, default=0)
    return [
        ("gpu_milli", need.gpu_milli, max(0, usable)),
        ("cpu_milli", need.cpu_milli, max(0, room.cpu)),
        ("ram_mib", need.ram_mib, max(0, room.ram)),
        ("disk_mib", need.disk_mib, max(0, room.disk)),
    ]
