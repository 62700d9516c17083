"""Plays the story on a real installation: the past week in virtual time, then the present, round by round."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from core.clock import DAY, HOUR, MINUTE, SECOND
from core.commands.verbs import Bursar
from core.demo.cast import OPERATOR, ORGS, acting_in
from core.demo.clock import DemoClock
from core.demo.story import Arrival, live, past_week, standing_services
from core.domain.changes import ApproveRequest
from core.domain.errors import BursarError
from core.domain.resources import parse_duration
from core.domain.roles import Caller
from core.domain.validation import validated
from core.domain.workloads import SubmitRequest
from core.ids import Chance

WEEK = 7 * DAY
_IDLE_STEP = 2 * HOUR  # how far the past moves on when nothing is known to happen


class Daemon(Protocol):
    def lead(self) -> bool: ...
    def round(self) -> int: ...


@dataclass(slots=True)
class Tally:
    """What people asked for, and what they were told when they could not have it."""

    submitted: int = 0
    refused: dict[str, int] = field(default_factory=dict)


class Stage:
    def __init__(
        self, bursar: Bursar, daemon: Daemon, clock: DemoClock, callers: dict[str, Caller], chance: Chance
    ) -> None:
        self._bursar, self._daemon, self._clock, self._callers = bursar, daemon, clock, callers
        self._chance = chance
        self.tally = Tally()

    def play_past(self, now: int, goes_on: Callable[[], bool]) -> None:
        """The week up to `now`, from one thing that happens to the next."""
        arrivals = past_week(self._chance, now)
        events = [(arrival.at, place) for place, arrival in enumerate(arrivals)]
        ends: list[int] = []
        for at, place in events:
            if not goes_on():
                return
            self._let_end(ends, at)
            self._clock.reach(at)
            arrival = arrivals[place]
            self._submit(arrival)
            heapq.heappush(ends, at + _runs_for(arrival))
            self._decide()
            self._serve()
        self._let_end(ends, now)
        for service in standing_services(now - 8 * HOUR):
            self._submit(service)
        self._clock.reach(now)

    def _let_end(self, ends: list[int], until: int) -> None:
        """Stop at each expected end on the way, so that what it frees is given away at that time."""
        while ends and ends[0] < until:
            self._clock.reach(heapq.heappop(ends) + SECOND)
            self._serve()
        while self._clock.now() + _IDLE_STEP < until:
            self._clock.reach(self._clock.now() + _IDLE_STEP)
            self._serve()

    def play_present(
        self, speed: float, *, real_processes: bool, goes_on: Callable[[], bool], after_round: Callable[[], None]
    ) -> None:
        """As long as somebody watches. Real time from here on."""
        self._clock.go_live()
        coming = live(self._chance, self._clock.now(), speed, real_processes=real_processes)
        arrival = next(coming)
        while goes_on():
            while arrival.at <= self._clock.now():
                self._submit(arrival)
                arrival = next(coming)
            self._decide()
            self._serve()
            after_round()
            self._clock.sleep(0.25)

    def _serve(self) -> None:
        if self._daemon.lead():
            self._daemon.round()

    def _submit(self, arrival: Arrival) -> None:
        try:
            request = validated(SubmitRequest, **arrival.wish)
            self._bursar.deployments.submit(self._callers[arrival.person], request)
            self.tally.submitted += 1
        except BursarError as error:  # people are refused in real life too; it is part of the story
            self.tally.refused[error.code] = self.tally.refused.get(error.code, 0) + 1

    def _decide(self) -> None:
        """Admins agree to what waits for them, most of the time."""
        for org in ORGS:
            admin, operator = self._callers[org.admin], acting_in(self._callers[OPERATOR], org.name)
            for line in self._bursar.decisions.approvals(admin).items:
                if self._chance.random() < 0.5:
                    decider = operator if line.owner == org.admin else admin
                    self._bursar.decisions.approve(decider, validated(ApproveRequest, id=line.id))


def _runs_for(arrival: Arrival) -> int:
    duration = arrival.wish.get("labels", {}).get("sim.duration", "1h")
    return parse_duration(duration, name="duration") * 1000 + MINUTE
