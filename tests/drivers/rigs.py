"""Rigs: how the contract's suite starts, awaits and cleans up with each driver."""

from __future__ import annotations

import os
import select
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.clock import SECOND, ManualClock, SystemClock
from core.domain.engines import Observed, Site, Spec, Token
from core.domain.errors import BursarError
from core.drivers.process import ProcessDriver
from core.drivers.scripted import Control, ScriptedDriver
from tests.drivers.contract import INSTALL

PATIENCE_S = 240.0


def a_spec(token: Token, **parts: Any) -> Spec:
    return replace(Spec(token=token, name="work", kind="job", by_operator=True), **parts)


class ScriptedRig:
    def __init__(self, home: Path, **settings: str) -> None:
        self.clock = ManualClock()
        self.home = home
        self.settings = settings
        self._opened: list[ScriptedDriver] = []
        self.driver = self.opened()
        self.control = Control(self.driver.world, self.clock)

    def opened(self, *, secrets: Mapping[str, str] | None = None, **settings: str) -> ScriptedDriver:
        site = Site("c1", self.home, self.clock, {**self.settings, **settings}, secrets or {}, deadline_s=20.0)
        driver = ScriptedDriver(site)
        self._opened.append(driver)
        return driver

    def reopened(self) -> ScriptedDriver:
        return self.opened()

    def lasting(self, token: Token, **parts: Any) -> Spec:
        return a_spec(token, **parts)

    def deaf(self, token: Token) -> Spec:
        return a_spec(token, labels={"sim.deaf": "yes"})

    def ending(self, token: Token, code: int) -> Spec:
        return a_spec(token, labels={"sim.duration": "90s", "sim.exit": str(code)})

    def until_running(self, token: Token) -> Observed:
        found = self.driver.observe(INSTALL).find(token)
        assert found is not None
        return found

    def until_over(self, token: Token) -> Observed | None:
        for _ in range(200):
            found = self.driver.observe(INSTALL).find(token)
            if found is None or not found.is_live:
                return found
            self.clock.advance(SECOND)
        raise AssertionError(f"{token} does not end")

    def close(self) -> None:
        for driver in self._opened:
            driver.close()


class ProcessRig:
    """Real processes: it waits by blocking on what the kernel tells, never by sleeping."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.settings = {"limits": "rlimits", "keeper_idle": "0.05s", **settings}
        self._opened: list[ProcessDriver] = []
        self._fifos = 0
        self._ready: dict[Token, Path] = {}
        self.driver = self.opened()

    def opened(self, *, deadline_s: float = PATIENCE_S, **settings: str) -> ProcessDriver:
        site = Site("c1", self.home, SystemClock(), {**self.settings, **settings}, deadline_s=deadline_s)
        driver = ProcessDriver(site)
        self._opened.append(driver)
        return driver

    def reopened(self) -> ProcessDriver:
        return self.opened()

    def shell(self, token: Token, script: str, **parts: Any) -> Spec:
        """A script that says `ready` when it is; until then nobody looks at it."""
        fifo = self.fifo()
        self._ready[token] = fifo
        return a_spec(token, command=("/bin/sh", "-c", script.replace("READY", f"echo ready > '{fifo}'")), **parts)

    def fifo(self) -> Path:
        self._fifos += 1
        place = self.home.parent / f"fifo-{self._fifos}"
        os.mkfifo(place)
        return place

    def lasting(self, token: Token, **parts: Any) -> Spec:
        return self.shell(token, "READY; exec sleep 1000", **parts)

    def deaf(self, token: Token) -> Spec:
        return self.shell(token, "trap '' TERM; READY; while :; do sleep 1000; done")

    def ending(self, token: Token, code: int) -> Spec:
        return a_spec(token, command=("/bin/sh", "-c", f"echo begun; echo done >&2; exit {code}"))

    def until_running(self, token: Token) -> Observed:
        fifo = self._ready.pop(token, None)
        if fifo is not None:
            assert heard(fifo) == "ready\n"
        found = self.driver.observe(INSTALL).find(token)
        assert found is not None
        return found

    def until_over(self, token: Token) -> Observed | None:
        """And its shim has rested and is gone, too: nobody stands beside it any more."""
        found = self.driver.observe(INSTALL).find(token)
        if found is not None and "shim" in found.facts:
            until_ended(int(found.facts["shim"]))
        return self.driver.observe(INSTALL).find(token)

    def close(self) -> None:
        observation = self.driver.observe(INSTALL)
        for install in (INSTALL, "other"):
            for found in self.driver.observe(install).instances:
                if found.token is not None and found.is_live:
                    self.driver.stop(found.token, 0)
                    until_ended(int(found.facts["shim"]))
        assert observation.at
        for driver in self._opened:
            driver.close()


def heard(fifo: Path) -> str:
    """What somebody writes into it, or a failure after a while."""
    end = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert select.select([end], [], [], PATIENCE_S)[0], f"nobody wrote into {fifo.name}"
        return os.read(end, 4096).decode()
    finally:
        os.close(end)


def until_ended(pid: int) -> None:
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([process], [], [], PATIENCE_S)[0], f"process {pid} does not end"
    finally:
        os.close(process)


def the_code(call: Any) -> str:
    """The code of the error that a call ends in."""
    with pytest.raises(BursarError) as raised:
        call()
    return raised.value.code
