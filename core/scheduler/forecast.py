"""What will start when: the same plan, run forward over time on a copy of the board.

Two futures are played: one in which everybody uses the whole time limit (P90), one in which they use the share of
it that is usual (P50). Nobody new arrives in either; how far that is from what comes is learned in `estimates.py`.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from core.domain.kinds import Kind
from core.scheduler.board import Board
from core.scheduler.cycle import plan
from core.scheduler.estimates import Estimate
from core.scheduler.policy import DAY_MS, Policy
from core.scheduler.preemption import next_to_ripen
from core.scheduler.twins import twin_of
from core.scheduler.values import Claim, Holding, Pin, Waiting

HORIZON_MS = 7 * DAY_MS
USUAL_SHARE = 0.5  # of its limit that a job really runs, until an installation knows its own


@dataclass(frozen=True, slots=True)
class Bar:
    """One stretch on a chart of the future. `until` is None for what has no end; `starts` is False for what runs."""

    id: str
    since: int
    until: int | None
    claims: tuple[Claim, ...]
    starts: bool


@dataclass(frozen=True, slots=True)
class Forecast:
    """The future is played up to `seen_until`: whoever has no estimate, or no bar, starts no sooner than that."""

    board_version: int
    made_at: int
    seen_until: int
    estimates: dict[str, Estimate]


@dataclass(frozen=True, slots=True)
class Chart:
    board_version: int
    made_at: int
    seen_until: int
    bars: tuple[Bar, ...]


def forecast(
    board: Board,
    policy: Policy,
    now: int,
    *,
    only: Collection[str] | None = None,
    usual_share: float = USUAL_SHARE,
    horizon_ms: int = HORIZON_MS,
    most_work: int | None = None,
) -> Forecast:
    """When those of `only` will start, or all. A bound makes it say less, never anything else."""
    wanted = frozenset(board.waiting if only is None else only)
    horizon, each = now + horizon_ms * 1000, None if most_work is None else most_work // 2
    late = Future(twin_of(board), policy, now, share=1.0).play(horizon, each, wanted)
    soon = Future(twin_of(board), policy, now, share=usual_share).play(horizon, each, wanted)
    estimates = {one: estimate_of(one, soon, late) for one in sorted(wanted)}
    return Forecast(board.version, now, min(soon.seen_until, late.seen_until), estimates)


def chart(board: Board, policy: Policy, now: int, *, most_work: int | None = None) -> Chart:
    """The future in which everybody uses the whole time limit, as bars."""
    late = Future(twin_of(board), policy, now, share=1.0).play(now + HORIZON_MS * 1000, most_work)
    return Chart(board.version, now, late.seen_until, tuple(late.bars()))


def estimate_of(waiting_id: str, soon: Future, late: Future) -> Estimate:
    """Shorter runs can, rarely, make one start later: the sooner of both is P50 and the later P90, as far as known."""
    first, second = soon.started.get(waiting_id), late.started.get(waiting_id)
    if first is not None and second is not None:
        return Estimate(min(first, second), max(first, second))
    known, unknown = (first, late) if second is None else (second, soon)
    return Estimate(known if known is not None and known <= unknown.seen_until else None, None)


class Future:
    """A board that is played forward. It owns the board it is given."""

    def __init__(self, board: Board, policy: Policy, now: int, *, share: float) -> None:
        whole = replace(policy.preemption, heads_per_pass=None)  # passes that follow at once are one pass here
        self._board, self._policy, self._share = board, replace(policy, preemption=whole), share
        self._now = self._began = now
        self._ends: list[tuple[int, str]] = []
        self._end_of: dict[str, int] = {}
        self._known: dict[str, Waiting] = dict(board.waiting)
        self._timed = sorted(w.not_before for w in board.waiting.values() if w.not_before is not None)
        self._after: dict[str, list[str]] = {}
        for item in board.waiting.values():
            for dependency in item.after:
                self._after.setdefault(dependency.id, []).append(item.id)
        self._past: list[Bar] = []
        self._first_ids = frozenset(board.holdings)
        self.started: dict[str, int] = {}
        self.seen_until = now  # what starts before then is in `started`
        for holding in board.holdings.values():
            self._note_end(holding)

    def play(self, horizon: int, most_work: int | None = None, wanted: AbstractSet[str] | None = None) -> Future:
        """Until all that are wanted have started, or the work is too much. Work counts what its passes looked at."""
        work = 0
        while True:
            work += self._one_pass()
            coming = min(self._next_instants(), default=None)
            if coming is None or coming > horizon or not self._board.waiting:
                self.seen_until = horizon
                return self
            self.seen_until = coming
            if (wanted is not None and wanted <= self.started.keys()) or (most_work is not None and work >= most_work):
                return self
            self._now = coming
            self._let_end()

    def bars(self) -> Iterator[Bar]:
        yield from self._past
        for holding in self._board.holdings.values():
            yield self._bar(holding, holding.ends_at)

    def _one_pass(self) -> int:
        """How much it looked at."""
        board = self._board
        work = len(board.classes_of) + len(board.pins)
        made = plan(board, self._policy, self._now)
        for doom in made.dooms:
            board.remove_waiting(doom.id)
        for unpin in made.unpins:
            board.unpin(unpin.id)
        for start in made.starts:
            holding = board.waiting[start.id].seated(start.claims, self._now)
            board.started(holding)
            self._note_end(holding)
            self.started.setdefault(start.id, self._now)
        for preempt in made.preempts:
            for victim in preempt.victims:
                holding = replace(board.holdings[victim], ending_by=preempt.grace_until, pinned_for=preempt.for_id)
                board.change_holding(holding)
                self._note_end(holding)
            board.pin(Pin(preempt.for_id, preempt.claims, preempt.pin_until))
        return work + made.looked_at

    def _note_end(self, holding: Holding) -> None:
        end = holding.ends_at
        if end is None:
            return
        if holding.ending_by is None and holding.limit_ms is not None:
            usual = holding.started_at + round(holding.limit_ms * 1000 * self._share)
            end = usual if usual > self._now else (self._now + max(end, self._now)) // 2
        self._end_of[holding.id] = max(end, self._now + 1)
        heapq.heappush(self._ends, (self._end_of[holding.id], holding.id))

    def _next_instants(self) -> Iterator[int]:
        while self._ends and self._end_of.get(self._ends[0][1]) != self._ends[0][0]:
            heapq.heappop(self._ends)  # it was preempted meanwhile and ends at another time
        if self._ends:
            yield self._ends[0][0]
        coming = bisect_right(self._timed, self._now)
        yield from self._timed[coming : coming + 1]
        ripe = next_to_ripen(self._board, self._policy.preemption, self._now)
        if ripe is not None:
            yield ripe

    def _let_end(self) -> None:
        while self._ends and self._ends[0][0] <= self._now:
            end, holding_id = heapq.heappop(self._ends)
            if self._end_of.get(holding_id) != end:
                continue
            del self._end_of[holding_id]
            holding = self._board.holdings[holding_id]
            self._board.ended(holding_id, self._now)
            self._past.append(self._bar(holding, self._now))
            if holding.pinned_for is None:
                self._release_dependants(holding_id)
            elif holding.kind is not Kind.VM:  # a VM that was preempted stays stopped
                self._board.add_waiting(self._queued_again(holding))

    def _release_dependants(self, ended_id: str) -> None:
        for item in [self._board.waiting[i] for i in self._after.get(ended_id, ()) if i in self._board.waiting]:
            after = tuple(replace(d, succeeded=True) if d.id == ended_id else d for d in item.after)
            self._board.change_waiting(replace(item, after=after, eligible_since=self._now))

    def _queued_again(self, gone: Holding) -> Waiting:
        """As the store would queue it; of one that ran from the start, labels and models are not known here."""
        before = self._known.get(gone.id) or Waiting(
            id=gone.id,
            org=gone.org,
            member=gone.member,
            kind=gone.kind,
            resources=gone.claims[0].resources,
            submitted_at=gone.started_at,
            priority=gone.priority,
            replicas=len(gone.claims),
            limit_ms=gone.limit_ms,
            hold=gone.hold,
        )
        return replace(before, preempted_at=self._now, preemptions=gone.preemptions + 1)

    def _bar(self, holding: Holding, until: int | None) -> Bar:
        starts = holding.id not in self._first_ids
        return Bar(holding.id, holding.started_at, until, holding.claims, starts)
