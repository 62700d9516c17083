"""What every driver must do, with a real Docker Engine and a real Podman."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.domain.engines import Phase, Trouble
from core.domain.errors import Invalid
from tests.drivers.contract import SIZE, DriverContract, Rig, a_token
from tests.drivers.docker_rig import NODE, DockerRig
from tests.live.engines.docker import Dockerd
from tests.live.engines.podman import Podman

pytestmark = pytest.mark.live


class TestDocker(DriverContract):
    @pytest.fixture
    def rig(self, tmp_path: Path, dockerd: Dockerd) -> Iterator[DockerRig]:
        rig = DockerRig(tmp_path / "c1", {NODE: dockerd.url})
        yield rig
        rig.close()
        dockerd.remove_all()


class TestPodman(DriverContract):
    @pytest.fixture
    def rig(self, tmp_path: Path, podman_service: Podman) -> Iterator[DockerRig]:
        rig = DockerRig(tmp_path / "c1", {NODE: podman_service.url})
        yield rig
        rig.close()
        podman_service.remove_all()

    def test_what_was_ensured_runs_and_is_listed_with_what_it_was_given(self, rig: Rig) -> None:
        """Without a GPU, which Podman would leave out and say nothing of."""
        token = a_token()
        given: dict[str, Any] = {"node": NODE, "labels": {"team": "vision"}, "resources": SIZE}
        rig.driver.ensure(rig.lasting(token, name="train", **given))
        found = rig.until_running(token)
        assert (found.token, found.phase, found.is_live) == (token, Phase.RUNNING, True)
        assert {part: getattr(found, part) for part in given} == given
        assert found.name == "train"

    def test_a_request_for_gpus_is_refused_and_never_runs_without_them(self, rig: Rig) -> None:
        with pytest.raises(Invalid) as refused:
            rig.driver.ensure(rig.lasting(a_token(), gpu_devices=("0",)))
        assert refused.value.code == Trouble.CANNOT_RUN
        assert "Podman" in refused.value.message
