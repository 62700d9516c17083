"""Why each waiting deployment waits: all blockers at once, with the numbers that would have to change.

The reasons are read from the very pass that decides: it is run, and while all that it tried is still on the
board, whoever was left over is asked again. Nothing of another org is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from core.domain.errors import Invalid
from core.scheduler.advice import counted, elsewhere, higher_priority, patience, said, shorter_limit, to_start
from core.scheduler.board import Board
from core.scheduler.capacity import Host
from core.scheduler.cycle import Pass
from core.scheduler.decisions import Blocker, Code
from core.scheduler.fairshare import penalties
from core.scheduler.ordering import Class, Closed
from core.scheduler.placement import Shape, admits, refuse_impossible, replicas_in
from core.scheduler.policy import Policy
from core.scheduler.quota import Shortfall, shortfalls
from core.scheduler.reach import Reach, dimensions
from core.scheduler.values import WHOLE, Holding, Waiting

ANOTHER_ORG = "another org"
OUTSIDE = "use outside Bursar"
SHOWN = 5  # of a list of others
LOOKED_AT = 200  # of those before it, whether they want the same room; all further ones count as if they did


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
        teller = Teller(made)
        return {i: teller.explained(board.waiting[i]) for i in wanted}


def first_in_queue(board: Board, policy: Policy, now: int, most: int) -> list[str]:
    """Ids of those who stand first, in order."""
    return [item.id for item, _ in islice(board.queue(policy).walk(now, Closed()), most)]


def not_yet_in_queue(board: Board, now: int, org: str, most: int) -> list[str]:
    """Ids of those of an org that something else than capacity keeps from standing in the queue."""
    return list(islice((i for i, item in board.waiting.items() if item.org == org and not _stands(item, now)), most))


def _stands(item: Waiting, now: int) -> bool:
    return not item.is_held_back and (item.not_before is None or item.not_before <= now)


class Teller:
    """Asks a pass about those it left waiting. What is the same for many of them is found out once."""

    def __init__(self, made: Pass) -> None:
        self._made, self._board, self._now = made, made.board, made.now
        self._reaches: dict[Shape, Reach] = {}
        self._helps: dict[Class, str] = {}
        self._rivalries: dict[tuple[Shape, Shape], bool] = {}
        self._promised = {promise.id: promise.at for promise in made.promises.made}

    @cached_property
    def _first(self) -> list[Waiting]:
        return [self._board.waiting[i] for i in first_in_queue(self._board, self._made.policy, self._now, LOOKED_AT)]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {item.id: place for place, item in enumerate(self._first)}

    @cached_property
    def _fallen_back(self) -> dict[tuple[str, str], float]:
        share = self._made.policy.fair_share
        return {} if share is None else penalties(self._board.facts, share, self._now)

    def explained(self, item: Waiting) -> Explanation:
        starts = item.id in self._board.holdings
        ahead = self._places.get(item.id)
        if ahead is None:
            ahead = self._board.queue(self._made.policy).ahead_of(item, self._now)
        return Explanation(
            id=item.id,
            board_version=self._board.version,
            position=ahead + 1 if _stands(item, self._now) else None,
            starts=starts,
            blockers=() if starts else tuple(self._blockers(item, ahead)),
            promised_at=self._promised.get(item.id),
        )

    def _blockers(self, item: Waiting, ahead: int) -> Iterator[Blocker]:
        if item.id in self._board.pins:
            yield self._leaving(item)
            return
        kept = [*self._held_back(item), *self._over_quota(item)]
        found = [*kept, *self._no_place(item, advises=not kept)]
        yield from found
        if any(b.code in (Code.IMPOSSIBLE, Code.NODES_AWAY) for b in found):
            return
        if found:
            yield from self._ahead(item, ahead)
        else:
            yield Blocker(Code.DEPTH, have=ahead, unit="deployments", detail="further back than a pass looks")

    def _leaving(self, item: Waiting) -> Blocker:
        victims = [self._board.holdings[i] for i in sorted(self._board.leaving.get(item.id, ()))]
        return Blocker(
            Code.PREEMPTING,
            have=len(victims),
            need=0,
            unit="deployments",
            holders=_named(((v.id, v.org) for v in victims), item.org),
            earliest=max((v.ending_by for v in victims if v.ending_by is not None), default=self._now),
            detail="its place is kept; those preempted for it are still leaving",
        )

    # -- what keeps it out of the queue, or beyond its limits -------------------------------------------------

    def _held_back(self, item: Waiting) -> Iterator[Blocker]:
        for gate in item.gates:
            yield Blocker(Code.GATE, gate.need, gate.have, gate.unit, detail=gate.code, suggestion=gate.suggestion)
        for dependency in item.after:
            if dependency.is_met:
                continue
            holding = self._board.holdings.get(dependency.id)
            detail = "has to succeed first" if dependency.needs_success else "has to end first"
            if dependency.is_doomed:
                detail = "it failed, so this one can never start"
            elif dependency.id in self._board.waiting:
                detail += ", and waits itself"
            ends_at = None if holding is None else holding.ends_at
            yield Blocker(Code.DEPENDENCY, holders=(dependency.id,), earliest=ends_at, detail=detail)
        if item.not_before is not None and item.not_before > self._now:
            yield Blocker(Code.NOT_BEFORE, earliest=item.not_before, detail="tried again after a pause")

    def _over_quota(self, item: Waiting) -> Iterator[Blocker]:
        for short in shortfalls(self._board, self._made.policy.quotas, item):
            of_org = short.member is None
            mine = [h for h in self._board.holdings.values() if h.org == item.org]
            mine = [h for h in mine if of_org or h.member == short.member]
            suggestion = "stop one of them, or ask an admin for a higher limit"
            if short.need - short.held > short.have:  # by itself it is too much, whoever stops
                allowed = f"ask for {counted(short.unit, short.have)} at most, or " if short.have else ""
                suggestion = f"{allowed}ask an admin for a higher limit"
            yield Blocker(
                Code.QUOTA_ORG if of_org else Code.QUOTA_MEMBER,
                need=short.need,
                have=short.have,
                unit=short.unit,
                holders=tuple(sorted(h.id for h in mine)),
                earliest=self._leaves_enough_at(short, mine),
                detail="the organization's limit at once" if of_org else "the member's limit at once",
                suggestion=suggestion,
            )

    def _leaves_enough_at(self, short: Shortfall, mine: list[Holding]) -> int | None:
        """When so many of them have ended that it is within the limit; None if that is not in sight."""
        over = short.need - short.have
        for end, holding in sorted(((h.ends_at, h) for h in mine if h.ends_at is not None), key=lambda eh: eh[0]):
            over -= 1 if short.unit == "deployments" else getattr(self._board.totals[holding.id], short.unit)
            if over <= 0:
                return max(end, self._now + 1)
        return None

    # -- what keeps it from a place ---------------------------------------------------------------------------

    def _no_place(self, item: Waiting, *, advises: bool) -> Iterator[Blocker]:
        """Why no place was found, if none is there; nothing when one is."""
        board, made, shape = self._board, self._made, Shape.of(item)
        reach = self._reach(shape)
        if reach.is_impossible:
            yield self._impossible(item)
            return
        if reach.places < shape.replicas:
            yield self._away(item, reach, advises)
            return
        if made.place(board.class_of(item)) is not None:
            return
        found = made.promises.next_start(board.watch(shape, made.policy), item.limit_ms)
        earliest = self._promised.get(item.id, None if found is None else found[0])
        if reach.free >= shape.replicas:
            first = min(made.promises.made, key=lambda p: (p.at, p.id))
            shorter = shorter_limit(made, item, first.at) if advises else None
            yield Blocker(
                Code.PROMISED,
                holders=_named(((p.id, board.waiting[p.id].org) for p in made.promises.made), item.org),
                earliest=earliest,
                detail="it would fit now, but delay a start that is promised",
                suggestion=said([shorter] if shorter else []),
            )
            return
        helps, sooner = self._what_helps(item, reach) if advises else ("", None)
        if sooner is not None and (earliest is None or sooner < earliest):
            earliest = sooner
        yield from self._short_of(item, reach, earliest, helps)
        if earliest is None:
            yield Blocker(Code.NO_FORESEEABLE_START, detail="those who hold the capacity have no end")

    def _impossible(self, item: Waiting) -> Blocker:
        try:
            refuse_impossible((host.node for host in self._board.hosts), item)
        except Invalid as refused:  # in the words in which it would be refused today
            return Blocker(Code.IMPOSSIBLE, detail=refused.message, suggestion=refused.hint or "")
        raise AssertionError("what no node could hold is refused")

    def _away(self, item: Waiting, reach: Reach, advises: bool) -> Blocker:
        names = ", ".join(f"{host.node.name} is {host.node.state.value}" for host in reach.away[:SHOWN])
        more = len(reach.away) - SHOWN
        detail = f"nodes that could hold it take nothing new: {names}" + (f" and {more} more" if more > 0 else "")
        other = elsewhere(self._made, item) if advises else None
        words = said([other] if other else [])
        words = words or f"whoever looks after the cluster has to bring {'it' if len(reach.away) == 1 else 'them'} back"
        if item.replicas == 1:
            return Blocker(Code.NODES_AWAY, detail=detail, suggestion=words)
        return Blocker(Code.NODES_AWAY, item.replicas, reach.places, "replicas", detail=detail, suggestion=words)

    def _what_helps(self, item: Waiting, reach: Reach) -> tuple[str, int | None]:
        """What to change, in words, and when its priority alone will help, where that is known."""
        klass, sooner = self._board.class_of(item), None
        if klass not in self._helps:
            self._helps[klass] = said(to_start(self._made, item, reach.hosts, reach.nearest[0]))
        helps = self._helps[klass]
        if next(iter(self._promised), item.id) == item.id:  # nobody behind a promise evicts
            waits, sooner = patience(self._made, item)
            helps = helps or waits
        if not helps:
            raised = higher_priority(self._made, item)
            helps = raised.words if raised else ""
        return helps, sooner

    def _short_of(self, item: Waiting, reach: Reach, earliest: int | None, advice: str) -> Iterator[Blocker]:
        """What is missing on the hosts that are nearest to holding it, dimension by dimension."""
        shape = reach.shape
        holders = _holders(self._board, reach.nearest, item.org)
        idle = [host.node for host in reach.away if replicas_in(shape, host.free, host)][:SHOWN]
        aside = "".join(f"; {node.name} has room, but is {node.state.value}" for node in idle)
        if shape.replicas > 1:
            detail = f"there is no room for all replicas at once{aside}"
            yield Blocker(Code.CAPACITY, shape.replicas, reach.free, "replicas", holders, earliest, detail, advice)
            return
        (host,) = reach.nearest
        for unit, need, have in dimensions(shape, host.free, host):
            if need <= have:
                continue
            total = getattr(reach.together, unit)
            code = Code.FRAGMENTED if total >= need else Code.CAPACITY
            detail = _scattered(unit, need, total, host) if total >= need else _too_little(reach, host)
            yield Blocker(code, need, have, unit, holders, earliest, detail + aside, advice)
            advice = aside = ""  # once is enough

    def _ahead(self, item: Waiting, ahead: int) -> Iterator[Blocker]:
        """Once the rest is cleared, those before it who want the same room would still be served first."""
        seen = self._first[:ahead]
        rivals = [other for other in seen if self._are_rivals(item, other)]
        further = ahead - len(seen)
        if not rivals and not further:
            return
        points = self._fallen_back.get((item.org, item.member), 0.0)
        back = f"; past use takes {points:.0f} points off its priority" if points >= 1 else ""
        yield Blocker(
            Code.AHEAD,
            need=0,
            have=len(rivals) + further,
            unit="deployments",
            holders=_named(((other.id, other.org) for other in rivals[:SHOWN]), item.org),
            detail=f"others are before it in the queue{back}",
        )

    def _are_rivals(self, item: Waiting, other: Waiting) -> bool:
        """Whether the other may take what it needs: a node that both could use, or their organization's limits."""
        if other.org == item.org and self._made.policy.quotas.are_any:
            return True
        shape, theirs = Shape.of(item), Shape.of(other)
        found = self._rivalries.get((shape, theirs))
        if found is None:
            found = any(admits(host.node, theirs) for host in self._reach(shape).hosts)
            self._rivalries[shape, theirs] = found
        return found

    def _reach(self, shape: Shape) -> Reach:
        found = self._reaches.get(shape)
        if found is None:
            found = self._reaches[shape] = Reach(self._board, shape)
        return found


