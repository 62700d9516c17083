"""Engines that die, come back, hang, or stand on several hosts: what is told, and what is never concluded from it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from core.domain.engines import Observed, Phase, Trouble, ensure_each
from core.domain.errors import BursarError, Unavailable
from core.drivers.docker import DockerDriver
from tests.drivers.contract import INSTALL, a_token
from tests.drivers.docker_rig import SDK_LEAVES_SOCKETS, DockerRig, a_container
from tests.live.engines import docker, podman
from tests.live.engines.machine import Impossible, until, until_gone

pytestmark = [pytest.mark.live, SDK_LEAVES_SOCKETS]

TOKEN, OTHER = a_token("dep-one"), a_token("dep-two")
Cluster = Callable[..., DockerRig]


@pytest.fixture
def own_dockerd(request: pytest.FixtureRequest) -> Iterator[docker.Dockerd]:
    """One that a test may kill."""
    try:
        with docker.running(*getattr(request, "param", ())) as engine:
            yield engine
    except Impossible as reason:
        pytest.skip(f"Docker: {reason}")


# Its own first process can be told to end without any engine, once it has said that it listens.
ENDS_WHEN_TOLD = "trap 'exit 3' TERM; echo ready; while :; do sleep 0.1; done"


def pid_of(found: Observed, rig: DockerRig) -> int:
    (node,) = [node for node in rig.driver._nodes.values() if node.node == found.node]
    assert found.token is not None
    inspected = node.inspect(found.token)
    assert inspected is not None
    return int(inspected["State"]["Pid"])


def test_two_engines_are_two_nodes_of_one_cluster(
    a_cluster: Cluster, dockerd: docker.Dockerd, podman_service: podman.Podman
) -> None:
    rig = a_cluster(big=dockerd, small=podman_service)
    answers = ensure_each(rig.driver, [rig.lasting(TOKEN, node="big"), rig.lasting(OTHER, node="small")])
    assert all(isinstance(answer, Observed) for answer in answers), answers
    assert (rig.until_running(TOKEN).node, rig.until_running(OTHER).node) == ("big", "small")
    assert {node.name: node.labels["engine"] for node in rig.driver.discover()} == {"big": "docker", "small": "podman"}
    for token in (TOKEN, OTHER):
        rig.driver.stop(token, 60)
        over = rig.until_over(token)
        assert over is not None and over.exit_code == 143
        rig.driver.forget(token)
    assert rig.driver.observe(INSTALL).instances == ()


def test_a_node_without_an_engine_takes_nothing(a_cluster: Cluster, dockerd: docker.Dockerd) -> None:
    rig = a_cluster(big=dockerd)
    with pytest.raises(BursarError) as refused:
        rig.driver.ensure(rig.lasting(TOKEN, node="small"))
    assert refused.value.code == Trouble.NO_CAPACITY


def test_two_names_of_one_engine_are_found_out(a_cluster: Cluster, dockerd: docker.Dockerd) -> None:
    with suppress(FileExistsError):
        (dockerd.folder / "again.sock").symlink_to(dockerd.socket)
    rig = a_cluster(big=dockerd, twin=f"unix://{dockerd.folder}/again.sock")
    with suppress(BursarError):
        rig.driver.ensure(rig.lasting(TOKEN, node="big"))
    with pytest.raises(Unavailable, match="one engine"):
        rig.driver.observe(INSTALL)


def test_E44_an_engine_that_is_away_proves_nothing(
    a_cluster: Cluster, own_podman: podman.Podman, dockerd: docker.Dockerd
) -> None:
    rig = a_cluster(big=dockerd, small=own_podman)
    rig.driver.ensure(rig.lasting(TOKEN, node="big"))
    rig.driver.ensure(rig.lasting(OTHER, node="small"))
    before = rig.until_running(OTHER)
    own_podman.kill()

    half = rig.driver.observe(INSTALL)
    assert not half.complete, "what is missing from it may live"
    assert half.unseen == ("small",) and half.nodes["small"]
    assert half.proves_absence_from("big") and not half.proves_absence_from("small")
    assert half.find(TOKEN) is not None and half.find(OTHER) is None
    for verb in (
        lambda: rig.driver.ensure(rig.lasting(OTHER, node="small")),
        lambda: rig.driver.stop(OTHER, 0),
        lambda: rig.driver.logs(OTHER),
    ):
        with pytest.raises(Unavailable) as refused:
            verb()
        assert refused.value.code == Trouble.ENGINE_FAULT, "the trouble of one node must not rest the whole cluster"

    rig.driver.stop(TOKEN, 0)
    rig.until_over(TOKEN)
    rig.driver.forget(TOKEN)
    assert rig.driver.observe(INSTALL).find(TOKEN) is None, "who is away keeps nothing of the others from going"

    own_podman.start()
    after = rig.until_running(OTHER)
    assert (after.engine_id, after.started_at) == (before.engine_id, before.started_at)
    whole = rig.driver.observe(INSTALL)
    assert whole.complete and whole.nodes == {"big": "", "small": ""}


def test_E44_a_single_engine_that_is_away_is_unavailable_and_never_empty(
    a_cluster: Cluster, own_podman: podman.Podman
) -> None:
    rig = a_cluster(n1=own_podman)
    rig.driver.ensure(rig.lasting(TOKEN))
    rig.until_running(TOKEN)
    own_podman.kill()
    for verb in (
        lambda: rig.driver.observe(INSTALL),
        lambda: rig.driver.ensure(rig.lasting(TOKEN)),
        lambda: rig.reopened().observe(INSTALL),
        lambda: rig.driver.discover(),
    ):
        with pytest.raises(Unavailable) as refused:
            verb()
        assert refused.value.code == Trouble.ENGINE_DOWN
    own_podman.start()
    assert rig.until_running(TOKEN).is_live


def until_whole(driver: DockerDriver) -> None:
    """A busy host may be slower than a deadline at first."""

    def whole() -> bool:
        with suppress(Unavailable):
            return driver.observe(INSTALL).complete
        return False

    until(whole, "it does not see all of its nodes")


def test_E48_an_engine_that_hangs_is_left_after_a_while(a_cluster: Cluster, own_podman: podman.Podman) -> None:
    rig = a_cluster(n1=own_podman)
    hasty = rig.opened(deadline_s=10.0)
    until_whole(hasty)
    own_podman.hang()
    try:
        with pytest.raises(Unavailable) as refused:
            hasty.observe(INSTALL)
        assert refused.value.code in (Trouble.TIMEOUT, Trouble.ENGINE_DOWN)
    finally:
        own_podman.go_on()
    assert rig.driver.observe(INSTALL).complete


def test_E48_one_engine_that_hangs_does_not_slow_the_others_down(
    a_cluster: Cluster, own_podman: podman.Podman, dockerd: docker.Dockerd
) -> None:
    rig = a_cluster(big=dockerd, small=own_podman)
    deadline_s = 15.0
    hasty = rig.opened(deadline_s=deadline_s)
    until_whole(hasty)
    own_podman.hang()
    try:
        assert not hasty.observe(INSTALL).complete
        spent = []
        for n in range(3):
            began = time.monotonic()
            hasty.ensure(rig.lasting(a_token(f"dep-{n}"), node="big"))
            assert not hasty.observe(INSTALL).complete
            spent.append(time.monotonic() - began)
        assert min(spent) < deadline_s, "who hangs is asked once, and then left alone for a while"
    finally:
        own_podman.go_on()


def test_E42_what_an_engine_ends_as_it_comes_back_is_gone_and_no_failure_of_the_run(
    a_cluster: Cluster, own_dockerd: docker.Dockerd
) -> None:
    rig = a_cluster(n1=own_dockerd)
    rig.driver.ensure(rig.lasting(TOKEN))
    rig.driver.ensure(a_container(OTHER, ENDS_WHEN_TOLD))
    rig.until_running(TOKEN)
    rig.until_said(OTHER, "ready")
    itself = pid_of(rig.until_running(OTHER), rig)
    own_dockerd.kill()
    os.kill(itself, signal.SIGTERM)
    until_gone(itself)  # this one ends while nobody watches
    own_dockerd.start()
    gone = rig.until_over(TOKEN)
    assert gone is not None
    assert (gone.phase, gone.exit_code) == (Phase.GONE, None)
    assert "restarted" in gone.message
    assert gone.finished_at is not None
    done = rig.until_over(OTHER)
    assert done is not None and (done.phase, done.exit_code) == (Phase.FINISHED, 3)
    found = rig.reopened().observe(INSTALL).find(TOKEN)
    assert found is not None and found.phase is Phase.GONE, "also for who was not there to see the engine away"


@pytest.mark.parametrize("own_dockerd", [("--live-restore",)], indirect=True)
def test_E42_with_live_restore_runs_go_on(a_cluster: Cluster, own_dockerd: docker.Dockerd) -> None:
    rig = a_cluster(n1=own_dockerd)
    rig.driver.ensure(rig.lasting(TOKEN))
    rig.driver.ensure(a_container(OTHER, ENDS_WHEN_TOLD))
    before = rig.until_running(TOKEN)
    rig.until_said(OTHER, "ready")
    itself = pid_of(rig.until_running(OTHER), rig)
    own_dockerd.kill()
    os.kill(itself, signal.SIGTERM)
    until_gone(itself)
    own_dockerd.start()
    after = rig.until_running(TOKEN)
    assert (after.engine_id, after.started_at) == (before.engine_id, before.started_at)
    done = rig.until_over(OTHER)
    assert done is not None and (done.phase, done.exit_code) == (Phase.FINISHED, 3)


def test_E37_what_somebody_removes_is_listed_no_more(a_cluster: Cluster, dockerd: docker.Dockerd) -> None:
    rig = a_cluster(n1=dockerd)
    rig.driver.ensure(rig.lasting(TOKEN))
    rig.until_running(TOKEN)
    dockerd.remove_all()
    observation = rig.driver.observe(INSTALL)
    assert observation.complete and observation.find(TOKEN) is None


def test_what_podman_calls_running_after_its_monitor_died_is_gone(
    a_cluster: Cluster, own_podman: podman.Podman
) -> None:
    rig = a_cluster(n1=own_podman)
    rig.driver.ensure(rig.lasting(TOKEN))
    running = rig.until_running(TOKEN)
    os.kill(own_podman.conmon_of(running.engine_id), signal.SIGKILL)
    payload = pid_of(running, rig)
    assert rig.until_running(TOKEN).is_live, "while its process lives, it runs"
    os.kill(payload, signal.SIGKILL)
    until_gone(payload)
    gone = rig.until_over(TOKEN)
    assert gone is not None
    assert (gone.phase, gone.exit_code, gone.finished_at) == (Phase.GONE, None, None)
    assert "missed" in gone.message
    rig.driver.forget(TOKEN)
    until(lambda: rig.driver.observe(INSTALL).find(TOKEN) is None, "it stays")


def test_E42_after_a_restart_of_its_host_what_podman_calls_made_is_gone(
    a_cluster: Cluster, own_podman: podman.Podman
) -> None:
    rig = a_cluster(n1=own_podman)
    rig.driver.ensure(rig.lasting(TOKEN))
    rig.until_running(TOKEN)
    own_podman.reboot()
    gone = rig.reopened().observe(INSTALL).find(TOKEN)
    assert gone is not None
    assert (gone.phase, gone.exit_code, gone.finished_at) == (Phase.GONE, None, None)
    assert gone.message == "its host was restarted"
    assert rig.driver.ensure(rig.lasting(TOKEN)).phase is Phase.GONE, "a token names one run and is not started again"
    rig.driver.stop(TOKEN, 0)
    rig.driver.forget(TOKEN)
    assert rig.driver.observe(INSTALL).find(TOKEN) is None
