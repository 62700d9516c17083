"""The meter: a line in time, posted in differences, whose total no schedule of ticks can change."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.domain.flavors import RunRate
from core.domain.lifecycle import State, Trigger
from core.ledger import meter
from core.ledger.amounts import NOTHING, Amounts, Book
from core.ledger.balances import Balances, hold_left, metered
from core.ledger.meter import FREE, WHOLE, RunLine, Segment, Share
from core.ledger.postings import Posting, PostingKind
from tests.ledger.scenery import ANA, DAY, HOUR, MINUTE, ONE_GPU, T0, amounts, funded, line

SUSPENDED = Share(750, 1000)


def test_an_hour_costs_the_rate_and_an_instant_costs_nothing() -> None:
    assert meter.due(line(), T0 + HOUR) == amounts(5.72, 1)
    assert meter.due(line(), T0) == NOTHING
    assert meter.due(line(), T0 - HOUR) == NOTHING


def test_what_is_due_is_floored_once() -> None:
    slow = line(rate=RunRate(compute_ucr=1, gpu_milli=1))
    assert meter.due(slow, T0 + HOUR - 1) == Amounts(0, 3599)
    assert meter.due(slow, T0 + HOUR) == Amounts(1, 3600)


def test_a_suspended_hour_costs_three_quarters_and_a_gap_nothing() -> None:
    run = line().changed(T0 + HOUR, SUSPENDED).changed(T0 + 2 * HOUR, FREE).changed(T0 + 3 * HOUR, WHOLE)
    assert meter.due(run, T0 + 2 * HOUR) == amounts(5.72 * 1.75, 1.75)
    assert meter.due(run, T0 + 3 * HOUR) == amounts(5.72 * 1.75, 1.75)
    assert meter.due(run, T0 + 4 * HOUR) == amounts(5.72 * 2.75, 2.75)


def test_disk_is_paid_apart_and_goes_on_while_suspended() -> None:
    rate = RunRate(compute_ucr=4000, disk_ucr=1000, gpu_milli=0)
    run = line(rate=rate).changed(T0 + HOUR, SUSPENDED)
    assert meter.due(run, T0 + 2 * HOUR) == Amounts(5000 + 4000)


def test_a_closed_run_costs_nothing_after_its_end() -> None:
    run = line().ended(T0 + HOUR)
    assert meter.due(run, T0 + DAY) == amounts(5.72, 1)


def test_a_change_or_an_end_that_is_proved_late_cuts_off_what_was_thought_later() -> None:
    run = line().changed(T0 + 2 * HOUR, SUSPENDED).changed(T0 + 3 * HOUR, WHOLE)
    assert run.changed(T0 + HOUR, FREE).segments == (Segment(T0), Segment(T0 + HOUR, FREE))
    assert run.ended(T0 + HOUR).segments == (Segment(T0),)
    assert run.ended(T0 - HOUR) == line().ended(T0)
    assert run.changed(T0 - HOUR, SUSPENDED).segments == (Segment(T0, SUSPENDED),)


def test_charges_come_out_of_the_hold_and_the_end_gives_back_the_rest() -> None:
    run = line()
    first = meter.charge(run, T0 + HOUR, posted=NOTHING, hold_left=amounts(11.44, 2))
    assert first is not None
    assert (first.key, first.at) == ("meter:run-1:5720000:3600000", T0 + HOUR - 1)
    closed = run.ended(T0 + HOUR + 30 * MINUTE)
    settled, released = meter.settle(closed, posted=amounts(5.72, 1), hold_left=amounts(5.72, 1), at=T0 + 2 * HOUR)
    assert (settled.kind, settled.key) == (PostingKind.SETTLE, "settle:run-1")
    assert (released.kind, released.key) == (PostingKind.RELEASE, "release:run-1")
    assert metered([first, settled], "run-1") == amounts(8.58, 1.5)
    assert -sum(e.amount for e in released.entries if e.account != ANA and e.book is Book.CREDITS) == 2_860_000


def test_a_run_that_will_start_over_keeps_its_hold() -> None:
    run = line().ended(T0 + HOUR)
    postings = meter.settle(run, posted=NOTHING, hold_left=amounts(11.44, 2), at=T0 + HOUR, end_hold=False)
    assert [posting.kind for posting in postings] == [PostingKind.SETTLE]


def test_a_run_that_is_charged_to_its_end_settles_nothing() -> None:
    run = line().ended(T0 + HOUR)
    assert meter.settle(run, posted=amounts(5.72, 1), at=T0 + HOUR) == []
    assert meter.charge(run, T0 + DAY, posted=amounts(5.72, 1)) is None


def test_P4_what_was_charged_beyond_the_proved_end_is_given_back() -> None:
    run = line()
    charged = meter.charge(run, T0 + 3 * HOUR, posted=NOTHING)
    assert charged is not None
    closed = run.ended(T0 + HOUR)
    (settled,) = meter.settle(closed, posted=metered([charged], "run-1"), at=T0 + 4 * HOUR)
    assert metered([charged, settled], "run-1") == amounts(5.72, 1)
    balance = Balances().apply(*funded(), charged, settled).of(ANA)
    assert balance.posted == amounts(94.28, 9)


def test_E23_a_clock_that_went_back_charges_nothing_and_gives_nothing_back() -> None:
    assert meter.charge(line(), T0 + HOUR, posted=amounts(11.44, 2)) is None
    assert meter.charge(line(), T0 - HOUR, posted=NOTHING) is None


def test_E24_what_was_skipped_when_the_clock_was_set_forward_costs_nothing_and_is_no_sleep() -> None:
    run = line().set_forward(DAY, T0 + HOUR)
    assert meter.due(run, T0 + HOUR + DAY) == meter.due(line(), T0 + HOUR)
    assert meter.due(run, T0 + 2 * HOUR + DAY) == meter.due(line(), T0 + 2 * HOUR)
    assert run.gaps_us == 0
    assert run.with_gap(T0 + 2 * HOUR + DAY, T0 + 5 * HOUR + DAY).gaps_us == 3 * HOUR
    assert line().changed(T0 + HOUR, SUSPENDED).set_forward(DAY, T0).segments[-1].share == SUSPENDED


def test_E24_a_clock_that_is_set_back_where_it_was_leaves_the_line_as_it_was() -> None:
    run = line().changed(T0 + HOUR, SUSPENDED)
    there = run.set_forward(DAY, T0 + 2 * HOUR)
    assert there.set_back(DAY, T0 + 3 * HOUR + DAY, not_before=T0) == (
        run.changed(T0 + 2 * HOUR, SUSPENDED),
        T0 + 3 * HOUR,
    )
    half, seen_at = there.set_back(DAY // 2, T0 + 2 * HOUR, not_before=T0)
    assert (half, seen_at) == (run.set_forward(DAY // 2, T0 + 2 * HOUR), T0 + 2 * HOUR)


def test_E23_what_passes_twice_is_billed_once_where_the_line_cannot_be_moved() -> None:
    run, seen_at = line().set_back(HOUR, T0 + 3 * HOUR, not_before=T0)
    assert (run, seen_at) == (line(), T0 + 3 * HOUR)
    moved, seen_at = line().set_back(HOUR, T0 + 3 * HOUR, not_before=T0 - MINUTE)
    assert (moved.start, seen_at) == (T0 - MINUTE, T0 + 3 * HOUR - MINUTE)


@given(
    st.lists(st.tuples(st.integers(0, 3 * DAY), st.integers(-9 * DAY, 9 * DAY), st.booleans()), max_size=12),
    st.sampled_from([WHOLE, SUSPENDED]),
)
def test_E23_E24_whatever_the_clock_is_set_to_what_is_due_is_for_what_passed(
    steps: list[tuple[int, int, bool]], share: Share
) -> None:
    """Its shares are changed in between, and it is seen now and then: what was due is what is due by the new time."""
    run, now, seen_at = line(), T0, T0
    for passed, by, seen in steps:
        owed = meter.due(run, now + passed)
        now += passed
        if seen:
            seen_at = now
            assert meter.due(run.changed(now, share), now) == owed
            run = run.changed(now, share)
        if by > 0:
            run = run.set_forward(by, seen_at)
        elif by < 0:
            run, seen_at = run.set_back(-by, seen_at, not_before=-(10**18))
        now += by
        assert meter.due(run, now) == owed
        assert seen_at <= now
        starts = [segment.start for segment in run.segments]
        assert starts == sorted(starts)


def test_an_open_run_cannot_be_settled() -> None:
    with pytest.raises(ValueError, match="still open"):
        meter.settle(line(), posted=NOTHING, at=T0)


def test_the_overrun_beyond_the_hold_is_posted_anyway_even_below_zero() -> None:
    ledger = funded(cr=10, gpu_hours=10)
    posting = meter.charge(line(), T0 + 2 * HOUR, posted=NOTHING, hold_left=amounts(1, 1))
    assert posting is not None
    assert Balances().apply(*ledger, posting).of(ANA).posted == amounts(-1.44, 8)


shares = st.sampled_from([WHOLE, SUSPENDED, FREE, Share(0, 1000), Share(333, 0)])
rates = st.builds(
    RunRate,
    compute_ucr=st.integers(0, 10**9),
    disk_ucr=st.integers(0, 10**6),
    gpu_milli=st.sampled_from([0, 1, 333, 1000, 8000]),
)


@st.composite
def runs(draw: st.DrawFn) -> RunLine:
    """A run with changes of share, open or closed."""
    run = meter.open_line("run-1", "dep-1", ANA, draw(rates), T0)
    at = T0
    for share in draw(st.lists(shares, max_size=4)):
        at += draw(st.integers(0, 5 * HOUR))
        run = run.changed(at, share)
    return run.ended(at + draw(st.integers(0, 5 * HOUR)))


@settings(max_examples=500, deadline=None)
@given(runs(), st.lists(st.integers(-HOUR, 30 * HOUR), max_size=25), st.data())
@example(line().ended(T0 + HOUR), [], None)
def test_I_L7_any_schedule_of_ticks_restarts_and_retries_gives_the_same_total(run, ticks, data) -> None:
    ledger: list[Posting] = []
    seen: dict[str, str] = {}

    def post(posting: Posting | None) -> None:
        if posting is not None and seen.setdefault(posting.key, posting.fingerprint) == posting.fingerprint:
            ledger.append(posting)

    hold = data.draw(st.builds(Amounts, st.integers(0, 10**9), st.integers(0, 10**8))) if data else NOTHING
    for tick in ticks:
        open_run = RunLine(run.run, run.deployment, run.payer, run.rate, run.segments)
        until = min(T0 + tick, run.end)
        posted = metered(ledger, "run-1")
        posting = meter.charge(open_run, until, posted=posted, hold_left=hold)
        post(posting)
        if posting is not None and data.draw(st.booleans()):  # sent again: the same key, the same content
            again = meter.charge(open_run, until, posted=posted, hold_left=hold)
            assert (again.key, again.fingerprint) == (posting.key, posting.fingerprint)
        hold -= _taken(posting)
    for posting in meter.settle(run, posted=metered(ledger, "run-1"), hold_left=hold, at=run.end):
        post(posting)
    expected = _by_hand(run)
    assert metered(ledger, "run-1") == meter.due(run, run.end) == expected
    assert len(seen) == len(ledger)


def _taken(posting: Posting | None) -> Amounts:
    return -hold_left([posting], "dep-1") if posting is not None else NOTHING


def _by_hand(run: RunLine) -> Amounts:
    """Segment by segment in thousandths of a unit times an hour, independent of the meter's loop."""
    ucr = gpu = 0
    for index, segment in enumerate(run.segments):
        until = run.segments[index + 1].start if index + 1 < len(run.segments) else run.end
        length = until - segment.start
        ucr += length * (run.rate.compute_ucr * segment.share.compute_milli)
        ucr += length * (run.rate.disk_ucr * segment.share.disk_milli)
        gpu += length * run.rate.gpu_milli * segment.share.compute_milli
    return Amounts(ucr // (1000 * 3600 * 1_000_000), gpu // 10**9)


@settings(max_examples=200, deadline=None)
@given(runs(), st.integers(-HOUR, 30 * HOUR), st.integers(0, 30 * HOUR))
def test_what_is_due_never_falls(run: RunLine, offset: int, more: int) -> None:
    earlier, later = meter.due(run, T0 + offset), meter.due(run, T0 + offset + more)
    assert later.at_least(earlier) == later


@pytest.mark.parametrize(
    ("state", "cr"),
    [
        (State.QUEUED, 0),
        (State.STARTING, 0),
        (State.RUNNING, 5.72),
        (State.STOPPING, 5.72),
        (State.SUSPENDED, 4.29),
        (State.STOPPED, 0),
        (State.COMPLETED, 0),
        (State.DELETED, 0),
    ],
)
def test_what_a_state_costs(state: State, cr: float) -> None:
    assert meter.price_of(state, ONE_GPU) == amounts(cr).ucr


def test_a_suspended_machine_whose_engine_keeps_nothing_costs_what_a_stopped_one_does() -> None:
    rate = RunRate(compute_ucr=4000, disk_ucr=1000, stopped_milli=10)
    assert meter.price_of(State.STOPPED, rate) == 1040
    assert meter.price_of(State.SUSPENDED, rate, engine_keeps_suspended=False) == 1040
    assert meter.price_of(State.SUSPENDED, rate) == 4000


def test_the_price_of_each_next_state_can_be_asked_for() -> None:
    running = meter.prices_after(State.RUNNING, ONE_GPU)
    assert running[Trigger.SUSPEND] == (State.SUSPENDED, 4_290_000)
    assert running[Trigger.STOP] == (State.STOPPED, 0)
    assert running[Trigger.CANCEL] == (State.CANCELLED, 0)
    assert running[Trigger.COMPLETE] == (State.COMPLETED, 0)
    assert running[Trigger.DELETE] == (State.DELETED, 0)
    assert Trigger.PREEMPT not in running
    assert meter.prices_after(State.STOPPED, ONE_GPU)[Trigger.START] == (State.RUNNING, 5_720_000)
    assert meter.prices_after(State.SUSPENDED, ONE_GPU)[Trigger.RESUME] == (State.RUNNING, 5_720_000)
    assert meter.prices_after(State.QUEUED, ONE_GPU)[Trigger.STOP] == (State.STOPPED, 0)


def test_every_state_can_be_asked_for_the_prices_of_what_follows() -> None:
    for state in State:
        for target, price in meter.prices_after(state, ONE_GPU).values():
            assert price == meter.price_of(target, ONE_GPU)
            assert target not in (State.STOPPING, State.QUEUED)


def test_what_draws_on_a_book_is_told_even_below_one_unit_an_hour() -> None:
    tiny = line(rate=RunRate(compute_ucr=1, gpu_milli=0)).changed(T0, SUSPENDED)
    assert meter.hourly(tiny.rate, SUSPENDED) == NOTHING
    assert meter.draws_on(tiny, Book.CREDITS)
    assert not meter.draws_on(tiny, Book.GPU_TIME)
    assert meter.draws_on(line(), Book.GPU_TIME)
    assert not meter.draws_on(line().ended(T0), Book.CREDITS)
    assert meter.draws_on(line(rate=RunRate(compute_ucr=1)).changed(T0, Share(1, 0)), Book.CREDITS)
    disk_alone = line(rate=RunRate(compute_ucr=5, disk_ucr=5)).changed(T0, Share(0, 1000))
    assert meter.draws_on(disk_alone, Book.CREDITS)
    assert not meter.draws_on(disk_alone.changed(T0, FREE), Book.CREDITS)


def test_the_meter_posts_at_the_day_end_and_at_most_every_six_hours() -> None:
    assert meter.next_posting_at(T0, T0) == T0 + 6 * HOUR
    assert meter.next_posting_at(T0 + 20 * HOUR, T0 + 20 * HOUR) == T0 + DAY
    assert meter.next_posting_at(T0, T0 + 9 * HOUR) == T0 + 9 * HOUR


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 400 * DAY),
    st.integers(0, 30 * HOUR),
    st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "America/Santiago"]),
)
def test_what_began_lately_owes_no_posting_and_the_microsecond_before_owes_one(now: int, ago: int, tz: str) -> None:
    now = T0 + now
    young = meter.nothing_due_since(now, tz)
    assert young <= now
    assert meter.instants_to_post(max(young, now - ago), now, tz) == []
    assert meter.instants_to_post(young - 1, now, tz) != []


