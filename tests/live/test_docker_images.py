"""Images that come from registries, or do not: a real registry, open and behind a password."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator

import docker as sdk
import pytest

from core.domain.engines import Observed, Phase, Spec, Trouble
from core.domain.errors import BursarError
from core.drivers.docker import DockerDriver
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


def outcome(driver: DockerDriver, spec: Spec) -> Observed | BursarError:
    """What came of it: told at once, or by a later look."""
    try:
        answer = driver.ensure(spec)
    except BursarError as error:
        return error
    return until_decided(driver) if answer.phase is Phase.STARTING else answer


def until_decided(driver: DockerDriver) -> Observed:
    def decided() -> bool:
        found = driver.observe(INSTALL).find(TOKEN)
        return found is not None and found.phase is not Phase.STARTING

    until(decided, "the pull has no end")
    found = driver.observe(INSTALL).find(TOKEN)
    assert found is not None
    return found


def refused_as(found: Observed | BursarError) -> tuple[str | None, str]:
    return (found.error, found.message) if isinstance(found, Observed) else (found.code, found.message)


def test_an_image_is_fetched_and_then_it_runs(a_cluster: Cluster, either: Engine, place: registry.Registry) -> None:
    image = f"{place.address}/team/tiny"
    without(either, image)
    rig = a_cluster(n1=either)
    driver = rig.opened(secrets=secrets_for(place) if place.user else {})
    spec = a_container(TOKEN, "exec sleep 1000", image=f"{image}:1")
    with place.hanging():
        first = driver.ensure(spec)
        assert (first.phase, first.token) == (Phase.STARTING, TOKEN)
        assert first.message == f"pulling {image}:1"
        (listed,) = driver.observe(INSTALL).instances
        assert (listed.token, listed.phase, listed.message) == (TOKEN, Phase.STARTING, first.message)
        assert driver.ensure(spec).message == first.message, "it is asked for once"
    running = until_decided(driver)
    assert running.phase is Phase.RUNNING, running.message
    assert running.facts["image"].startswith(f"{image}@sha256:")
    assert driver.ensure(spec).engine_id == running.engine_id

    pinned = a_container(a_token("dep-pinned"), "true", image=running.facts["image"])
    assert driver.ensure(pinned).phase is not Phase.FAILED
    without(either, image)


def test_a_small_image_is_there_at_once(a_cluster: Cluster, either: Engine, place: registry.Registry) -> None:
    without(either, f"{place.address}/team/tiny")
    driver = a_cluster(n1=either).opened(secrets=secrets_for(place) if place.user else {})
    found = outcome(driver, a_container(TOKEN, "exec sleep 1000", image=f"{place.address}/team/tiny:1"))
    assert isinstance(found, Observed) and found.phase is Phase.RUNNING


@pytest.mark.parametrize("name", ["team/tiny:2", "team/none:1"])
def test_E50_what_the_registry_does_not_have_fails(
    a_cluster: Cluster, either: Engine, place: registry.Registry, name: str
) -> None:
    driver = a_cluster(n1=either).opened(secrets=secrets_for(place) if place.user else {})
    code, message = refused_as(outcome(driver, a_container(TOKEN, "true", image=f"{place.address}/{name}")))
    assert code == Trouble.IMAGE_MISSING
    assert name in message


def test_a_registry_that_refuses_us_is_no_trouble_of_the_engine(
    a_cluster: Cluster, either: Engine, place: registry.Registry
) -> None:
    if not place.user:
        pytest.skip("this registry is open to all")
    without(either, f"{place.address}/team/tiny")
    rig = a_cluster(n1=either)
    spec = a_container(TOKEN, "true", image=f"{place.address}/team/tiny:1")
    code, message = refused_as(outcome(rig.driver, spec))
    assert code == Trouble.IMAGE_MISSING
    assert "refused" in message


def test_a_registry_that_is_away_is_no_trouble_of_the_engine(a_cluster: Cluster, either: Engine) -> None:
    rig = a_cluster(n1=either)
    spec = a_container(TOKEN, "true", image=f"127.0.0.1:{free_port()}/team/tiny:1")
    code, message = refused_as(outcome(rig.driver, spec))
    assert code == Trouble.IMAGE_MISSING
    assert "cannot be reached" in message
    again = rig.driver.ensure(a_container(TOKEN, "true", image=IMAGE))
    assert again.phase is not Phase.FAILED, "asked again with what is there, it runs"


def test_a_stop_gives_up_what_waits_for_its_image(a_cluster: Cluster, either: Engine, place: registry.Registry) -> None:
    image = f"{place.address}/team/tiny"
    without(either, image)
    driver = a_cluster(n1=either).opened(secrets=secrets_for(place) if place.user else {})
    with place.hanging():
        assert driver.ensure(a_container(TOKEN, "true", image=f"{image}:1")).phase is Phase.STARTING
        driver.stop(TOKEN, 60)
        assert driver.observe(INSTALL).find(TOKEN) is None
    api = sdk.APIClient(base_url=either.url, version="auto")
    until(lambda: api.images(name=image), "the pull")
    assert driver.observe(INSTALL).instances == (), "the image has come, and nobody wants it"
