from __future__ import annotations

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
def a_cluster(tmp_path: Path) -> Iterator[Callable[..., DockerRig]]:
    """Makes clusters of engines, by node, and lets go of them."""
    made: list[DockerRig] = []

    def make(*, at: str = "c1", settings: Mapping[str, str] | None = None, **engines: Any) -> DockerRig:
        hosts = {node: engine if isinstance(engine, str) else engine.url for node, engine in engines.items()}
        made.append(DockerRig(tmp_path / at, hosts, **(settings or {})))
        return made[-1]

    yield make
    for rig in made:
        rig.close()


@pytest.fixture(params=["docker", "podman"])
def either(request: pytest.FixtureRequest) -> Iterator[docker.Dockerd | podman.Podman]:
    """Each of the two engines in turn, empty again afterwards."""
    engine = request.getfixturevalue({"docker": "dockerd", "podman": "podman_service"}[request.param])
    yield engine
    engine.remove_all()
