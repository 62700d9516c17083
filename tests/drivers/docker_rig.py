"""The rig of containers: how the contract's suite starts, awaits and cleans up with real engines."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.clock import SystemClock
from core.domain.engines import Observed, Phase, Site, Spec, Token
from core.drivers.docker import DockerDriver
from tests.drivers.contract import INSTALL
from tests.live.engines.image import IMAGE
from tests.live.engines.machine import until

NODE = "n1"

# Where a question fails, the SDK leaves the socket that it had opened to the garbage collector.
SDK_LEAVES_SOCKETS = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def a_container(token: Token, script: str, **parts: Any) -> Spec:
    spec = Spec(token=token, name="work", kind="job", image=IMAGE, command=("sh", "-c", script))
    return replace(spec, **parts)


class DockerRig:
    """One engine or several: `hosts` are their URLs by node."""

    def __init__(self, home: Path, hosts: Mapping[str, str], cluster: str = "c1", **settings: str) -> None:
        self.home = home
        self.cluster = cluster
        self.settings = {**{f"host.{node}": url for node, url in hosts.items()}, **settings}
        self._opened: list[DockerDriver] = []
        self._speaking: set[Token] = set()
        self.driver = self.opened()

    def opened(
        self, *, deadline_s: float = 60.0, secrets: Mapping[str, str] | None = None, **settings: str
    ) -> DockerDriver:
        site = Site(
            self.cluster, self.home, SystemClock(), {**self.settings, **settings}, secrets or {}, deadline_s=deadline_s
        )
        driver = DockerDriver(site)
        self._opened.append(driver)
        return driver

    def reopened(self) -> DockerDriver:
        return self.opened()

    def lasting(self, token: Token, **parts: Any) -> Spec:
        return a_container(token, "exec sleep 1000", **parts)

    def deaf(self, token: Token) -> Spec:
        self._speaking.add(token)
        return a_container(token, "trap '' TERM; echo ready; while :; do sleep 1000; done")

    def ending(self, token: Token, code: int) -> Spec:
        return a_container(token, f"echo begun; echo done >&2; exit {code}")

    def seen(self, token: Token) -> Observed | None:
        return self.driver.observe(token.install).find(token)

    def until_running(self, token: Token) -> Observed:
        def running() -> bool:
            found = self.seen(token)
            return found is not None and found.phase is Phase.RUNNING

        until(running, f"{token} does not run")
        if token in self._speaking:  # only then does it heed nothing
            self.until_said(token, "ready")
        found = self.seen(token)
        assert found is not None
        return found

    def until_said(self, token: Token, word: str) -> None:
        until(lambda: word in self.driver.logs(token).text, f"{token} does not say {word}")

    def until_over(self, token: Token) -> Observed | None:
        def over() -> bool:
            found = self.seen(token)
            return found is None or not found.is_live

        until(over, f"{token} does not end")
        return self.seen(token)

    def close(self) -> None:
        for install in (INSTALL, "other"):
            with contextlib.suppress(Exception):
                for found in self.driver.observe(install).instances:
                    if found.token is not None:
                        self.driver.stop(found.token, 0)
        for driver in self._opened:
            driver.close()
