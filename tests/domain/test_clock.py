"""The clock of the host: never backwards while it is trimmed, followed when it is set, and told apart from the boot."""

from __future__ import annotations

import pytest

from core import clock as clocks
from core.clock import DAY, HOUR, MINUTE, SECOND, Boot, ManualClock, SystemClock

NOON = 1_767_268_800 * SECOND


class Host:
    """Its wall and the time since its boot, in place of the module that reads them."""

    CLOCK_MONOTONIC, CLOCK_BOOTTIME = 1, 7

    def __init__(self) -> None:
        self.wall, self.since_boot = NOON, DAY
        self.sleeps_before_next_wall = 0

    def passes(self, microseconds: int) -> None:
        self.wall += microseconds
        self.since_boot += microseconds

    def time_ns(self) -> int:
        self.passes(self.sleeps_before_next_wall)
        self.sleeps_before_next_wall = 0
        return self.wall * 1000

    def clock_gettime_ns(self, which: int) -> int:
        assert which == self.CLOCK_BOOTTIME, "the other one stands still while the host sleeps"
        return self.since_boot * 1000


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host()
    monkeypatch.setattr(clocks, "time", made)
    return made


def test_E23_time_stands_while_the_clock_is_trimmed_back_and_follows_one_that_was_set_back(host: Host) -> None:
    clock = SystemClock()
    assert clock.now() == NOON
    host.wall -= SECOND
    assert clock.now() == NOON
    host.passes(2 * SECOND)
    assert clock.now() == NOON + SECOND
    host.wall -= HOUR
    assert clock.now() == NOON + SECOND - HOUR


def test_E24_a_clock_that_was_set_is_told_from_time_that_passed(host: Host) -> None:
    clock = SystemClock()
    before = clock.boot()
    host.passes(9 * DAY)
    assert clock.boot().set_since(before) == 0
    host.wall += DAY
    assert clock.boot().set_since(before) == DAY
    host.wall -= DAY + HOUR
    assert clock.boot().set_since(before) == -HOUR


def test_E24_many_small_steps_are_one_large_one(host: Host) -> None:
    clock = SystemClock()
    before = clock.boot()
    for _ in range(2):
        host.wall += SECOND
        assert clock.boot().set_since(before) == 0
    host.wall += SECOND
    assert clock.boot().set_since(before) == 3 * SECOND


def test_E22_a_host_that_falls_asleep_between_two_readings_has_not_set_its_clock(host: Host) -> None:
    clock = SystemClock()
    before = clock.boot()
    host.sleeps_before_next_wall = 8 * HOUR
    assert clock.boot() == before


def test_what_another_boot_tells_is_believed() -> None:
    assert Boot("this", NOON).set_since(Boot("other", 0)) == 0


def test_this_host_tells_one_boot_again_and_again() -> None:
    clock = SystemClock()
    first, second = clock.boot(), clock.boot()
    assert first.id == second.id != ""
    assert second.set_since(first) == 0
    assert first.began_at < clock.now()


def test_a_clock_in_hand_can_be_set_and_then_no_time_passes() -> None:
    clock = ManualClock(NOON)
    before = clock.boot()
    clock.advance(MINUTE)
    assert clock.boot().set_since(before) == 0
    assert clock.leap(-HOUR) == clock.now() == NOON + MINUTE - HOUR
    assert clock.boot().set_since(before) == -HOUR
