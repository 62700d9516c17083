"""What is free: a room of amounts and devices, and a host, which is a node with all that sits on it.

Free is never stored as truth: it is totals less foreign use, residents and pinned places, moved by exactly what
comes and goes, and counted anew where a pinned place and the victims it waits for overlap.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator

from core.scheduler.values import WHOLE, Claim, Holding, Node

Outline = tuple[int, int, int, int, int]  # CPU, memory, disk, GPUs that are wholly free, the largest share of one

END_OF_TIME = 1 << 63


class Room:
    """Free amounts on one node, and the free thousandths of each of its devices. May be below zero."""

    __slots__ = ("cpu", "disk", "gpus", "ram")

    def __init__(self, cpu: int, ram: int, disk: int, gpus: list[int]) -> None:
        self.cpu, self.ram, self.disk, self.gpus = cpu, ram, disk, gpus

    def copy(self) -> Room:
        return Room(self.cpu, self.ram, self.disk, self.gpus.copy())

    def take(self, claim: Claim) -> None:
        need = claim.resources
        self.cpu -= need.cpu_milli
        self.ram -= need.ram_mib
        self.disk -= need.disk_mib
        for device, milli in claim.shares:
            self.gpus[device] -= milli

    def give(self, claim: Claim) -> None:
        need = claim.resources
        self.cpu += need.cpu_milli
        self.ram += need.ram_mib
        self.disk += need.disk_mib
        for device, milli in claim.shares:
            self.gpus[device] += milli

    def lower_to(self, other: Room) -> None:
        """The smaller of both, amount by amount: what is free in both."""
        self.cpu = min(self.cpu, other.cpu)
        self.ram = min(self.ram, other.ram)
        self.disk = min(self.disk, other.disk)
        self.gpus = list(map(min, self.gpus, other.gpus))

    def outline(self) -> Outline:
        """Enough to say quickly that something does not fit; models and labels apart."""
        return self.cpu, self.ram, self.disk, self.gpus.count(WHOLE) * WHOLE, max(self.gpus, default=0)

    def is_overbooked(self) -> bool:
        return min(self.cpu, self.ram, self.disk, *self.gpus) < 0


Step = tuple[int, Room]  # from that instant on so much is free


class Host:
    """A node as the board keeps it. `ends` holds (end, id) of all residents that will end, sooner first."""

    __slots__ = (
        "_allowed",
        "_last_outline",
        "_outline",
        "_steps",
        "_unfolds",
        "by_id",
        "ends",
        "foreign",
        "free",
        "index",
        "node",
        "pin_ends",
        "pins",
        "residents",
        "width",
    )

    def __init__(self, index: int, node: Node, foreign: Claim | None = None) -> None:
        self.index, self.node, self.foreign = index, node, foreign
        self.by_id: dict[str, Holding] = {}
        self.residents: dict[str, list[Claim]] = {}
        self.pins: dict[str, list[Claim]] = {}
        self.pin_ends: dict[str, int] = {}
        self.ends: list[tuple[int, str]] = []
        self.width = len(node.devices)  # a device that went away stays counted, as nothing, while it is in use
        self._allowed: dict[frozenset[str], tuple[int, ...]] = {}
        self._cover([] if foreign is None else [foreign])
        self._outline: Outline | None = None
        self._last_outline: Outline | None = None
        self._steps: list[Step] = []
        self._unfolds: Iterator[Step] | None = None
        self.free = self._bare()

    def copy(self) -> Host:
        """On its own from here on; what sits on it is the same."""
        twin = Host(self.index, self.node, self.foreign)
        for name in ("by_id", "residents", "pins", "pin_ends", "ends", "free", "_allowed"):
            setattr(twin, name, getattr(self, name).copy())
        twin.width, twin._outline, twin._last_outline = self.width, self._outline, self._last_outline
        return twin

    def replace_node(self, node: Node, foreign: Claim | None) -> None:
        self.node, self.foreign = node, foreign
        self._allowed.clear()
        self.width = len(node.devices)
        self._cover([claim for claims in (*self.residents.values(), *self.pins.values()) for claim in claims])
        self._cover([] if foreign is None else [foreign])
        self.recount()

    def devices_for(self, models: frozenset[str]) -> tuple[int, ...]:
        """Indexes of the devices that a request for these models may use."""
        found = self._allowed.get(models)
        if found is None:
            found = tuple(i for i, d in enumerate(self.node.devices) if not models or d.model in models)
            self._allowed[models] = found
        return found

    def outline(self) -> Outline:
        """Of what is free; kept until that changes."""
        if self._outline is None:
            self._outline = self.free.outline()
        return self._outline

    def last_outline(self) -> Outline:
        """Of what will be free once all has ended of which a projection sees an end."""
        if self._last_outline is None:
            self._last_outline = self._counted_at(END_OF_TIME).outline()
        return self._last_outline

    def seat(self, holding: Holding, claims: list[Claim]) -> None:
        grew = self._cover(claims)
        self.by_id[holding.id], self.residents[holding.id] = holding, claims
        if holding.ends_at is not None:
            insort(self.ends, (holding.ends_at, holding.id))
        if grew or self._overlaps(holding):
            self.recount()
        else:
            self._forget()
            for claim in claims:
                self.free.take(claim)

    def unseat(self, holding_id: str) -> None:
        holding, claims = self.by_id.pop(holding_id), self.residents.pop(holding_id)
        if holding.ends_at is not None:
            del self.ends[bisect_left(self.ends, (holding.ends_at, holding_id))]
        if self._overlaps(holding):
            self.recount()
        else:
            self._forget()
            for claim in claims:
                self.free.give(claim)

    def _overlaps(self, holding: Holding) -> bool:
        """Whether a pinned place waits for it: what it holds is then not free once it leaves, or not all of it."""
        return holding.pinned_for in self.pins

    def pin(self, waiting_id: str, claims: list[Claim], ends_at: int | None) -> None:
        """`ends_at` is when whoever gets the place will have ended at the latest; None for a service."""
        self._cover(claims)
        self.pins[waiting_id] = claims
        if ends_at is not None:
            self.pin_ends[waiting_id] = ends_at
        self.recount()

    def unpin(self, waiting_id: str) -> None:
        del self.pins[waiting_id]
        self.pin_ends.pop(waiting_id, None)
        self.recount()

    def _forget(self) -> None:
        """What was found out of the host as it was."""
        self._outline = self._last_outline = None
        self._steps, self._unfolds = [], None

    def recount(self) -> None:
        self._forget()
        self.free = self.room_if(lambda _: True)

    def room_if(self, stays: Callable[[Holding], bool], ignoring: frozenset[str] = frozenset()) -> Room:
        """What would be free if only the residents that `stays` approves were left, without the pins of `ignoring`.

        A pinned place and the victims it waits for are the same capacity, so the larger of both counts.
        """
        room = self._bare()
        yielding: dict[str, list[Claim]] = {}
        for holding_id, claims in self.residents.items():
            holding = self.by_id[holding_id]
            if not stays(holding):
                continue
            if holding.pinned_for is not None and self._overlaps(holding) and holding.pinned_for not in ignoring:
                yielding.setdefault(holding.pinned_for, []).extend(claims)
                continue
            for claim in claims:
                room.take(claim)
        for waiting_id, claims in self.pins.items():
            if waiting_id in ignoring:
                continue
            victims = yielding.get(waiting_id, [])
            pinned, leaving = self._empty(), self._empty()
            for claim in claims:
                pinned.take(claim)
            for claim in victims:
                leaving.take(claim)
            pinned.lower_to(leaving)  # both are below zero: the lower one takes more
            room.cpu += pinned.cpu
            room.ram += pinned.ram
            room.disk += pinned.disk
            room.gpus = [a + b for a, b in zip(room.gpus, pinned.gpus, strict=True)]
        return room

    def ends_after(self, instant: int) -> list[int]:
        """The instants at which a projection sees something end, each once; what is overdue ends right away."""
        ends = {end for end, _ in self.ends}.union(self.pin_ends.values())
        return sorted({max(end, instant + 1) for end in ends})

    def unfolding(self) -> Iterator[Step]:
        """What will be free after each end in turn, to be read only; found out once, as far as anybody asks."""
        if self._unfolds is None:
            self._unfolds = self._unfold()
        steps, unfolds, position = self._steps, self._unfolds, 0
        while position < len(steps) or _take_next(unfolds, steps):
            yield steps[position]
            position += 1

    def _unfold(self) -> Iterator[Step]:
        room, position = self.free.copy(), 0
        for instant in self.ends_after(0) if self.pins else sorted({end for end, _ in self.ends}):
            counted_anew = instant in self.pin_ends.values()
            while position < len(self.ends) and self.ends[position][0] <= instant:
                holding_id = self.ends[position][1]
                counted_anew = counted_anew or self._overlaps(self.by_id[holding_id])
                for claim in self.residents[holding_id]:
                    room.give(claim)
                position += 1
            if counted_anew:
                room = self._counted_at(instant)
            yield instant, room.copy()

    def free_at(self, instant: int) -> Room:
        """What will be free then if everybody ends when a projection says so and nobody comes."""
        last = self.free
        for end, room in self.unfolding():
            if end > instant:
                break
            last = room
        return last.copy()

    def _counted_at(self, instant: int) -> Room:
        over = frozenset(i for i, end in self.pin_ends.items() if end <= instant)
        return self.room_if(lambda h: h.ends_at is None or h.ends_at > instant, over)

    def _cover(self, claims: Iterable[Claim]) -> bool:
        """Make the rooms wide enough for every device that is claimed; says whether that was needed."""
        widest = max((device + 1 for claim in claims for device, _ in claim.shares), default=0)
        grew = widest > self.width
        self.width = max(self.width, widest)
        return grew

    def _bare(self) -> Room:
        total, devices = self.node.totals, self.node.devices
        gpus = [d.milli for d in devices] + [0] * (self.width - len(devices))
        room = Room(total.cpu_milli, total.ram_mib, total.disk_mib, gpus)
        if self.foreign is not None:
            room.take(self.foreign)
        return room

    def _empty(self) -> Room:
        return Room(0, 0, 0, [0] * self.width)


def _take_next(steps: Iterator[Step], into: list[Step]) -> bool:
    step = next(steps, None)
    if step is not None:
        into.append(step)
    return step is not None


def by_node(claims: Iterable[Claim]) -> dict[str, list[Claim]]:
    """The claims of one deployment, gathered per node."""
    gathered: dict[str, list[Claim]] = {}
    for claim in claims:
        gathered.setdefault(claim.node_id, []).append(claim)
    return gathered
