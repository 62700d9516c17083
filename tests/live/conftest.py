from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.drivers.docker_rig import DockerRig
from tests.live.engines import docker, podman
from tests.live.engines.machine import Impossible


@pytest.fixture(scope="session")
def dockerd() -> Iterator[docker.Dockerd]:
    """A Docker Engine that takes requests for GPUs."""
    try:
        with docker.running(with_gpus=True) as engine:
            yield engine
    except Impossible as reason:
        pytest.skip(f"Docker: {reason}")


@pytest.fixture(scope="session")
def podman_service() -> Iterator[podman.Podman]:
    try:
        with podman.running() as engine:
            yield engine
    except Impossible as reason:
        pytest.skip(f"Podman: {reason}")


@pytest.fixture
def own_podman() -> Iterator[podman.Podman]:
    """One that a test may kill."""
    try:
        with podman.running() as engine:
            yield engine
    except Impossible as reason:
        pytest.skip(f"Podman: {reason}")


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """What a library left open is closed before another test could be blamed for it."""
    yield
    gc.collect()


@pytest.fixture
def a_cluster(tmp_path: Path) -> Iterator[Callable[..., DockerRig]]:
    """Makes clusters of engines, by node; afterwards the engines are empty again."""
    made: list[DockerRig] = []
    used: list[Any] = []

    def make(
        *, at: str = "c1", cluster: str = "c1", settings: Mapping[str, str] | None = None, **engines: Any
    ) -> DockerRig:
        used.extend(engine for engine in engines.values() if not isinstance(engine, str))
        hosts = {node: engine if isinstance(engine, str) else engine.url for node, engine in engines.items()}
        made.append(DockerRig(tmp_path / at, hosts, cluster, **(settings or {})))
        return made[-1]

    yield make
    for rig in made:
        rig.close()
    for engine in used:
        engine.remove_all()


@pytest.fixture(params=["docker", "podman"])
def either(request: pytest.FixtureRequest) -> docker.Dockerd | podman.Podman:
    """Each of the two engines in turn."""
    found: docker.Dockerd | podman.Podman = request.getfixturevalue(
        {"docker": "dockerd", "podman": "podman_service"}[request.param]
    )
    return found
