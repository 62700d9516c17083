"""Which engines a cluster has, by its settings; what an operator may not mean; and what needs no engine to be told."""

from __future__ import annotations

import gc
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.clock import ManualClock
from core.domain.engines import Setting, Site, Spec, Trouble
from core.domain.errors import BursarError, Invalid, Unavailable
from core.domain.node_settings import declared, for_node
from core.drivers.docker import DockerDriver
from core.drivers.docker.hosts import checked_url, detected, hosts_of, sockets_here
from core.drivers.registry import DriverRegistry
from tests.drivers.contract import INSTALL, a_token
from tests.drivers.docker_rig import SDK_LEAVES_SOCKETS

pytestmark = SDK_LEAVES_SOCKETS


@pytest.fixture(scope="module", autouse=True)
def collected() -> Iterator[None]:
    """Those sockets are closed before another test could be blamed for them."""
    yield
    gc.collect()


def a_driver(tmp_path: Path, **settings: str) -> DockerDriver:
    return DockerDriver(Site("c1", tmp_path, ManualClock(), settings, deadline_s=60.0))


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock"),
        ("tcp://10.0.0.7", "tcp://10.0.0.7:2376"),
        ("tcp://10.0.0.7:2375/", "tcp://10.0.0.7:2375"),
        ("tcp://[fe80::1]:2376", "tcp://[fe80::1]:2376"),
        ("ssh://bursar@gpu1", "ssh://bursar@gpu1"),
        ("ssh://gpu1.example.org:2222", "ssh://gpu1.example.org:2222"),
    ],
)
def test_an_engine_is_named_by_its_url(typed: str, kept: str) -> None:
    assert checked_url(typed) == kept
    assert checked_url(kept) == kept


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.7",
        "file:///etc/passwd",
        "npipe:////./pipe/docker_engine",
        "unix://run/docker.sock",
        "unix:///run/../etc/x",
        "tcp://",
        "tcp://host:99999",
        "tcp://user@host",
        "tcp://host/path",
        "tcp://host?x=1",
        "ssh://user:word@host",
        "ssh://-oProxyCommand=x@host",
        "ssh://-oProxyCommand=x",
        "ssh://host;rm",
        "docker",
        "",
    ],
)
def test_B24_what_is_no_address_of_an_engine_is_refused(url: str) -> None:
    with pytest.raises(Invalid):
        checked_url(url)


def test_every_node_has_its_engine_and_the_bare_word_is_the_first() -> None:
    settings = {"host": "unix:///a.sock", "host.big": "tcp://10.0.0.7", "tls": "/pki", "tls.big": "/pki/big"}
    found = hosts_of(settings)
    assert [(host.node, host.url, str(host.tls)) for host in found] == [
        ("big", "tcp://10.0.0.7:2376", "/pki/big"),
        ("node-1", "unix:///a.sock", "/pki"),
    ]
    assert [host.socket for host in found] == [None, Path("/a.sock")]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"host": "tcp://10.0.0.7"}, "open to whoever reaches it"),
        ({"host": "tcp://example.org", "plain_tcp": "no"}, "open to whoever reaches it"),
        ({"host": "tcp://10.0.0.7", "tls": "pki"}, "whole path"),
        ({"host": "unix:///a.sock", "host.b": "unix:///a.sock"}, "would be one engine"),
        ({"host": "unix:///a.sock", "tls.b": "/pki"}, "no such node"),
        ({"host": "unix:///a.sock", "mounts": "/etc"}, "cannot be mounted"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, str], told: str) -> None:
    with pytest.raises(Invalid, match=told):
        DockerDriver.kept_settings(settings)


def test_a_door_is_left_open_only_where_that_was_said() -> None:
    for settings in ({"host": "tcp://127.0.0.1:2375"}, {"host": "tcp://10.0.0.7:2375", "plain_tcp": "yes"}):
        kept = DockerDriver.kept_settings(settings)
        assert DockerDriver.kept_settings(kept) == kept
        assert "machine" not in kept, "an engine of the network belongs to no host of ours"


def test_without_a_word_the_socket_of_this_host_is_found(tmp_path: Path) -> None:
    assert detected(tmp_path) == "unix:///var/run/docker.sock"
    (tmp_path / "run/podman").mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "run/podman/podman.sock"))
        assert detected(tmp_path) == "unix:///run/podman/podman.sock"
    kept = DockerDriver.kept_settings({})
    assert kept["host"].startswith("unix:///") and kept["machine"].startswith("m-")
    assert DockerDriver.kept_settings(kept) == kept


