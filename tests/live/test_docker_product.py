"""Containers as a team has them: made, paid, read, stopped and refunded by the program, on real engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.live.engines import registry
from tests.live.engines.docker import Dockerd
from tests.live.engines.image import IMAGE
from tests.live.engines.machine import Impossible, free_port, until
from tests.live.engines.podman import Podman
from tests.live.program import Program

pytestmark = pytest.mark.live

RATE = Decimal("0.5") * Decimal("0.05") + Decimal("0.25") * Decimal("0.01")  # half a CPU, a quarter of a GiB, an hour


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory, dockerd: Dockerd, podman_service: Podman) -> Iterator[Program]:
    """A team with one cluster of two engines; each tells its own size."""
    program = Program(tmp_path_factory.mktemp("farm") / "home")
    program.founded()
    program(f"cluster create farm --driver docker --set host={dockerd.url} --set publish=127.0.0.1")
    program(f"cluster add-node farm small --set host={podman_service.url}")
    yield program
    dockerd.remove_all()
    podman_service.remove_all()


@pytest.fixture
def bursar(farm: Program) -> Program:
    """Mia sits there."""
    farm.log_in("mia")
    return farm


def seconds(found: dict[str, Any]) -> Decimal:
    began, ended = (datetime.fromisoformat(found[name]) for name in ("started_at", "ended_at"))
    span = ended - began
    return Decimal(span.days * 86400 + span.seconds) + Decimal(span.microseconds) / 1_000_000


def spent(program: Program) -> Decimal:
    return Decimal(100) - Decimal(str(program.json("wallet")["credits"]["balance"]))


def test_a_cluster_of_two_engines_tells_its_nodes(bursar: Program) -> None:
    card = bursar.json("cluster show farm")
    nodes = {node["name"]: node for node in card["nodes"]}
    assert set(nodes) == {"node-1", "small"}
    assert nodes["node-1"]["labels"]["engine"] == "docker" and nodes["small"]["labels"]["engine"] == "podman"
    assert all(node["total"]["cpu"] >= 1 for node in nodes.values())


def test_what_an_engine_would_bring_is_told_before_anything_is_made(
    farm: Program, dockerd: Dockerd, podman_service: Podman
) -> None:
    farm.log_in("olga")
    for engine in (dockerd, podman_service):
        (found,) = farm.json(f"cluster discover --driver docker --set host={engine.url}")["items"]
        assert found["total"]["cpu"] >= 1 and found["total"]["ram"] > 0 and found["total"]["disk"] > 0
        assert (found["driver"], found["settings"]) == ("docker", {"host": engine.url})


def test_a_job_runs_is_read_and_is_paid_to_the_last_unit(bursar: Program) -> None:
    before = spent(bursar)
    size = "--cpu 0.5 --ram 256MiB --hours 1"
    bursar(f"submit train --cluster farm --image {IMAGE} {size} -- sh -c 'echo begun; sleep 2; echo done'")
    assert Decimal(str(bursar.json("wallet")["credits"]["held"])) == RATE
    found = bursar.serve_until("train", "completed")
    assert bursar("logs train") == "begun\ndone\n"
    assert seconds(found) >= 2
    due = int(RATE * 1_000_000 * seconds(found) * 1000 // 3_600_000) / Decimal(1_000_000)
    assert abs(spent(bursar) - before - due) <= Decimal("0.000001")
    assert Decimal(str(bursar.json("wallet")["credits"]["held"])) == 0


def test_a_service_runs_until_it_is_stopped(bursar: Program) -> None:
    before = spent(bursar)
    bursar(f"submit serve --cluster farm --image {IMAGE} --cpu 0.5 --ram 256MiB -- sh -c 'echo up; exec sleep 1000'")
    running = bursar.serve_until("serve", "running")
    assert running["node"] in ("node-1", "small")
    assert "up" in bursar("logs serve")
    bursar("stop serve")
    stopped = bursar.serve_until("serve", "stopped")
    assert stopped["ended_at"] is not None
    assert Decimal(0) < spent(bursar) - before < Decimal("0.01")
    bursar("start serve")
    assert bursar.serve_until("serve", "running")["state"] == "running"
    bursar("delete serve -y")
    assert bursar.serve_until("serve", "deleted")["state"] == "deleted"


def until_it_rests(program: Program, line: str) -> str:
    """What was under way when it was suspended may still be written: whoever does so is not suspended with it."""
    said = [program(line)]

    def rests() -> bool:
        program("daemon --once")
        said.append(program(line))
        return said[-1] == said[-2]

    until(rests, f"bursar {line} goes on")
    return said[-1]


@pytest.mark.parametrize(("node", "other"), [("node-1", "small"), ("small", "node-1")], ids=["docker", "podman"])
def test_what_is_suspended_stands_still_and_goes_on(farm: Program, node: str, other: str) -> None:
    farm.log_in("olga")
    farm(f"cluster cordon farm {other}")
    script = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done"
    farm(f"submit count --cluster farm --image {IMAGE} --cpu 0.5 --ram 64MiB -- sh -c '{script}'")
    farm.serve_until("count", "running")
    farm("suspend count")
    farm.serve_until("count", "suspended")
    first = until_it_rests(farm, "logs count")
    (shown,) = farm.json("show count")["instances"]
    assert shown["node"] == node
    farm("resume count")
    farm.serve_until("count", "running")
    until(lambda: len(farm("logs count")) > len(first), "it goes on")
    assert farm.json("show count")["runs"][0]["generation"] == 1, "in the same run"
    farm("delete count -y")
    farm.serve_until("count", "deleted")
    farm(f"cluster resume farm {other}")


def test_images_come_only_from_where_the_operator_allows(farm: Program) -> None:
    farm.log_in("mia")
    farm.environ["BURSAR_CLUSTERS_REGISTRIES"] = "ghcr.io/acme"
    try:
        refused = farm(f"submit shut --cluster farm --image {IMAGE} --cpu 0.5 --ram 64MiB", fails=2)
    finally:
        del farm.environ["BURSAR_CLUSTERS_REGISTRIES"]
    assert "ghcr.io/acme" in refused
    assert [one["name"] for one in farm.json("list")["items"] if one["name"] == "shut"] == []


def test_how_a_program_failed_is_told(bursar: Program) -> None:
    bursar(f"submit bad --cluster farm --image {IMAGE} --cpu 0.5 --ram 256MiB --hours 1 -- sh -c 'exit 3'")
    bad = bursar.serve_until("bad", "failed")
    assert bad["reason"] == "exit status 3"
    assert [(one["exit_code"], one["oom"]) for one in bad["instances"]] == [(3, False)]
    hungry = "x=a; while :; do x=$x$x; done"
    bursar(f"submit big --cluster farm --image {IMAGE} --cpu 0.5 --ram 16MiB --hours 1 -- sh -c '{hungry}'")
    big = bursar.serve_until("big", "failed")
    assert "out of memory" in big["reason"]
    assert [(one["exit_code"], one["oom"]) for one in big["instances"]] == [(137, True)]


@pytest.mark.parametrize(("node", "other"), [("node-1", "small"), ("small", "node-1")], ids=["docker", "podman"])
def test_what_runs_is_shown_with_its_image_its_port_and_what_it_takes(farm: Program, node: str, other: str) -> None:
    farm.log_in("olga")
    farm(f"cluster cordon farm {other}")
    farm(
        f"submit busy --cluster farm --image {IMAGE} --cpu 0.5 --ram 64MiB --label docker.ports=8080"
        " -- sh -c 'while :; do :; done'"
    )
    farm.serve_until("busy", "running")
    shown = served(farm, "busy", lambda found: (found["cpu_used"] or 0) > 0.05)
    assert (shown["node"], shown["generation"], shown["exit_code"]) == (node, 1, None)
    assert shown["cpu_used"] < 1.0 and shown["ram_used"] is not None
    assert shown["facts"]["container"] == shown["engine_id"][:12]
    assert "sha256:" in shown["facts"]["image"]
    assert shown["facts"]["ports"].startswith("127.0.0.1:")
    text = farm("show busy")
    assert f"run 1 on {node}, seen " in text and f"container  {shown['facts']['container']}" in text
    farm("delete busy -y")
    farm.serve_until("busy", "deleted")
    farm(f"cluster resume farm {other}")


def served(program: Program, name: str, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Its instance as it is shown once something holds, while one daemon serves: use is a difference."""
    found: list[dict[str, Any]] = []

    def is_so() -> bool:
        found[:] = program.json(f"show {name}")["instances"]
        return len(found) == 1 and bool(holds(found[0]))

    with program.serving():
        until(is_so, f"{name} shows it")
    return found[0]


