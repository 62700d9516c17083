"""Fifty containers started by the driver, beside the same through the bare SDK: starts a second, in one run.

The driver looks for each token first, looks the image up, and reads back what it has started: four questions where
the bare SDK asks two. It has four hands for each engine; the SDK is measured with one and with four.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker as sdk

from core.clock import SystemClock
from core.domain.engines import Observed, Phase, Site, Spec, Token, ensure_each
from core.domain.resources import Resources
from core.drivers.docker import DockerDriver
from tests.live.engines import docker, podman
from tests.live.engines.image import IMAGE
from tests.live.engines.machine import Impossible

SIZE = Resources(cpu_milli=100, ram_mib=32)
COMMAND = ("sleep", "1000")


def bare(url: str, count: int, hands: int) -> float:
    """What anybody would write: create and start, from so many threads."""
    api = sdk.APIClient(base_url=url, version="auto", timeout=60)
    host = api.create_host_config(network_mode="none", init=True, mem_limit="32m", nano_cpus=100_000_000)

    def one(number: int) -> None:
        made = api.create_container(IMAGE, list(COMMAND), name=f"bare-{number}", host_config=host)
        api.start(made["Id"])

    with ThreadPoolExecutor(hands) as pool:
        began = time.perf_counter()
        list(pool.map(one, range(count)))
        took = time.perf_counter() - began
    api.close()
    return count / took


def by_driver(url: str, count: int) -> tuple[float, float]:
    """Starts a second, and how long a look at all of them takes."""
    with tempfile.TemporaryDirectory() as home:
        settings = {"host.n1": url, "network": "none"}
        driver = DockerDriver(Site("bench", Path(home), SystemClock(), settings, deadline_s=120.0))
        specs = [
            Spec(Token("bench", f"dep-{n}", 1), f"n{n}", "service", SIZE, image=IMAGE, command=COMMAND)
            for n in range(count)
        ]
        began = time.perf_counter()
        answers = ensure_each(driver, specs)
        took = time.perf_counter() - began
        wrong = [one for one in answers if not isinstance(one, Observed) or one.phase is not Phase.RUNNING]
        assert not wrong, wrong[0]
        driver.observe("bench")
        began = time.perf_counter()
        assert len(driver.observe("bench").instances) == count
        look = time.perf_counter() - began
        driver.close()
        return count / took, look


def compared(name: str, engine: Any, count: int, rounds: int) -> None:
    measures: dict[str, Callable[[], float]] = {
        "bare SDK, 1 thread": lambda: bare(engine.url, count, 1),
        "bare SDK, 4 threads": lambda: bare(engine.url, count, 4),
    }
    rates: dict[str, list[float]] = {label: [] for label in (*measures, "driver")}
    looks: list[float] = []
    for _ in range(rounds):
        for label, measure in measures.items():
            rates[label].append(measure())
            engine.remove_all()
        rate, look = by_driver(engine.url, count)
        rates["driver"].append(rate)
        looks.append(look)
        engine.remove_all()
    for label, found in rates.items():
        print(f"{name:<8}{label:<22}{sorted(found)[len(found) // 2]:7.1f} starts a second")
    print(f"{name:<8}{f'driver, a look at {count}':<22}{1000 * sorted(looks)[len(looks) // 2]:7.1f} ms")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="containers", description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3, help="the middle one is told")
    given = parser.parse_args(arguments)
    for name, running in (("docker", docker.running), ("podman", podman.running)):
        try:
            with running() as engine:
                compared(name, engine, given.count, given.rounds)
        except Impossible as reason:
            print(f"{name:<8}cannot be had here: {reason}")
    return 0