def test_a_late_meter_posts_each_day_end_that_it_missed() -> None:
    assert meter.instants_to_post(T0 + HOUR, T0 + 2 * HOUR) == []
    assert meter.instants_to_post(T0 + HOUR, T0 + 7 * HOUR) == [T0 + 7 * HOUR]
    assert meter.instants_to_post(T0 + HOUR, T0 + DAY) == [T0 + DAY]
    late = T0 + 2 * DAY + 7 * HOUR
    assert meter.instants_to_post(T0 + HOUR, late) == [T0 + DAY, T0 + 2 * DAY, late]


def test_a_run_has_at_most_thirty_postings_a_day() -> None:
    last, count, now = T0, 0, T0
    while now < T0 + DAY:
        now += 5 * MINUTE
        for instant in meter.instants_to_post(last, now):
            last, count = instant, count + 1
    assert count == 4


@pytest.mark.parametrize("tz", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "America/Santiago"])
def test_the_day_ends_at_midnight_of_the_zone_through_the_whole_year(tz: str) -> None:
    instant = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    last_day = datetime(2027, 1, 1, tzinfo=UTC).timestamp() * 1_000_000
    ends = []
    while instant < last_day:
        instant = meter.day_end_after(instant, tz)
        ends.append(datetime.fromtimestamp(instant / 1e6, ZoneInfo(tz)))
    assert len({end.date() for end in ends}) == len(ends) >= 365
    lengths = {(b.timestamp() - a.timestamp()) / 3600 for a, b in pairwise(ends)}
    assert lengths <= {23.0, 24.0, 25.0}
    assert all(end.hour in (0, 1) for end in ends)


def test_the_last_microsecond_of_a_day_ends_with_it_and_midnight_itself_a_day_later() -> None:
    assert meter.day_end_after(T0 - 1) == T0
    assert meter.day_end_after(T0) == T0 + DAY


def test_a_midnight_that_comes_twice_ends_the_day_once() -> None:
    """Newfoundland's clocks went from 00:01 back to 23:01: half past eleven after that is later than midnight."""
    zone = ZoneInfo("America/St_Johns")
    first = round(datetime(2010, 11, 7, 0, 0, tzinfo=zone).timestamp()) * 1_000_000
    assert meter.day_end_after(first - 1, "America/St_Johns") == first
    again = round(datetime(2010, 11, 6, 23, 30, fold=1, tzinfo=zone).timestamp()) * 1_000_000
    assert again > first
    assert meter.day_end_after(again, "America/St_Johns") == first + 25 * HOUR
