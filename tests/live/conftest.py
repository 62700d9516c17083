from __future__ import annotations

from collections.abc import Iterator

import pytest

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
