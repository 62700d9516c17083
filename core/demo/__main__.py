"""`bursar demo`: makes the throw-away installation, plays the story on it, and cleans up behind itself."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from core.bootstrap import Bursar, build
from core.clock import SECOND, SystemClock
from core.demo.board import board
from core.demo.cast import FACE, OPERATOR, ORGS, THIS_MACHINE, fill
from core.demo.clock import DemoClock
from core.demo.stage import WEEK, Stage
from core.domain.lifecycle import State, holds_capacity
from core.domain.requests import Login
from core.domain.roles import Caller, anonymous
from core.domain.validation import validated
from core.ids import RandomIds, chance
from core.settings import Settings, load
from core.settings.loading import FILE_NAME
from core.views.operations import Verdict
from core.views.work import DeploymentLine

_SEED = 7
_HEADLESS_SECONDS = 20
_BOARD_EVERY = 5 * SECOND
_QUICK = """\
[accounts]
bcrypt_cost = 4
session_lifetime = "30d"

[scheduling]
grace = "10s"
min_run = "20s"
kill_wait = "3s"

[approvals]
policy = "above_limits"
"""


class Place(Protocol):
    @property
    def console(self) -> Callable[[Path, str], int] | None: ...


class Terminal(Protocol):
    @property
    def full_screen(self) -> bool: ...
    def write(self, text: str) -> None: ...


def program(place: Place, values: Mapping[str, Any], terminal: Terminal) -> int:
    home = Path(tempfile.mkdtemp(prefix="bursar-demo-"))
    try:
        return _Demo(home, values, place, terminal).run()
    finally:
        shutil.rmtree(home, ignore_errors=True)


class _Demo:
    def __init__(self, home: Path, values: Mapping[str, Any], place: Place, terminal: Terminal) -> None:
        self._home = home
        # A console is shown to somebody who sits there and did not ask for anything else.
        self._console = place.console if terminal.full_screen and not values.get("headless") else None
        self._terminal = terminal
        self._speed = float(values.get("speed") or 1)
        self._seconds: int | None = values.get("seconds")
        if self._seconds is None and (values.get("headless") or not sys.stdout.isatty()):
            self._seconds = _HEADLESS_SECONDS
        self._ended = False
        self._callers: dict[str, Caller] = {}

    def run(self) -> int:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._end)
        now = SystemClock().now()
        clock = DemoClock(now - WEEK)
        bursar = build(_settings(self._home), clock=clock)
        daemon = bursar.daemon()
        try:
            return self._play(bursar, daemon, clock, now)
        finally:
            _end_everything(bursar, daemon, self._callers)
            daemon.close()
            bursar.close()

    def _play(self, bursar: Bursar, daemon: Any, clock: DemoClock, now: int) -> int:
        password = RandomIds().code(12)
        local = _this_machine()
        self._say(f"a throw-away installation in {self._home}: two organizations, eight people, three clusters")
        self._callers = fill(bursar, password, real_processes=local)
        stage = Stage(bursar, daemon, clock, self._callers, chance(_SEED))
        self._say("playing the past week in virtual time; hopper and bench are simulated, this-machine is real ...")
        stage.play_past(now, goes_on=lambda: not self._ended)
        if self._ended:
            return self._verdict(bursar)
        self._say(f"a week went by: {stage.tally.submitted} submissions, {sum(stage.tally.refused.values())} refused")
        self._say(f"look around: bursar --home {self._home} login olga   (everybody's password: {password})")
        if self._console is not None:
            return self._show(bursar, clock, stage, password)
        return self._watch(bursar, stage)

    def _show(self, bursar: Bursar, clock: DemoClock, stage: Stage, password: str) -> int:
        """The console on top, the story behind it; when the console is left, the story ends."""
        assert self._console is not None
        clock.go_live()
        bursar.organizations.switch(self._callers[OPERATOR], ORGS[0].name)
        session = bursar.accounts.login(anonymous(FACE), validated(Login, name=OPERATOR, password=password))
        story = threading.Thread(
            target=stage.play_present,
            kwargs={
                "speed": self._speed,
                "real_processes": True,
                "goes_on": lambda: not self._ended,
                "after_round": lambda: None,
            },
            name="demo story",
        )
        story.start()
        try:
            self._console(self._home, session.access_token)
        finally:
            self._ended = True
            story.join()
        return self._verdict(bursar)

    def _watch(self, bursar: Bursar, stage: Stage) -> int:
        real = SystemClock()
        until = None if self._seconds is None else real.now() + self._seconds * SECOND
        next_board, seen = real.now(), 0

        def show() -> None:
            nonlocal next_board, seen
            if real.now() >= next_board:
                text, seen = board(bursar, self._callers, seen=seen)
                self._terminal.write(text)
                next_board = real.now() + _BOARD_EVERY

        stage.play_present(
            self._speed,
            real_processes=True,
            goes_on=lambda: not self._ended and (until is None or real.now() < until),
            after_round=show,
        )
        self._terminal.write(board(bursar, self._callers, seen=seen)[0])
        return self._verdict(bursar)

    def _verdict(self, bursar: Bursar) -> int:
        """What the doctor says of all that: the demo is only as good as its books."""
        diagnosis = bursar.operations.doctor(self._callers[OPERATOR])
        bad = [f for f in diagnosis.findings if f.verdict is not Verdict.OK]
        for finding in bad:
            self._say(f"doctor: {finding.verdict.value} {finding.check}: {finding.message}")
        self._say(f"doctor: {len(diagnosis.findings)} checks, all in all {diagnosis.verdict.value}")
        return 7 if diagnosis.verdict is Verdict.FAIL else 0

    def _say(self, text: str) -> None:
        self._terminal.write(f"{text}\n")

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._ended = True


def _settings(home: Path) -> Settings:
    """As everywhere, but for what would make a visitor wait; in a file, so that whoever looks in has the same."""
    file = home / FILE_NAME
    file.touch(mode=0o600)
    file.write_text(_QUICK)
    return load({"PATH": os.defpath}, home)


def _this_machine() -> dict[str, str]:
    """A modest part of this host for real processes."""
    return {"cpu": str(os.cpu_count() or 1), "ram": "1"}


def _end_everything(bursar: Bursar, daemon: Any, callers: Mapping[str, Caller]) -> None:
    """Real processes end with the demonstration: cancelled like any work, and waited for."""
    clock, patience = SystemClock(), 15 * SECOND
    until = clock.now() + patience
    for admin in (org.admin for org in ORGS if org.admin in callers):
        for line in _alive(bursar, callers[admin]):
            if line.state is not State.STOPPING:
                bursar.deployments.cancel(callers[admin], line.id)
        while _alive(bursar, callers[admin]) and clock.now() < until:
            daemon.lead()
            daemon.round()
            clock.sleep(0.1)


def _alive(bursar: Bursar, caller: Caller) -> tuple[DeploymentLine, ...]:
    if not any(line.name == THIS_MACHINE for line in bursar.clusters.list(caller).items):
        return ()
    states = tuple(state.value for state in State if holds_capacity(state) or state is State.QUEUED)
    return bursar.deployments.list(caller, states=states, cluster=THIS_MACHINE, limit=200).items