def test_each_engine_of_this_host_is_found_once_the_users_own_behind_the_systems(tmp_path: Path) -> None:
    assert sockets_here(tmp_path, user=7) == ()
    for place in ("run/podman/podman.sock", "run/user/7/podman/podman.sock", "run/user/8/docker.sock"):
        (tmp_path / place).parent.mkdir(parents=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(tmp_path / place))
    (tmp_path / "run/user/7/docker.sock").write_text("no socket")
    both = ("unix:///run/podman/podman.sock", "unix:///run/user/7/podman/podman.sock")
    assert sockets_here(tmp_path, user=7) == both
    (tmp_path / "var/run").mkdir(parents=True)
    (tmp_path / "var/run/docker.sock").symlink_to(tmp_path / "run/podman/podman.sock")
    assert sockets_here(tmp_path, user=7) == ("unix:///var/run/docker.sock", both[1]), "one engine under two names"


def test_a_setting_of_a_node_is_known_by_its_pattern() -> None:
    known = {name: Setting(name, "x") for name in ("host", "host.NODE", "network")}
    assert declared("host", known) is known["host"]
    assert declared("host.big", known) is declared("host.a.b", known) is known["host.NODE"]
    assert [declared(name, known) for name in ("host.", "host.NODE", "network.big", ".big", "hots.big")] == [None] * 5


def test_the_registry_takes_settings_of_nodes_and_no_others(tmp_path: Path) -> None:
    registry = DriverRegistry(home=tmp_path, clock=ManualClock(), environ={}, find=lambda: ())
    assert registry.validated("docker", {"host.big": "tcp://127.0.0.1:1"})["host.big"] == "tcp://127.0.0.1:1"
    with pytest.raises(Invalid, match=r"no setting 'network\.big'"):
        registry.validated("docker", {"network.big": "none"})
    assert for_node(registry.settings("docker"), {"host": "x"}, "big") == {"host.big": "x"}


def test_from_another_host_a_socket_is_not_asked(tmp_path: Path) -> None:
    elsewhere = a_driver(tmp_path, host=f"unix://{tmp_path}/none.sock", machine="m-0123456789ab")
    spec = Spec(a_token(), "work", "job", image="x")
    for verb in (
        lambda: elsewhere.ensure(spec),
        lambda: elsewhere.observe(INSTALL),
        lambda: elsewhere.stop(spec.token, 0),
        lambda: elsewhere.forget(spec.token),
        lambda: elsewhere.suspend(spec.token),
        lambda: elsewhere.resume(spec.token),
        lambda: elsewhere.logs(spec.token),
        lambda: elsewhere.discover(),
    ):
        with pytest.raises(Unavailable) as refused:
            verb()
        assert refused.value.code == Trouble.OTHER_HOST
    elsewhere.close()


def test_E44_where_nobody_listens_every_verb_is_unavailable(tmp_path: Path) -> None:
    driver = a_driver(tmp_path, host=f"unix://{tmp_path}/none.sock")
    spec = Spec(a_token(), "work", "job", image="x")
    for verb in (
        lambda: driver.ensure(spec),
        lambda: driver.observe(INSTALL),
        lambda: driver.stop(spec.token, 0),
        lambda: driver.forget(spec.token),
        lambda: driver.logs(spec.token),
        lambda: driver.discover(),
    ):
        with pytest.raises(Unavailable) as refused:
            verb()
        assert refused.value.code == Trouble.ENGINE_DOWN
    driver.close()


def test_without_the_sdk_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)
    driver = a_driver(tmp_path, host=f"unix://{tmp_path}/none.sock")
    with pytest.raises(BursarError) as refused:
        driver.observe(INSTALL)
    assert refused.value.code == Trouble.DRIVER_BROKEN
    assert "bursar[docker]" in (refused.value.hint or "")
    driver.close()


def test_what_the_driver_promises_is_read_without_a_connection() -> None:
    made: Any = DockerDriver
    assert made.capabilities.needs_image and made.capabilities.isolates_memory and not made.capabilities.shell_on_host
    assert made.secret_names == ("DOCKER_AUTH_CONFIG",)
