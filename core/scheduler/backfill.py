"""Promises to blocked heads, and the window that they leave to those behind.

A projection ends jobs at their time limit and never ends a service. Whoever is started behind a promise has to
fit into what is free at every instant from now to its own end, with every promised place taken out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from core.scheduler.board import Board
from core.scheduler.capacity import END_OF_TIME, Host, Room
from core.scheduler.placement import DeviceChoice, Shape, admits, claim_in, least_left, replicas_in
from core.scheduler.values import Claim
from core.scheduler.watch import ShapeWatch


@dataclass(frozen=True, slots=True)
class Promise:
    id: str
    at: int
    until: int | None
    claims: tuple[Claim, ...]


class Promises:
    """The promised starts of one pass, and what is free beside them."""

    def __init__(self, board: Board, now: int) -> None:
        self._board, self._now = board, now
        self.made: list[Promise] = []
        self.on_host: dict[int, list[tuple[int, int | None, list[Claim]]]] = {}
        self._rooms: dict[tuple[int, int], Room] = {}
        self._rooms_at = -1

    def add(self, promise: Promise) -> None:
        self.made.append(promise)
        for host, claims in self._board.claims_by_host(promise.claims):
            self.on_host.setdefault(host.index, []).append((promise.at, promise.until, claims))
            self.on_host[host.index].sort(key=lambda p: p[0])
        self._rooms.clear()

    def reached(self, until: int | None) -> int:
        """How many promises start before then."""
        return len(self.made) if until is None else sum(promise.at < until for promise in self.made)

    def room(self, host: Host, until: int | None) -> Room:
        """What is free on the host from now to `until` (None: for ever) without touching a promise."""
        kept = self.on_host.get(host.index)
        if kept is None:
            return host.free
        if self._rooms_at != self._board.log.end:
            self._rooms.clear()
            self._rooms_at = self._board.log.end
        reached = sum(1 for at, _, _ in kept if until is None or at < until)
        room = self._rooms.get((host.index, reached))
        if room is None:
            room = self._rooms[host.index, reached] = self._window(host, self._now, until)
        return room

    def next_start(self, watch: ShapeWatch, limit_ms: int | None) -> tuple[int, tuple[Claim, ...]] | None:
        """The first instant at which the whole shape fits for its whole time, and where; None if none is in sight."""
        later = watch.later.current()
        kept = [self._board.hosts[i] for i in self.on_host if admits(self._board.hosts[i].node, watch.shape)]
        if watch.shape.replicas == 1:
            return self._single_start(watch.shape, limit_ms, later, kept)
        steps = {i: s for i, s in later.items() if i not in self.on_host}
        room_for, together = dict[int, int](), 0
        for at, changes in groupby(self._most_over_time(watch.shape, steps, kept), key=itemgetter(0)):
            for _, index, count in changes:
                together += count - room_for.get(index, 0)
                room_for[index] = count
            if together >= watch.shape.replicas:
                found = self._gang_at(watch.shape, limit_ms, at, steps, kept)
                if found is not None:
                    return at, found
        return None

    def _most_over_time(
        self, shape: Shape, steps: dict[int, tuple[tuple[int, int], ...]], kept: list[Host]
    ) -> list[tuple[int, int, int]]:
        """(instant, host, replicas) whenever that may change: what the host holds at most from then on."""
        first = self._now + 1
        most = [(max(at, first), index, count) for index, known in steps.items() for at, count in known]
        for host in kept:
            most += [(at, host.index, replicas_in(shape, self._free(host, at), host)) for at in self._instants(host)]
        return sorted(most)

    def _single_start(
        self, shape: Shape, limit_ms: int | None, later: dict[int, tuple[tuple[int, int], ...]], kept: list[Host]
    ) -> tuple[int, tuple[Claim, ...]] | None:
        best = self._soonest(later)
        for host in kept:
            for at in self._instants(host):
                if best is not None and (at, host.index) >= best:
                    break
                if replicas_in(shape, self._window(host, at, _until(at, limit_ms)), host):
                    best = (at, host.index)
                    break
        if best is None:
            return None
        host = self._board.hosts[best[1]]
        claim = claim_in(shape, self._window(host, best[0], _until(best[0], limit_ms)), host)
        assert claim is not None
        return best[0], (claim,)

    def _soonest(self, later: dict[int, tuple[tuple[int, int], ...]]) -> tuple[int, int] | None:
        """The first instant of all, and of the hosts of that instant the first; those with a promise left out.

        Asked over all hosts for each promise, so nothing is made of those that are later.
        """
        first, reserved = self._now + 1, self.on_host
        best, place = END_OF_TIME, -1
        for index, steps in later.items():
            at = steps[0][0]
            if at > best or index in reserved:
                continue
            at = max(at, first)
            if at < best or index < place:
                best, place = at, index
        return None if place < 0 else (best, place)

    def _gang_at(
        self,
        shape: Shape,
        limit_ms: int | None,
        at: int,
        steps: dict[int, tuple[tuple[int, int], ...]],
        kept: list[Host],
    ) -> tuple[Claim, ...] | None:
        counts = [(max((n for t, n in s if t <= at), default=0), self._board.hosts[i]) for i, s in steps.items()]
        until = _until(at, limit_ms)
        counts += [(replicas_in(shape, self._window(host, at, until), host), host) for host in kept]
        if sum(count for count, _ in counts) < shape.replicas:
            return None
        places = sorted((-count, host.index) for count, host in counts if count)
        rooms = [(self._board.hosts[i], self._window(self._board.hosts[i], at, until)) for _, i in places]
        return fill(shape, rooms)

    def _instants(self, host: Host) -> list[int]:
        """When the free amount on the host can grow: somebody ends, or a promised one does."""
        first = self._now + 1
        instants = {first, *host.ends_after(self._now)}
        instants.update(until for _, until, _ in self.on_host.get(host.index, ()) if until is not None)
        return sorted(instants)

    def _window(self, host: Host, start: int, until: int | None) -> Room:
        room = self._free(host, start)
        for at, _, _ in self.on_host.get(host.index, ()):
            if at > start and (until is None or at < until):
                room.lower_to(self._free(host, at))
        return room

    def _free(self, host: Host, instant: int) -> Room:
        room = host.free.copy() if instant <= self._now else host.free_at(instant)
        for at, until, claims in self.on_host.get(host.index, ()):
            if at <= instant and (until is None or instant < until):
                for claim in claims:
                    room.take(claim)
        return room


def fill(shape: Shape, rooms: list[tuple[Host, Room]], device: DeviceChoice = least_left) -> tuple[Claim, ...] | None:
    """Claims for all replicas, filling the rooms in the order given, or one by one in turn for a shape that spreads."""
    claims: list[Claim] = []
    left = [(host, room.copy()) for host, room in rooms]
    while left and len(claims) < shape.replicas:
        still: list[tuple[Host, Room]] = []
        for host, room in left:
            while len(claims) < shape.replicas:
                claim = claim_in(shape, room, host, device)
                if claim is None:
                    break
                room.take(claim)
                claims.append(claim)
                if shape.spread:
                    still.append((host, room))
                    break
        left = still
    return tuple(claims) if len(claims) == shape.replicas else None


def _until(at: int, limit_ms: int | None) -> int | None:
    return None if limit_ms is None else at + limit_ms * 1000
