"""What is known of one shape on every host, kept up to date by looking only at hosts that changed.

The same answers serve every deployment of that shape and every pass, so a pass costs what changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from core.domain.resources import Resources
from core.scheduler.capacity import Host
from core.scheduler.placement import Score, Shape, admits, is_beyond, replicas_in

if TYPE_CHECKING:
    from core.scheduler.capacity import Outline, Room

T = TypeVar("T")


class Packer(Protocol):
    """Which of several places is better, and which device of a node a share goes to."""

    def score(self, shape: Shape, room: Room, host: Host) -> Score: ...

    def device(self, shape: Shape, room: Room, host: Host) -> int | None:
        """None where it makes no difference: for whole devices, and for what wants no GPU."""
        ...


class ChangeLog:
    """Which hosts changed, in order. A reader keeps its place in it; one that fell far behind looks at all."""

    def __init__(self) -> None:
        self._touched: list[int] = []
        self._first = 0
        self._answer: tuple[int, int, set[int]] = (0, 0, set())  # most readers are at the same place

    @property
    def end(self) -> int:
        return self._first + len(self._touched)

    def touch(self, index: int) -> None:
        self._touched.append(index)

    def since(self, place: int) -> set[int] | None:
        """Indexes of the hosts that changed after that place, or None when that is no longer known."""
        if place < self._first:
            return None
        if self._answer[:2] != (place, self.end):
            self._answer = (place, self.end, set(self._touched[place - self._first :]))
        return self._answer[2].copy()

    def forget(self, keep: int) -> None:
        if len(self._touched) > 2 * keep:
            drop = len(self._touched) - keep
            del self._touched[:drop]
            self._first += drop

    def copy(self) -> ChangeLog:
        """Whoever has a place in this one has the same in the copy."""
        twin = ChangeLog()
        twin._touched, twin._first = self._touched.copy(), self._first
        return twin

    def start_anew(self) -> None:
        """Nobody's place is valid any more: the hosts themselves were numbered anew."""
        self._first = self.end + 1
        self._touched.clear()


class Latest:
    """One reader's place in the log."""

    def __init__(self, log: ChangeLog) -> None:
        self._log, self._place = log, -1

    def is_so(self) -> bool:
        """Whether nothing has changed."""
        return self._place == self._log.end

    def changed(self) -> set[int] | None:
        """Indexes of the hosts that changed since it was last asked; None: all of them may have."""
        place, self._place = self._place, self._log.end
        if place == self._place:
            return set()
        return self._log.since(place) if place >= 0 else None

    def copy(self, log: ChangeLog) -> Latest:
        twin = Latest(log)
        twin._place = self._place
        return twin


class PerHost(Generic[T]):
    """A fact for each host for which there is one, computed again where the host changed.

    A host of which the outline says that `need` is beyond it has none, and is not asked.
    """

    def __init__(
        self,
        hosts: list[Host],
        log: ChangeLog,
        compute: Callable[[Host], T | None],
        need: Resources,
        outline: Callable[[Host], Outline],
    ) -> None:
        self._hosts, self._latest, self._compute, self._need = hosts, Latest(log), compute, need
        self._outline = outline
        self.facts: dict[int, T] = {}

    def take_over(self, other: PerHost[T], log: ChangeLog) -> None:
        """Know what the other knows, of hosts that are the same and a log that is a copy of its own."""
        self.facts, self._latest = other.facts.copy(), other._latest.copy(log)

    def current(self) -> dict[int, T]:
        if self._latest.is_so():
            return self.facts
        changed: Iterable[int] | None = self._latest.changed()
        if changed is None:
            self.facts.clear()
            changed = range(len(self._hosts))
        need, outline, compute = self._need, self._outline, self._compute
        for index in changed:
            host = self._hosts[index]
            fact = None if is_beyond(need, outline(host)) else compute(host)
            if fact is None:
                self.facts.pop(index, None)
            else:
                self.facts[index] = fact
        return self.facts


class ShapeWatch:
    """Where the shape fits now and how well, how many replicas fit, and where it could fit later and when."""

    def __init__(self, shape: Shape, hosts: list[Host], log: ChangeLog, packer: Packer) -> None:
        self.shape, self.packer = shape, packer
        need = shape.resources
        self.fitting: PerHost[tuple[Score, int]] = PerHost(hosts, log, self._fit, need, Host.outline)
        self.later: PerHost[tuple[tuple[int, int], ...]] = PerHost(hosts, log, self._later, need, Host.last_outline)

    def copy(self, hosts: list[Host], log: ChangeLog) -> ShapeWatch:
        twin = ShapeWatch(self.shape, hosts, log, self.packer)
        twin.fitting.take_over(self.fitting, log)
        twin.later.take_over(self.later, log)
        return twin

    def _fit(self, host: Host) -> tuple[Score, int] | None:
        count = replicas_in(self.shape, host.free, host)
        if not count or not admits(host.node, self.shape):
            return None
        return self.packer.score(self.shape, host.free, host), count

    def _later(self, host: Host) -> tuple[tuple[int, int], ...] | None:
        """(instant, replicas) each time that more of them fit, up to as many as are wanted. 0 stands for now."""
        if not admits(host.node, self.shape):
            return None
        best = replicas_in(self.shape, host.free, host)
        steps = [(0, best)] if best else []
        if best >= self.shape.replicas:
            return tuple(steps)
        for instant, room in host.unfolding():
            count = replicas_in(self.shape, room, host)
            if count > best:
                best = count
                steps.append((instant, count))
                if best >= self.shape.replicas:
                    break
        return tuple(steps) or None