def test_how_far_an_image_has_come_is_shown_while_it_starts(farm: Program, dockerd: Dockerd) -> None:
    farm.log_in("olga")
    farm("cluster cordon farm small")
    try:
        with registry.running() as place:
            api = docker.APIClient(base_url=dockerd.url, version="auto")
            api.tag(IMAGE, f"{place.address}/team/far", "1")
            for line in api.push(f"{place.address}/team/far", "1", stream=True, decode=True):
                assert "error" not in line, line
            api.remove_image(f"{place.address}/team/far:1")
            with farm.serving():
                with place.hanging():
                    farm(f"submit far --cluster farm --image {place.address}/team/far:1 --cpu 0.5 --ram 64MiB")
                    until(lambda: "pulling" in str(farm.json("show far")["reason"]), "the pull is not shown")
                    found = farm.json("show far")
                    assert (found["state"], found["instances"]) == ("starting", [])
                until(lambda: farm.json("show far")["state"] != "starting", "the pull does not end")
                until(lambda: farm.json("show far")["instances"], "what runs is not shown")
            image = farm.json("show far")["instances"][0]["facts"]["image"]
            assert image.startswith(f"{place.address}/team/far@sha256:")
            farm("delete far -y")
            farm.serve_until("far", "deleted")
    except Impossible as reason:
        pytest.skip(f"registry: {reason}")
    farm("cluster resume farm small")


