"""Engines on other hosts: over TCP with TLS, and over ssh."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.domain.engines import Trouble
from core.domain.errors import BursarError
from tests.drivers.contract import INSTALL, a_token
from tests.drivers.docker_rig import SDK_LEAVES_SOCKETS, DockerRig
from tests.live.engines import docker, remote
from tests.live.engines.machine import Impossible, free_port

pytestmark = [pytest.mark.live, SDK_LEAVES_SOCKETS]

TOKEN = a_token()
Cluster = Callable[..., DockerRig]


def runs_and_is_read(rig: DockerRig) -> None:
    rig.driver.ensure(rig.ending(TOKEN, 3))
    over = rig.until_over(TOKEN)
    assert over is not None and over.exit_code == 3
    assert sorted(rig.driver.logs(TOKEN).text.split()) == ["begun", "done"]
    (node,) = rig.driver.discover()
    assert node.capacity.cpu_milli > 0
    rig.driver.forget(TOKEN)
    assert rig.driver.observe(INSTALL).find(TOKEN) is None


def test_over_tcp_with_tls_and_not_without(a_cluster: Cluster, tmp_path: Path) -> None:
    remote.make_certificates(tmp_path)
    port = free_port()
    flags = ["--tlsverify", "--tlscacert", f"{tmp_path}/ca.pem", "--tlscert", f"{tmp_path}/server-cert.pem"]
    flags += ["--tlskey", f"{tmp_path}/server-key.pem", "-H", f"tcp://127.0.0.1:{port}"]
    try:
        with docker.running(*flags):
            url = f"tcp://127.0.0.1:{port}"
            runs_and_is_read(a_cluster(n1=url, settings={"tls": str(tmp_path)}))

            with pytest.raises(BursarError):
                a_cluster(n1=url, at="plain").driver.observe(INSTALL)

            (tmp_path / "other").mkdir()
            remote.make_certificates(tmp_path / "other")
            with pytest.raises(BursarError) as refused:
                a_cluster(n1=url, at="other", settings={"tls": f"{tmp_path}/other"}).driver.observe(INSTALL)
            assert refused.value.code == Trouble.UNAUTHORIZED

            with pytest.raises(BursarError) as missing:
                a_cluster(n1=url, at="none", settings={"tls": f"{tmp_path}/none"}).driver.observe(INSTALL)
            assert missing.value.code == Trouble.UNAUTHORIZED
    except Impossible as reason:
        pytest.skip(f"Docker: {reason}")


def test_over_ssh_with_the_users_own_ssh(
    a_cluster: Cluster, dockerd: docker.Dockerd, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        with remote.ssh_server(dockerd.url) as server:
            monkeypatch.setenv("PATH", f"{server.program}:{os.environ['PATH']}")
            rig = a_cluster(n1=server.url)
            runs_and_is_read(rig)
            rig.close()
    except Impossible as reason:
        pytest.skip(f"ssh: {reason}")
    dockerd.remove_all()
