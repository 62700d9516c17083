"""The meter: what a run costs is a line in time, and what is posted is the difference to what was posted before.

The amount due at an instant depends on the run alone, so ticks, restarts and retries change nothing. Nothing is
due past the instant a caller can prove: it passes the last proof of life, not the wall clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from core.domain.flavors import RunRate
from core.domain.lifecycle import BY_PEOPLE, PROOF_OF, TRANSITIONS, State, StopCause, Trigger
from core.ledger.accounts import AccountKey
from core.ledger.amounts import NOTHING, Amounts, Book
from core.ledger.entries import release, use
from core.ledger.postings import Cause, Posting, PostingKind

HOUR_US = 3_600_000_000
LONGEST_UNPOSTED_US = 6 * HOUR_US
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# An amount is rounded only by these: from thousandths of a share times microseconds.
_UCR_UNIT, _GPU_UNIT = 1000 * HOUR_US, 1_000_000_000
_NEVER = 2**63
_LONGEST_DAY = 25 * HOUR_US


@dataclass(frozen=True, slots=True)
class Share:
    """What is paid of the running price, in thousandths; disk apart from compute."""

    compute_milli: int
    disk_milli: int


FREE = Share(0, 0)
WHOLE = Share(1000, 1000)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch at one share, up to the next one; `skipped` where the clock was set forward and no time passed."""

    start: int
    share: Share = WHOLE
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run as the meter sees it: who pays, at what frozen rate, and the shares it ran at, oldest first."""

    run: str
    deployment: str
    payer: AccountKey
    rate: RunRate
    segments: tuple[Segment, ...]
    end: int | None = None

    @property
    def start(self) -> int:
        return self.segments[0].start

    def changed(self, at: int, share: Share) -> RunLine:
        """The line from `at` on at another share: suspended, or resumed."""
        kept = tuple(segment for segment in self.segments if segment.start < at)
        return replace(self, segments=(*kept, Segment(max(at, self.start), share)))

    def with_gap(self, start: int, end: int) -> RunLine:
        """Time that is marked and not billed; then it goes on at the share that it had."""
        return self.changed(start, FREE).changed(end, self.segments[-1].share)

    @property
    def gaps_us(self) -> int:
        """How much of it has passed and is marked as not billed."""
        bounds = pairwise(self.segments)
        return sum(after.start - one.start for one, after in bounds if one.share == FREE and not one.skipped)

    def set_forward(self, by: int, seen_at: int) -> RunLine:
        """The clock was set forward after that last proof of life: for so long no time passed."""
        share, at = self.segments[-1].share, max(seen_at, self.segments[-1].start)
        kept = tuple(segment for segment in self.segments if segment.start < at)
        return replace(self, segments=(*kept, Segment(at, FREE, skipped=True), Segment(at + by, share)))

    def set_back(self, by: int, seen_at: int, *, not_before: int) -> tuple[RunLine, int]:
        """The clock was set back: the line and its last proof of life as the clock tells them now.

        What was skipped when it was set forward goes first, then the whole is moved, but not before an instant, such
        as the end of the run before. What is still left is billed once although it passes twice.
        """
        segments, left = list(self.segments), by
        for place in range(len(segments) - 2, -1, -1):
            if not segments[place].skipped or not left:
                continue
            begin, end = segments[place].start, segments[place + 1].start
            cut = min(left, end - begin)
            left -= cut
            seen_at = seen_at - cut if seen_at >= end else min(seen_at, end - cut)
            later = [replace(one, start=one.start - cut) for one in segments[place + 1 :]]
            segments[place:] = [segments[place], *later] if cut < end - begin else later
        moved = max(0, min(left, segments[0].start - not_before))
        return replace(self, segments=tuple(replace(one, start=one.start - moved) for one in segments)), seen_at - moved

    def ended(self, at: int) -> RunLine:
        """The closed line. An end proved to lie before a change cuts the change off."""
        at = max(at, self.start)
        kept = tuple(segment for segment in self.segments if segment.start < at)
        return replace(self, segments=kept or self.segments[:1], end=at)


def open_line(run: str, deployment: str, payer: AccountKey, rate: RunRate, start: int, share: Share = WHOLE) -> RunLine:
    return RunLine(run, deployment, payer, rate, (Segment(start, share),))


def share_in(state: State, rate: RunRate, *, engine_keeps_suspended: bool = True) -> Share:
    """What a state pays. STOPPING after RUNNING is still running; a run in it keeps the share it had."""
    if state in (State.RUNNING, State.STOPPING):
        return WHOLE
    if state is State.SUSPENDED:
        return Share(rate.suspended_milli if engine_keeps_suspended else rate.stopped_milli, 1000)
    if state is State.STOPPED:
        return Share(rate.stopped_milli, 1000)
    return FREE


def hourly(rate: RunRate, share: Share = WHOLE) -> Amounts:
    """What an hour costs at that share."""
    return _due(rate, share.compute_milli * HOUR_US, share.disk_milli * HOUR_US)


def draws_on(line: RunLine, book: Book) -> bool:
    """Whether the run, at the share it has now, costs anything in that book, be it less than a unit an hour."""
    rate, share = line.rate, line.segments[-1].share
    if line.end is not None:
        return False
    if book is Book.GPU_TIME:
        return rate.gpu_milli * share.compute_milli > 0
    return rate.compute_ucr * share.compute_milli + rate.disk_ucr * share.disk_milli > 0


def price_of(state: State, rate: RunRate, *, engine_keeps_suspended: bool = True) -> int:
    """Micro-credits per hour in a state."""
    return hourly(rate, share_in(state, rate, engine_keeps_suspended=engine_keeps_suspended)).ucr


_COMES_TO_REST = {
    Trigger.STOP: StopCause.USER,
    Trigger.CANCEL: StopCause.CANCELLED,
    Trigger.COMPLETE: StopCause.COMPLETED,
    Trigger.DELETE: StopCause.DELETED,
}


@lru_cache(maxsize=1_000)
def prices_after(
    state: State, rate: RunRate, *, engine_keeps_suspended: bool = True
) -> Mapping[Trigger, tuple[State, int]]:
    """For each thing people can do in this state: where it leads to and what an hour costs there.

    A stop is shown with what it ends in, and a start with what it is for: running.
    """
    prices: dict[Trigger, tuple[State, int]] = {}
    for (source, trigger), target in TRANSITIONS.items():
        if source is not state or trigger not in BY_PEOPLE:
            continue
        if target is State.STOPPING:
            target = TRANSITIONS[State.STOPPING, PROOF_OF[_COMES_TO_REST[trigger]]]
        elif target is State.QUEUED:
            target = State.RUNNING
        prices[trigger] = target, price_of(target, rate, engine_keeps_suspended=engine_keeps_suspended)
    return prices


def due(line: RunLine, until: int) -> Amounts:
    """All that the run costs from its start to `until` or its end: summed exactly, floored once in each book."""
    return _due(line.rate, *_shares_by(line, until))


def _shares_by(line: RunLine, until: int) -> tuple[int, int]:
    """Of compute and of disk: thousandths of a share times microseconds."""
    until = until if line.end is None else min(until, line.end)
    compute = disk = 0
    bounds = [segment.start for segment in line.segments[1:]] + [until]
    for segment, bound in zip(line.segments, bounds, strict=True):
        length = max(0, min(bound, until) - segment.start)
        compute += segment.share.compute_milli * length
        disk += segment.share.disk_milli * length
    return compute, disk


class Course(NamedTuple):
    """A run from its last change on, as numbers alone: in each book a straight line from `since` to `until`."""

    since: int
    until: int
    ucr: int
    ucr_step: int
    gpu: int
    gpu_step: int


def course_of(line: RunLine, until: int | None) -> Course:
    """For who asks many runs again and again what is due; `until` is when it will be stopped, if that is known."""
    last = line.segments[-1]
    ends = min((end for end in (line.end, until) if end is not None), default=_NEVER)
    compute, disk = _shares_by(line, min(last.start, ends))
    rate, share = line.rate, last.share
    return Course(
        last.start,
        max(last.start, ends),
        rate.compute_ucr * compute + rate.disk_ucr * disk,
        rate.compute_ucr * share.compute_milli + rate.disk_ucr * share.disk_milli,
        rate.gpu_milli * compute,
        rate.gpu_milli * share.compute_milli,
    )


def due_and_unpaid(courses: Iterable[tuple[Course, Amounts]], instant: int) -> Amounts:
    """What is due of all of them and not posted yet. The instant lies behind the last change of each."""
    ucr = gpu_ms = 0
    for (since, until, at_first, step, gpu_at_first, gpu_step), paid in courses:
        length = (instant if instant < until else until) - since
        ucr += max(0, (at_first + step * length) // _UCR_UNIT - paid.ucr)
        gpu_ms += max(0, (gpu_at_first + gpu_step * length) // _GPU_UNIT - paid.gpu_ms)
    return Amounts(ucr, gpu_ms)


def charge(line: RunLine, until: int, *, posted: Amounts, hold_left: Amounts = NOTHING) -> Posting | None:
    """What is due at `until` and not posted yet; nothing where the clock stood still or went back."""
    owed = due(line, until)
    rest = (owed - posted).at_least(NOTHING)
    if not rest:
        return None
    key = f"meter:{line.run}:{(posted + rest).ucr}:{(posted + rest).gpu_ms}"
    return _use(PostingKind.CHARGE, line, until, rest, hold_left, key)


def settle(
    line: RunLine, *, posted: Amounts, hold_left: Amounts = NOTHING, at: int, end_hold: bool = True, reason: str = ""
) -> list[Posting]:
    """Close a run that has ended: the last difference, in either direction, and the rest of the hold given back.

    A job that will run again (preempted, retried) keeps its hold.
    """
    if line.end is None:
        raise ValueError(f"run {line.run} is still open")
    postings = []
    rest = due(line, line.end) - posted
    if rest:
        last = _use(PostingKind.SETTLE, line, line.end, rest, hold_left, f"settle:{line.run}", reason)
        postings.append(last)
        hold_left -= rest.at_most(hold_left).at_least(NOTHING)
    if hold_left and end_hold:
        cause = Cause(deployment=line.deployment, run=line.run)
        freed = release(line.payer, hold_left, key=f"release:{line.run}", at=at, cause=cause, reason=reason)
        postings.append(freed)
    return postings


def next_posting_at(last: int, now: int, tz: str = "UTC") -> int:
    """When the meter must post next for an open run: the end of the org's day, or six hours after the last."""
    return max(now, min(last + LONGEST_UNPOSTED_US, day_end_after(last, tz)))


