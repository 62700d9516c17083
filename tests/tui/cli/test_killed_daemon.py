"""Real processes under a daemon that is killed again and again: what people typed, and the money to the last unit.

The daemon is a process of its own and dies by SIGKILL; nobody sleeps: each step waits for what the store tells.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.bootstrap import build
from core.clock import HOUR, SystemClock
from core.domain.lifecycle import State
from core.drivers.keeper.records import process_facts
from core.ids import RandomIds
from core.ledger.meter import due
from core.settings import load
from core.store.feed import Feed
from core.store.repositories.runs import RunRow
from core.store.units import Units
from tests.house.tree import ROOT
from tests.tui.cli.shell import PASSWORD, Shell

pytestmark = pytest.mark.usefixtures("durable")  # the doctor asks whether the store is

PATIENCE_S = 240.0
RATE_UCR = 110_000  # an hour of 2 CPUs at 0.05 and 1 GiB at 0.01 credits


class Host:
    """One installation on this machine, typed at by its operator."""

    def __init__(self, home: Path) -> None:
        quick = {"MIN_RUN": "0s", "GRACE": "0s", "KILL_WAIT": "1s"}
        self.shell = Shell(
            home, BURSAR_DAEMON_POLL="0.02s", **{f"BURSAR_SCHEDULING_{name}": value for name, value in quick.items()}
        )
        self.shell.clock = SystemClock()  # type: ignore[assignment]
        self.shell.ids = RandomIds()  # type: ignore[assignment]
        self.shell.done("init --operator olga --password-stdin", stdin=[PASSWORD])
        self.shell.log_in("olga")
        self.shell.done("org create lab")
        self.shell.done("cluster create here --driver process --cpu 2 --ram 2 --set limits=rlimits")
        self.core = build(load(self.shell.environ))
        self.units = Units(self.core.database, SystemClock(), RandomIds())
        self.daemon: subprocess.Popen[bytes] | None = None

    def type(self, line: str) -> str:
        return self.shell.done(line).out

    def serve(self) -> None:
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **self.shell.environ}
        words = [sys.executable, "-m", "tui", "daemon"]
        self.daemon = subprocess.Popen(words, env=environ, cwd=self.shell.folder, stderr=subprocess.DEVNULL)

    def kill_daemon(self) -> None:
        assert self.daemon is not None
        self.daemon.kill()
        assert self.daemon.wait(PATIENCE_S) == -signal.SIGKILL

    def until(self, name: str, state: State, generation: int = 1) -> None:
        def is_so() -> bool:
            with self.units.look() as unit:
                row = unit.deployments.referred(name)[0]
            return row.state is state and row.generation == generation

        self.wait_for(is_so)

    def wait_for(self, holds: Callable[[], bool]) -> None:
        feed = Feed(self.core.database, 0.02)
        deadline = time.monotonic() + PATIENCE_S
        try:
            while not holds():
                assert time.monotonic() < deadline, self.type("list") + self.type("health")
                feed.wait(0.1)
        finally:
            feed.close()

    def runs(self, name: str) -> list[RunRow]:
        with self.units.look() as unit:
            return unit.runs.of_deployment(unit.deployments.referred(name)[0].id)

    def process_of(self, name: str, after: int = 0) -> int:
        """The number that the command wrote down of itself, another than that of the run before.

        What runs says something only a moment later, which on a busy host is a long one.
        """

        def told() -> int:
            words = self.type(f"logs {name}").split()
            return int(words[-1]) if words else 0

        self.wait_for(lambda: told() not in (0, after))
        return told()

    def close(self) -> None:
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.wait(PATIENCE_S)
        self.core.close()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    home = tmp_path / "home"
    made = Host(home)
    yield made
    made.close()


@contextmanager
def watched(pid: int) -> Iterator[int]:
    """A process that tells of its end by itself."""
    descriptor = os.pidfd_open(pid)
    yield descriptor
    os.close(descriptor)


def has_ended(descriptor: int, within_s: float) -> bool:
    over, _, _ = select.select([descriptor], [], [], within_s)
    return bool(over)


def test_E2_E3_E4_E5_real_work_is_started_logged_preempted_started_again_and_stopped_by_daemons_that_are_killed(
    host: Host,
) -> None:
    host.serve()
    host.type("submit low --cluster here --cpu 2 --hours 1 --priority 10 -- sh -c 'echo hello from $$; exec sleep 600'")
    host.until("low", State.RUNNING)
    first = host.process_of("low")
    assert host.type("logs low") == f"hello from {first}\n"
    with watched(first) as alive:
        host.kill_daemon()
        assert not has_ended(alive, 0), "the work does not die with its daemon"
        host.serve()
        host.wait_for(lambda: _is_led_by_another(host))
        assert host.process_of("low") == first
        assert len(host.runs("low")) == 1

        host.type("suspend low")
        host.wait_for(lambda: _stands_still(first))
        host.kill_daemon()
        host.serve()
        host.type("resume low")
        host.wait_for(lambda: not _stands_still(first))

        host.type("submit high --cluster here --cpu 2 --hours 1 --priority 90 -- sh -c 'echo important'")
        assert has_ended(alive, PATIENCE_S), "it made room"
    host.until("high", State.COMPLETED)
    assert host.type("logs high") == "important\n"
    host.until("low", State.RUNNING, generation=2)
    second = host.process_of("low", after=first)

    with watched(second) as alive:
        host.kill_daemon()
        host.type("stop low")
        assert host.shell.done("show low --json").json["state"] == "stopping"
        assert not has_ended(alive, 0), "nobody is there to stop it"
        host.serve()
        assert has_ended(alive, PATIENCE_S)
    host.until("low", State.STOPPED, generation=2)

    host.type("start low")
    host.until("low", State.RUNNING, generation=3)
    host.type("cancel low")
    host.until("low", State.CANCELLED, generation=3)
    _the_money_is_right(host)


def test_E4_what_ended_while_nobody_looked_ended_when_it_did_and_with_its_own_exit_code(host: Host) -> None:
    gate = host.shell.folder.parent / "gate"
    os.mkfifo(gate)
    host.serve()
    host.type(f"submit work --cluster here --cpu 2 --hours 1 -- sh -c 'echo $$; read line < {gate}; exit 3'")
    host.until("work", State.RUNNING)
    work = process_facts(host.process_of("work"))
    assert work is not None
    with watched(work.parent) as beside_it:
        host.kill_daemon()
        gate.write_text("go on\n")
        assert has_ended(beside_it, PATIENCE_S), "what stands beside the work ends once it has noted how that ended"
        ended_by = SystemClock().now()
    host.serve()
    host.until("work", State.FAILED)
    shown = host.shell.done("show work --json").json
    assert (shown["exit_code"], shown["reason"]) == (3, "exit status 3")
    (run,) = host.runs("work")
    assert run.ended_at is not None and run.ended_at <= ended_by, "not when it was found, but when it happened"
    _the_money_is_right(host)


def _stands_still(pid: int) -> bool:
    facts = process_facts(pid)
    assert facts is not None
    return facts.state == "T"


def _is_led_by_another(host: Host) -> bool:
    health = host.shell.done("health --json").json
    return bool(health["leads"]) and health["epoch"] == 2


def _the_money_is_right(host: Host) -> None:
    """Each run to the microsecond, nothing for the time between, nothing left set aside; what was preempted is free."""
    with host.units.look() as unit:
        rows = unit.deployments.in_states(set(State))
        used = refunded = 0
        for row in rows:
            assert not any(unit.ledger.holds_left([row.id]).values())
            for run in unit.runs.of_deployment(row.id):
                assert run.ended_at is not None
                cost = due(run.line, run.ended_at).ucr
                if len(run.segments) == 1:
                    assert cost == RATE_UCR * (run.ended_at - run.started_at) // HOUR
                used += 0 if run.end_cause == "preempted" else cost
                refunded += run.end_cause == "preempted"
        balance = unit.ledger.balance(rows[0].account)
    assert balance.posted.ucr == 100_000_000 - used
    assert not balance.held
    assert refunded == sum(row.name == "low" for row in rows)
    host.type("verify-ledger")
    findings = host.shell("doctor --json").json["findings"]
    assert [finding["check"] for finding in findings if finding["verdict"] == "FAIL"] == []
