"""Why each waiting deployment waits: all blockers at once, with the numbers that would have to change.

The reasons are read from the very pass that decides: it is run, and while all that it tried is still on the
board, whoever was left over is asked again. Nothing of another org is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from core.domain.resources import Resources
from core.scheduler.advice import fewer_gpus, higher_priority, shorter_limit
from core.scheduler.board import Board
from core.scheduler.capacity import Host, Room
from core.scheduler.cycle import Pass
from core.scheduler.decisions import Blocker, Code
from core.scheduler.ordering import Closed
from core.scheduler.placement import Shape, admits, could_hold, places_on, replicas_in
from core.scheduler.policy import Policy
from core.scheduler.quota import shortfalls
from core.scheduler.values import WHOLE, Waiting

ANOTHER_ORG = "another org"
OUTSIDE = "use outside Bursar"
AHEAD_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Explanation:
    """`position` counts from 1; None while it does not stand in the queue. `starts` when the next pass starts it."""

    id: str
    board_version: int
    position: int | None
    starts: bool
    blockers: tuple[Blocker, ...]
    promised_at: int | None = None


def explain(board: Board, policy: Policy, now: int, ids: Iterable[str] | None = None) -> dict[str, Explanation]:
    """Explanations for these waiting ones, or for all, from one and the same pass."""
    wanted = sorted(board.waiting) if ids is None else list(ids)
    with board.trial():
        made = Pass(board, policy, now)
        made.run()
        return {i: _explained(made, board.waiting[i]) for i in wanted}


def _explained(made: Pass, item: Waiting) -> Explanation:
    board, starts = made.board, item.id in made.board.holdings
    queued = not item.is_held_back and (item.not_before is None or item.not_before <= made.now)
    ahead = board.queue(made.policy).ahead_of(item, made.now)
    promised = next((p.at for p in made.promises.made if p.id == item.id), None)
    return Explanation(
        id=item.id,
        board_version=board.version,
        position=ahead + 1 if queued else None,
        starts=starts,
        blockers=() if starts else tuple(_blockers(made, item, ahead)),
        promised_at=promised,
    )


def _blockers(made: Pass, item: Waiting, ahead: int) -> Iterator[Blocker]:
    if item.id in made.board.pins:
        yield _leaving(made, item)
        return
    found = [*_held_back(made, item), *_over_quota(made, item), *_no_place(made, item)]
    yield from found
    if any(b.code in (Code.IMPOSSIBLE, Code.NODES_AWAY) for b in found):
        return
    if ahead and found:  # once the rest is cleared, they would still be served first
        yield _ahead(made, item, ahead)
    elif not found:
        yield Blocker(Code.DEPTH, have=ahead, unit="deployments", detail="further back than a pass looks")


def _leaving(made: Pass, item: Waiting) -> Blocker:
    board = made.board
    victims = [board.holdings[i] for i in sorted(board.leaving.get(item.id, ()))]
    return Blocker(
        Code.PREEMPTING,
        have=len(victims),
        need=0,
        unit="deployments",
        holders=_named(((v.id, v.org) for v in victims), item.org),
        earliest=max((v.ending_by for v in victims if v.ending_by is not None), default=made.now),
        detail="its place is kept; those preempted for it are still leaving",
    )


def _held_back(made: Pass, item: Waiting) -> Iterator[Blocker]:
    for gate in item.gates:
        yield Blocker(Code.GATE, gate.need, gate.have, gate.unit, detail=gate.code, suggestion=gate.suggestion)
    for dependency in item.after:
        if not dependency.is_met:
            wish = "has to succeed first" if dependency.needs_success else "has to end first"
            doomed = "it failed, so this one can never start" if dependency.is_doomed else wish
            holding = made.board.holdings.get(dependency.id)
            ends_at = None if holding is None else holding.ends_at
            yield Blocker(Code.DEPENDENCY, holders=(dependency.id,), earliest=ends_at, detail=doomed)
    if item.not_before is not None and item.not_before > made.now:
        yield Blocker(Code.NOT_BEFORE, earliest=item.not_before, detail="its own start time lies ahead")


def _over_quota(made: Pass, item: Waiting) -> Iterator[Blocker]:
    board = made.board
    for short in shortfalls(board, made.policy.quotas, item):
        mine = [
            h
            for h in board.holdings.values()
            if h.org == item.org and (short.member is None or h.member == short.member)
        ]
        ends = sorted(h.ends_at for h in mine if h.ends_at is not None)
        yield Blocker(
            Code.QUOTA_ORG if short.member is None else Code.QUOTA_MEMBER,
            need=short.need,
            have=short.have,
            unit=short.unit,
            holders=tuple(sorted(h.id for h in mine)),
            earliest=max(ends[0], made.now + 1) if ends else None,
            detail="of the org at once" if short.member is None else "of the member at once",
            suggestion="stop one of them, or ask an admin for a higher limit",
        )


def _no_place(made: Pass, item: Waiting) -> Iterator[Blocker]:
    """Why no place was found, if none is there; nothing when one is."""
    board, shape = made.board, Shape.of(item)
    could = [host for host in board.hosts if could_hold(host.node, shape)]
    if sum(places_on(host.node, shape) for host in could) < shape.replicas:
        yield Blocker(
            Code.IMPOSSIBLE, detail="the cluster could not hold it even when empty", suggestion="ask for less"
        )
        return
    hosts = [host for host in could if admits(host.node, shape)]
    places = sum(places_on(host.node, shape) for host in hosts)
    if places < shape.replicas:
        away = [host.node for host in could if host not in hosts]
        names = ", ".join(f"{node.name} is {node.state.value}" for node in away[:AHEAD_SHOWN])
        yield Blocker(Code.NODES_AWAY, shape.replicas, places, "replicas", detail=names)
        return
    klass = board.class_of(item)
    if made.place(klass) is not None:
        return
    free = sum(replicas_in(shape, host.free, host) for host in hosts)
    found = made.promises.next_start(board.watch(shape, made.policy), item.limit_ms)
    earliest = next((p.at for p in made.promises.made if p.id == item.id), None if found is None else found[0])
    if free >= shape.replicas:
        first = min(made.promises.made, key=lambda p: (p.at, p.id))
        yield Blocker(
            Code.PROMISED,
            holders=_named(((p.id, board.waiting[p.id].org) for p in made.promises.made), item.org),
            earliest=earliest,
            detail="it would fit now, but delay a start that is promised",
            suggestion=shorter_limit(made, item, first.at),
        )
        return
    yield from _short_of(made, item, hosts, free, earliest)
    if earliest is None:
        yield Blocker(Code.NO_FORESEEABLE_START, detail="those who hold the capacity have no end")


def _short_of(made: Pass, item: Waiting, hosts: list[Host], free: int, earliest: int | None) -> Iterator[Blocker]:
    """What is missing on the hosts that are nearest to holding it, dimension by dimension."""
    shape = Shape.of(item)
    nearest = _nearest(shape, hosts)
    holders = _holders(made.board, nearest, item.org)
    advice = fewer_gpus(made, item) or higher_priority(made, item)
    if shape.replicas > 1:
        detail = f"{shape.replicas} replicas at once, room for {free}"
        yield Blocker(Code.CAPACITY, shape.replicas, free, "replicas", holders, earliest, detail, advice)
        return
    (host,) = nearest
    together = Resources(
        sum(max(0, h.free.cpu) for h in hosts),
        sum(max(0, h.free.ram) for h in hosts),
        sum(sum(max(0, h.free.gpus[i]) for i in h.devices_for(shape.gpu_models)) for h in hosts),
        sum(max(0, h.free.disk) for h in hosts),
    )
    for unit, need, have in _dimensions(shape, host.free, host):
        if need > have:
            split = getattr(together, unit) >= need
            code = Code.FRAGMENTED if split else Code.CAPACITY
            detail = "free, but not together" if split else f"on {host.node.name}, where most is free"
            yield Blocker(code, need, have, unit, holders, earliest, detail, advice)


def _dimensions(shape: Shape, room: Room, host: Host) -> list[tuple[str, int, int]]:
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


def _nearest(shape: Shape, hosts: list[Host]) -> list[Host]:
    """The hosts that would need the least more: one, or for a gang as many as could hold it together."""

    def missing(host: Host) -> tuple[float, int]:
        parts = [(need - have) / need for _, need, have in _dimensions(shape, host.free, host) if need > have]
        return sum(parts) - replicas_in(shape, host.free, host), host.index

    def capacity(host: Host) -> int:
        return replicas_in(shape, host.room_if(lambda _: False, frozenset(host.pins)), host)

    chosen: list[Host] = []
    places = 0
    ranked = sorted(hosts, key=missing)
    for host in [h for h in ranked if capacity(h)] or ranked[:1]:
        chosen.append(host)
        places += capacity(host)
        if places >= shape.replicas:
            break
    return chosen


def _holders(board: Board, hosts: list[Host], org: str) -> tuple[str, ...]:
    held = {h.id: h.org for host in hosts for h in host.by_id.values()}
    held |= {i: board.waiting[i].org for host in hosts for i in host.pins if i in board.waiting}
    outside = (OUTSIDE,) if any(host.foreign is not None for host in hosts) else ()
    return _named(held.items(), org) + outside


def _ahead(made: Pass, item: Waiting, ahead: int) -> Blocker:
    queue = made.board.queue(made.policy)
    first = [other for other, _ in islice(queue.walk(made.now, Closed()), min(ahead, AHEAD_SHOWN))]
    return Blocker(
        Code.AHEAD,
        need=0,
        have=ahead,
        unit="deployments",
        holders=_named(((o.id, o.org) for o in first), item.org),
        detail="others are before it in the queue",
    )


def _named(holders: Iterable[tuple[str, str]], org: str) -> tuple[str, ...]:
    """Ids of the own org; all others together are only "another org"."""
    known = list(holders)
    own = sorted(i for i, owner in known if owner == org)
    return (*own, ANOTHER_ORG) if any(owner != org for _, owner in known) else tuple(own)