def nothing_due_since(now: int, tz: str = "UTC") -> int:
    """For a run that began at this instant or later there is nothing to post by now."""
    midnight = day_end_after(now - 2 * _LONGEST_DAY, tz)
    while (following := day_end_after(midnight, tz)) <= now:
        midnight = following
    return max(midnight, now - LONGEST_UNPOSTED_US + 1)


def instants_to_post(last: int, now: int, tz: str = "UTC") -> list[int]:
    """Each day end in (last, now], so that a late meter still keeps the days apart, and now if six hours passed."""
    instants = []
    end = day_end_after(last, tz)
    while end <= now:
        instants.append(end)
        end = day_end_after(end, tz)
    if now - (instants[-1] if instants else last) >= LONGEST_UNPOSTED_US:
        instants.append(now)
    return instants


def day_end_after(instant: int, tz: str = "UTC") -> int:
    """The next midnight in that zone, strictly later, whatever summer time does to the day."""
    zone = ZoneInfo(tz)
    day = (_EPOCH + timedelta(microseconds=instant)).astimezone(zone).date()
    while True:
        day += timedelta(days=1)
        midnight = (datetime.combine(day, time(), zone).astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)
        if midnight > instant:
            return midnight


def _due(rate: RunRate, compute: int, disk: int) -> Amounts:
    """From thousandths of a share times microseconds."""
    return Amounts(
        ucr=(rate.compute_ucr * compute + rate.disk_ucr * disk) // _UCR_UNIT,
        gpu_ms=rate.gpu_milli * compute // _GPU_UNIT,
    )


def _use(
    kind: PostingKind,
    line: RunLine,
    until: int,
    amounts: Amounts,
    hold_left: Amounts,
    key: str,
    reason: str = "",
) -> Posting:
    """Dated with the last microsecond it pays for, so a half-open period has just the use that lies in it."""
    until = until if line.end is None else min(until, line.end)
    at = max(line.start, until - 1)
    cause = Cause(deployment=line.deployment, run=line.run)
    return use(kind, line.payer, amounts, hold_left, key=key, at=at, cause=cause, reason=reason)