def _scattered(unit: str, need: int, total: int, host: Host) -> str:
    whole = "in one device" if unit == "gpu_milli" and need <= WHOLE else "on one node"
    return f"{counted(unit, total)} free in all, but not {whole}; {host.node.name} comes nearest"


def _too_little(reach: Reach, host: Host) -> str:
    asked = ", ".join((*sorted(reach.shape.gpu_models), *sorted(reach.shape.labels)))
    with_these = f" with {asked}" if asked else ""
    if len(reach.hosts) > 1:
        return f"no node{with_these} has enough free; {host.node.name} comes nearest"
    only = "only node in service" if reach.away else "only node"
    return f"{host.node.name}, the {only}{with_these or ' that could hold it'}, has too little free"


def _holders(board: Board, hosts: list[Host], org: str) -> tuple[str, ...]:
    held = {h.id: h.org for host in hosts for h in host.by_id.values()}
    held |= {i: board.waiting[i].org for host in hosts for i in host.pins if i in board.waiting}
    outside = (OUTSIDE,) if any(host.foreign is not None for host in hosts) else ()
    return _named(held.items(), org) + outside


def _named(holders: Iterable[tuple[str, str]], org: str) -> tuple[str, ...]:
    """Ids of the own org; all others together are only "another org"."""
    known = list(holders)
    own = sorted(i for i, owner in known if owner == org)
    return (*own, ANOTHER_ORG) if any(owner != org for _, owner in known) else tuple(own)
