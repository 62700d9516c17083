"""Images that come from registries, or do not: a real registry, open and behind a password."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import docker as sdk
import pytest

from core.domain.engines import Observed, Phase, Trouble
from tests.drivers.contract import INSTALL, a_token
from tests.drivers.docker_rig import SDK_LEAVES_SOCKETS, DockerRig, a_container
from tests.live.engines import registry
from tests.live.engines.docker import Dockerd
from tests.live.engines.image import IMAGE
from tests.live.engines.machine import Impossible, free_port, until
from tests.live.engines.podman import Podman

pytestmark = [pytest.mark.live, SDK_LEAVES_SOCKETS]

TOKEN = a_token()
USER, PASSWORD = "reader", "a reader's word"
Engine = Dockerd | Podman
Cluster = Callable[..., DockerRig]


@pytest.fixture(scope="module", params=["open", "closed"])
def place(request: pytest.FixtureRequest, dockerd: Dockerd) -> Iterator[registry.Registry]:
    """A registry that has `team/tiny:1`; the closed one gives it only to whoever knows the password."""
    user, password = ("", "") if request.param == "open" else (USER, PASSWORD)
    try:
        with registry.running(user, password) as found:
            api = sdk.APIClient(base_url=dockerd.url, version="auto")
            api.tag(IMAGE, f"{found.address}/team/tiny", "1")
            known = {"username": user, "password": password}
            for line in api.push(f"{found.address}/team/tiny", "1", stream=True, decode=True, auth_config=known):
                assert "error" not in line, line
            yield found
    except Impossible as reason:
        pytest.skip(f"registry: {reason}")


def without(engine: Engine, image: str) -> None:
    api = sdk.APIClient(base_url=engine.url, version="auto")
    for one in api.images(name=image):
        for tag in one["RepoTags"] or ():
            api.remove_image(tag, force=True)


def secrets_for(place: registry.Registry) -> dict[str, str]:
    auth = base64.b64encode(f"{place.user}:{place.password}".encode()).decode()
    return {"DOCKER_AUTH_CONFIG": json.dumps({"auths": {place.address: {"auth": auth}}})}


def until_decided(rig: DockerRig, driver: Any) -> Observed:
    def decided() -> bool:
        found = driver.observe(INSTALL).find(TOKEN)
        return found is not None and found.phase is not Phase.STARTING

    until(decided, "the pull has no end")
    found = driver.observe(INSTALL).find(TOKEN)
    assert isinstance(found, Observed)
    return found


def test_an_image_is_fetched_and_then_it_runs(a_cluster: Cluster, either: Engine, place: registry.Registry) -> None:
    image = f"{place.address}/team/tiny"
    without(either, image)
    rig = a_cluster(n1=either)
    driver = rig.opened(secrets=secrets_for(place) if place.user else {})
    spec = a_container(TOKEN, "exec sleep 1000", image=f"{image}:1")
    first = driver.ensure(spec)
    assert (first.phase, first.token) == (Phase.STARTING, TOKEN)
    assert first.message.startswith(f"pulling {image}:1")
    running = until_decided(rig, driver)
    assert running.phase is Phase.RUNNING, running.message
    assert running.facts["image"].startswith(f"{image}@sha256:")
    assert driver.ensure(spec).engine_id == running.engine_id

    pinned = a_container(a_token("dep-pinned"), "true", image=running.facts["image"])
    assert driver.ensure(pinned).phase is not Phase.FAILED
    without(either, image)


def test_E50_what_the_registry_does_not_have_fails(
    a_cluster: Cluster, either: Engine, place: registry.Registry
) -> None:
    rig = a_cluster(n1=either)
    driver = rig.opened(secrets=secrets_for(place) if place.user else {})
    for name in ("team/tiny:2", "team/none:1"):
        driver.ensure(a_container(TOKEN, "true", image=f"{place.address}/{name}"))
        failed = until_decided(rig, driver)
        assert (failed.phase, failed.error) == (Phase.FAILED, Trouble.IMAGE_MISSING)
        assert name in failed.message


def test_a_registry_that_refuses_us_is_no_trouble_of_the_engine(
    a_cluster: Cluster, either: Engine, place: registry.Registry
) -> None:
    if not place.user:
        pytest.skip("this registry is open to all")
    without(either, f"{place.address}/team/tiny")
    rig = a_cluster(n1=either)
    rig.driver.ensure(a_container(TOKEN, "true", image=f"{place.address}/team/tiny:1"))
    failed = until_decided(rig, rig.driver)
    assert (failed.phase, failed.error) == (Phase.FAILED, Trouble.IMAGE_MISSING)
    assert "refused" in failed.message


def test_a_registry_that_is_away_is_no_trouble_of_the_engine(a_cluster: Cluster, either: Engine) -> None:
    rig = a_cluster(n1=either)
    rig.driver.ensure(a_container(TOKEN, "true", image=f"127.0.0.1:{free_port()}/team/tiny:1"))
    failed = until_decided(rig, rig.driver)
    assert (failed.phase, failed.error) == (Phase.FAILED, Trouble.IMAGE_MISSING)
    assert "cannot be reached" in failed.message
    again = rig.driver.ensure(a_container(TOKEN, "true", image=IMAGE))
    assert again.phase is not Phase.FAILED, "asked again with what is there, it runs"


def test_a_stop_gives_up_what_waits_for_its_image(a_cluster: Cluster, dockerd: Dockerd) -> None:
    rig = a_cluster(n1=dockerd)
    rig.driver.ensure(a_container(TOKEN, "true", image=f"127.0.0.1:{free_port()}/team/tiny:1"))
    rig.driver.stop(TOKEN, 60)
    assert rig.driver.observe(INSTALL).find(TOKEN) is None
