"""Of several nodes that are engines of their own one is away: its runs stay as they were, the others' go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from core.clock import HOUR, MINUTE
from core.daemon.background import Daemon
from core.daemon.reconciling import reconcile
from core.domain.engines import Observation
from core.domain.lifecycle import State
from core.drivers.registry import DriverRegistry
from tests.daemon.world import World

FIRST, SECOND_NODE = "sim-1", "sim-2"


class SeveralEngines:
    """A simulated engine whose nodes are asked one by one, of which some may be away."""

    def __init__(self, inner: Any, away: set[str]) -> None:
        self._inner, self._away = inner, away

    def observe(self, install: str) -> Observation:
        seen = self._inner.observe(install)
        nodes = {node.name: "no answer" if node.name in self._away else "" for node in self._inner.discover()}
        there = tuple(one for one in seen.instances if one.node not in self._away)
        return replace(seen, instances=there, complete=not self._away, nodes=nodes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@pytest.fixture
def sim(world: World) -> World:
    world.cluster(cpu="0", ram="0", nodes="2", node_cpu="4", node_ram="16")
    return world


@pytest.fixture
def away() -> set[str]:
    """The names of the nodes that do not answer."""
    return set()


@pytest.fixture
def daemon(sim: World, away: set[str]) -> Iterator[Daemon]:
    class Registry(DriverRegistry):
        def open(self, driver: str, cluster: str, settings: Mapping[str, str]) -> Any:
            return SeveralEngines(super().open(driver, cluster, settings), away)

    registry = Registry(home=sim.settings.home, clock=sim.time, environ={})
    daemon = Daemon(sim.units, sim.settings, registry, sim.ids)
    yield daemon
    daemon.close()


def one_on_each(sim: World, daemon: Daemon) -> tuple[str, str]:
    """Two runs, by the nodes that they are on."""
    works = [sim.submit(name, cpu="4", hours="9") for name in ("one", "two")]
    daemon.once()
    homes = {sim.bursar.deployments.show(sim.olga, work).node: work for work in works}
    return homes[FIRST], homes[SECOND_NODE]


def states(sim: World) -> dict[str, str]:
    return {node.name: node.state for node in sim.bursar.clusters.show(sim.olga, "sim").nodes}


def doctor_says(sim: World) -> list[str]:
    findings = sim.bursar.operations.doctor(sim.olga).findings
    return [finding.message for finding in findings if finding.check == "engines answer"]


def test_E44_what_is_on_a_node_that_is_away_is_never_gone_and_not_billed(
    sim: World, daemon: Daemon, away: set[str]
) -> None:
    here, there = one_on_each(sim, daemon)
    away.add(SECOND_NODE)
    sim.pass_time(HOUR, daemon)
    assert (sim.state(here), sim.state(there)) == (State.RUNNING, State.RUNNING)
    last_seen = sim.runs(there)[0].seen_at
    assert sim.runs(here)[0].seen_at == sim.time.now() > last_seen, "only who is seen is known to live"
    away.clear()
    sim.pass_time(MINUTE, daemon)
    assert sim.runs(there)[0].seen_at == sim.time.now()
    assert sim.state(there) is State.RUNNING


def test_E44_a_node_that_is_away_keeps_no_end_on_another_from_being_seen(
    sim: World, daemon: Daemon, away: set[str]
) -> None:
    here, there = one_on_each(sim, daemon)
    away.add(SECOND_NODE)
    sim.control().vanish(sim.token(here))
    sim.control().vanish(sim.token(there))
    sim.pass_time(MINUTE, daemon)
    assert (sim.state(here), sim.state(there)) == (State.STOPPED, State.RUNNING)
    away.clear()
    sim.pass_time(MINUTE, daemon)
    assert sim.state(there) is State.STOPPED


def test_a_stop_on_a_node_that_is_away_is_proved_when_it_is_back(sim: World, daemon: Daemon, away: set[str]) -> None:
    here, there = one_on_each(sim, daemon)
    away.add(SECOND_NODE)
    for work in (here, there):
        sim.bursar.deployments.stop(sim.olga, work)
    sim.pass_time(MINUTE, daemon)
    sim.pass_time(MINUTE, daemon)
    assert (sim.state(here), sim.state(there)) == (State.STOPPED, State.STOPPING)
    away.clear()
    sim.pass_time(MINUTE, daemon)
    assert sim.state(there) is State.STOPPED


def test_a_node_that_is_away_is_down_and_takes_nothing_until_it_is_back(
    sim: World, daemon: Daemon, away: set[str]
) -> None:
    daemon.once()
    away.add(SECOND_NODE)
    daemon.once()
    assert states(sim) == {FIRST: "up", SECOND_NODE: "down"}
    assert doctor_says(sim) == [f"sim/{SECOND_NODE}: no answer"]
    works = [sim.submit(f"w{n}", cpu="4", hours="1") for n in range(2)]
    daemon.once()
    assert sorted(sim.state(work) for work in works) == [State.QUEUED, State.RUNNING]
    away.clear()
    sim.pass_time(MINUTE, daemon)
    assert states(sim) == {FIRST: "up", SECOND_NODE: "up"}
    assert doctor_says(sim) == []
    assert {sim.state(work) for work in works} == {State.RUNNING}
    assert len(sim.events("cluster.node")) == 2, "told once when it went, and once when it came"


def test_what_people_have_said_of_a_node_stands_while_it_is_away(sim: World, daemon: Daemon, away: set[str]) -> None:
    sim.bursar.clusters.set_node_state(sim.olga, "sim", SECOND_NODE, "drained")
    away.add(SECOND_NODE)
    daemon.once()
    assert states(sim)[SECOND_NODE] == "drained"
    away.clear()
    daemon.once()
    assert states(sim)[SECOND_NODE] == "drained"


def test_a_gang_over_both_waits_for_the_one_that_is_away(sim: World, daemon: Daemon, away: set[str]) -> None:
    gang = sim.submit("gang", cpu="4", replicas=2, hours="9")
    daemon.once()
    away.add(SECOND_NODE)
    sim.pass_time(HOUR, daemon)
    assert sim.state(gang) is State.RUNNING
    away.clear()
    sim.pass_time(MINUTE, daemon)
    assert sim.state(gang) is State.RUNNING


def test_reconcile_names_the_node_and_misses_nothing_elsewhere(sim: World, daemon: Daemon, away: set[str]) -> None:
    here, there = one_on_each(sim, daemon)
    away.add(SECOND_NODE)
    for work in (here, there):
        sim.control().vanish(sim.token(work))
    report = reconcile(daemon.ground)
    assert report.unanswered == (f"sim/{SECOND_NODE}",)
    assert [line.deployment for line in report.lines] == [here]