def test_an_image_that_cannot_be_had_goes_back_to_the_queue_and_costs_nothing(farm: Program) -> None:
    farm.log_in("olga")
    farm("cluster cordon farm small")  # Podman asks a registry that is away for longer than --once waits
    farm.log_in("mia")
    before = spent(farm)
    image = f"127.0.0.1:{free_port()}/team/none:1"
    farm(f"submit lost --cluster farm --image {image} --cpu 0.5 --ram 256MiB --hours 1")
    waits = farm.serve_until_shown("show lost", lambda found: "cannot be reached" in str(found["reason"]))
    assert waits["state"] == "queued"
    assert spent(farm) == before
    farm("cancel lost")
    assert Decimal(str(farm.json("wallet")["credits"]["held"])) == 0
    farm.log_in("olga")
    farm("cluster resume farm small")


def test_E44_an_engine_that_is_away_is_a_node_that_is_down_and_its_run_is_not_gone(
    tmp_path: Path, dockerd: Dockerd, own_podman: Podman
) -> None:
    program = Program(tmp_path / "home")
    program.founded()
    program(f"cluster create pair --driver docker --set host={dockerd.url} --cpu 1 --ram 1")
    program(f"cluster add-node pair small --set host={own_podman.url} --cpu 1 --ram 1")
    for name in ("one", "two"):
        program(f"submit {name} --cluster pair --image {IMAGE} --cpu 1 --ram 64MiB -- sleep 1000")
    places = {program.serve_until(name, "running")["node"]: name for name in ("one", "two")}
    own_podman.kill()
    dockerd.remove_all()
    program.serve_until(places["node-1"], "stopped")
    assert serve_until_nodes(program, "down") == {"node-1": "up", "small": "down"}
    assert program.json(f"show {places['small']}")["state"] == "running"
    assert "does not answer" in program(f"logs {places['small']}", fails=7)
    own_podman.start()
    assert serve_until_nodes(program, "up") == {"node-1": "up", "small": "up"}
    assert program.json(f"show {places['small']}")["state"] == "running"
    program(f"delete {places['small']} -y")
    program.serve_until(places["small"], "deleted")


def serve_until_nodes(program: Program, small: str) -> dict[str, str]:
    """How the nodes are, once the small one is so."""

    def states(card: Any) -> dict[str, str]:
        return {node["name"]: node["state"] for node in card["nodes"]}

    return states(program.serve_until_shown("cluster show pair", lambda card: states(card)["small"] == small))


def test_gpus_are_given_by_their_names_also_in_a_second_cluster_on_the_same_engine(
    farm: Program, dockerd: Dockerd
) -> None:
    farm.log_in("olga")
    farm(f"cluster create gpus --driver docker --set host={dockerd.url} --cpu 2 --ram 4 --gpu 2")
    farm.log_in("mia")
    farm(f"submit whole --cluster gpus --image {IMAGE} --gpu 2 --hours 1 -- sh -c 'echo $NVIDIA_VISIBLE_DEVICES'")
    farm.serve_until("whole", "completed")
    assert farm("logs whole") == "0,1\n"


def test_the_books_are_right_afterwards(farm: Program) -> None:
    farm.log_in("olga")
    farm(f"submit one --cluster farm --image {IMAGE} --cpu 0.5 --ram 64MiB --hours 1 -- true")
    farm.serve_until("one", "completed")
    farm("verify-ledger")
    farm("audit --verify")
