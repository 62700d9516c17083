"""What a container is given and held to, and how its end is told, on a real Docker and a real Podman."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker as sdk
import pytest

from core.domain.engines import Observed, Phase, Spec, Token, Trouble, Use
from core.domain.errors import Invalid, Unavailable
from core.domain.resources import Resources
from core.drivers.docker.recipe import INSTALL as INSTALL_LABEL
from core.drivers.docker.recipe import TOKEN as TOKEN_LABEL
from core.drivers.docker.recipe import Place, create_arguments, name_of
from tests.drivers.contract import INSTALL, SIZE, a_token, seen
from tests.drivers.docker_rig import DockerRig, a_container
from tests.live.engines.docker import Dockerd
from tests.live.engines.image import IMAGE
from tests.live.engines.machine import until
from tests.live.engines.podman import Podman

pytestmark = pytest.mark.live

TOKEN = a_token()
Engine = Dockerd | Podman
Cluster = Callable[..., DockerRig]


def api_of(engine: Engine) -> Any:
    return sdk.APIClient(base_url=engine.url, version="auto", timeout=60)


def ran(rig: DockerRig, script: str, **parts: Any) -> tuple[Observed, str]:
    rig.driver.ensure(a_container(TOKEN, script, **parts))
    over = rig.until_over(TOKEN)
    assert over is not None
    return over, rig.driver.logs(TOKEN).text


def test_it_is_given_its_limits_and_no_privileges(a_cluster: Cluster, either: Engine) -> None:
    rig = a_cluster(n1=either)
    script = "id -u; grep -E 'CapEff|NoNewPrivs' /proc/self/status; ls -d /var/run/docker.sock /host; df -m /dev/shm"
    over, text = ran(rig, script, resources=SIZE)
    assert "NoNewPrivs:\t1" in text
    capabilities = int(re.search(r"CapEff:\s+([0-9a-f]+)", text)[1], 16)  # type: ignore[index]
    for number, name in ((12, "NET_ADMIN"), (13, "NET_RAW"), (16, "SYS_MODULE"), (21, "SYS_ADMIN"), (27, "MKNOD")):
        assert not capabilities >> number & 1, name
    inspected = api_of(either).inspect_container(name_of(TOKEN))
    config = inspected["HostConfig"]
    assert (config["NanoCpus"], config["Memory"], config["MemorySwap"]) == (500_000_000, 256 << 20, 256 << 20)
    assert (config["Privileged"], config["PidsLimit"]) == (False, 4096)
    assert config["RestartPolicy"]["Name"] in ("no", "")
    assert re.search(r"\s128\s", text), "shared memory is half of what it was given"
    assert over.facts["image"].startswith("sha256:") or "@sha256:" in over.facts["image"]


def test_it_sees_what_was_declared_and_no_gpu(a_cluster: Cluster, either: Engine) -> None:
    _, text = ran(a_cluster(n1=either), "env", env={"MODEL": "a b", "BURSAR_RUN": "forged"})
    lines = set(text.splitlines())
    assert {"MODEL=a b", f"BURSAR_RUN={TOKEN}", "BURSAR_RANK=0", "NVIDIA_VISIBLE_DEVICES=void"} <= lines


def test_it_sees_the_devices_of_its_allocation(a_cluster: Cluster, dockerd: Dockerd) -> None:
    rig = a_cluster(n1=dockerd)
    _, text = ran(rig, "echo $NVIDIA_VISIBLE_DEVICES", gpu_devices=("0", "3"), resources=Resources(gpu_milli=2000))
    assert text == "0,3\n"


@pytest.fixture
def two_devices() -> Iterator[str]:
    """A kind of device that this host offers for as long as a test runs: 0 and 3, each of which only leaves a word."""
    place, kind = Path("/var/run/cdi"), f"bursar-{os.getpid()}.test/gpu"
    place.mkdir(exist_ok=True)
    devices = [{"name": name, "containerEdits": {"env": [f"GIVEN_{name}=yes"]}} for name in ("0", "3")]
    file = place / f"bursar-{os.getpid()}.json"
    file.write_text(json.dumps({"cdiVersion": "0.5.0", "kind": kind, "devices": devices, "containerEdits": {}}))
    yield kind
    file.unlink()


def test_podman_gives_the_devices_that_its_host_offers_by_name(
    a_cluster: Cluster, podman_service: Podman, two_devices: str
) -> None:
    rig = a_cluster(n1=podman_service, settings={"cdi": two_devices})
    over, text = ran(rig, "env", gpu_devices=("0", "3"), resources=Resources(gpu_milli=2000))
    assert {"GIVEN_0=yes", "GIVEN_3=yes", "NVIDIA_VISIBLE_DEVICES=0,3"} <= set(text.splitlines())
    assert (over.gpu_devices, over.exit_code) == (("0", "3"), 0)
    with pytest.raises(Invalid, match=f"has no {two_devices}=1 here"):
        rig.driver.ensure(a_container(a_token("dep-two"), "true", gpu_devices=("0", "1")))
    assert seen(rig.driver, a_token("dep-two")) is None


def test_what_podman_makes_with_gpus_is_held_to_the_same_as_any(
    a_cluster: Cluster, podman_service: Podman, two_devices: str, tmp_path: Path
) -> None:
    """It is made in Podman's own words, so each rule is looked at again in what came of it."""
    (tmp_path / "sets").mkdir()
    settings = {"cdi": two_devices, "publish": "127.0.0.1", "mounts": f"sets={tmp_path}/sets", "processes": "99"}
    rig = a_cluster(n1=podman_service, settings=settings)
    labels = {"docker.ports": "8080", "docker.mounts": "sets"}
    spec = rig.lasting(TOKEN, gpu_devices=("3",), resources=SIZE, labels=labels, env={"MODEL": "a b"})
    assert rig.driver.ensure(spec).engine_id == rig.driver.ensure(spec).engine_id
    running = rig.until_running(TOKEN)
    assert (running.name, running.resources, dict(running.labels)) == ("work", SIZE, labels)
    assert running.facts["ports"].endswith("->8080/tcp")
    with_gpus = api_of(podman_service).inspect_container(name_of(TOKEN))
    other = a_token("dep-two")
    rig.driver.ensure(rig.lasting(other, resources=SIZE, labels=labels, env={"MODEL": "a b"}))
    rig.until_running(other)
    without = api_of(podman_service).inspect_container(name_of(other))
    same = ("Memory", "MemorySwap", "PidsLimit", "Privileged", "NetworkMode", "Init", "ShmSize", "Binds", "CapAdd")
    assert {k: with_gpus["HostConfig"].get(k) for k in same} == {k: without["HostConfig"].get(k) for k in same}
    assert sorted(with_gpus["HostConfig"]["CapDrop"]) == sorted(without["HostConfig"]["CapDrop"])
    assert cpus_of(with_gpus) == cpus_of(without) == 500
    assert with_gpus["Config"]["Cmd"] == without["Config"]["Cmd"]
    assert status_of(podman_service, TOKEN) == status_of(podman_service, other)


def cpus_of(inspected: Any) -> int:
    config = inspected["HostConfig"]
    return int(config["NanoCpus"] // 1_000_000 or config["CpuQuota"] * 1000 // config["CpuPeriod"])


def status_of(engine: Engine, token: Token) -> list[str]:
    """What its first process may do, as the kernel says."""
    api = api_of(engine)
    words = ["grep", "-E", "Cap(Eff|Bnd|Prm)|NoNewPrivs|Seccomp:", "/proc/1/status"]
    said: bytes = api.exec_start(api.exec_create(name_of(token), words)["Id"])
    return said.decode().splitlines()


def test_B17_arguments_are_words_and_no_shell_reads_them(a_cluster: Cluster, either: Engine) -> None:
    rig = a_cluster(n1=either)
    words = ("$(id)", "; rm -rf /", "a  b", "`x`", "-v", "--privileged", "é")
    rig.driver.ensure(Spec(**_with(command=("printf", "<%s>", *words))))
    rig.until_over(TOKEN)
    assert rig.driver.logs(TOKEN).text == "".join(f"<{word}>" for word in words)


def _with(**parts: Any) -> dict[str, Any]:
    return {"token": TOKEN, "name": "work", "kind": "job", "image": IMAGE, **parts}


def test_out_of_memory_is_told_apart_from_an_exit_code(a_cluster: Cluster, either: Engine) -> None:
    rig = a_cluster(n1=either)
    hungry = "x=a; while :; do x=$x$x; done"
    over, _ = ran(rig, hungry, resources=Resources(cpu_milli=1000, ram_mib=16))
    assert (over.phase, over.oom) == (Phase.FINISHED, True)
    assert over.exit_code != 0


@pytest.mark.parametrize("words", [("/no/such/file",), ("no-such-command",), ("/etc",), ("/etc/passwd",)])
def test_E50_what_can_never_run_is_refused_and_leaves_nothing(
    a_cluster: Cluster, either: Engine, words: tuple[str, ...]
) -> None:
    rig = a_cluster(n1=either, settings={"init": "no"})
    spec = Spec(**_with(command=words))
    with pytest.raises(Invalid) as refused:
        rig.driver.ensure(spec)
    assert refused.value.code == Trouble.CANNOT_RUN
    assert seen(rig.driver, TOKEN) is None
    assert api_of(either).containers(all=True) == []


def test_behind_an_init_a_missing_command_ends_in_failure(a_cluster: Cluster, either: Engine) -> None:
    rig = a_cluster(n1=either)
    rig.driver.ensure(Spec(**_with(command=("no-such-command",))))
    over = rig.until_over(TOKEN)
    assert over is not None
    assert (over.phase, over.exit_code) == (Phase.FINISHED, 127 if isinstance(either, Dockerd) else 1)


def test_a_size_beyond_the_host_is_refused_by_docker(a_cluster: Cluster, dockerd: Dockerd) -> None:
    with pytest.raises(Invalid, match="Range of CPUs"):
        a_cluster(n1=dockerd).driver.ensure(a_container(TOKEN, "true", resources=Resources(cpu_milli=999_000)))


def test_too_little_memory_is_refused(a_cluster: Cluster, either: Engine) -> None:
    rig = a_cluster(n1=either)
    with pytest.raises(Invalid) as refused:
        rig.driver.ensure(a_container(TOKEN, "true", resources=Resources(ram_mib=1)))
    assert refused.value.code == Trouble.CANNOT_RUN
    assert seen(rig.driver, TOKEN) is None


def test_a_disk_that_this_storage_cannot_bound_is_said_so(a_cluster: Cluster, dockerd: Dockerd) -> None:
    rig = a_cluster(n1=dockerd)
    over, _ = ran(rig, "true", resources=Resources(disk_mib=100))
    assert over.facts["disk"] == "not bounded"
    assert over.resources.disk_mib == 100


def test_without_a_network_there_is_none(a_cluster: Cluster, either: Engine) -> None:
    _, text = ran(a_cluster(n1=either), "ls /sys/class/net", labels={"docker.network": "none"})
    assert text.split() == ["lo"]


def test_ports_are_published_where_the_operator_allows_it(a_cluster: Cluster, either: Engine) -> None:
    asking = a_container(TOKEN, "echo hello > /mnt/x; exec httpd -f -p 8080 -h /mnt", labels={"docker.ports": "8080"})
    with pytest.raises(Invalid, match="published ports"):
        a_cluster(n1=either).driver.ensure(asking)
    rig = a_cluster(n1=either, settings={"publish": "127.0.0.1"})
    rig.driver.ensure(asking)
    running = rig.until_running(TOKEN)
    address, port = re.fullmatch(r"([0-9.]+):([0-9]+)->8080/tcp", running.facts["ports"]).groups()  # type: ignore[union-attr]
    assert address == "127.0.0.1"
    assert answered(int(port)).startswith(b"HTTP/1.")


def answered(port: int) -> bytes:
    found: list[bytes] = []

    def ask() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
                line.sendall(b"GET /x HTTP/1.0\r\n\r\n")
                found.append(line.recv(100))
        except OSError:
            return False
        return bool(found[-1])

    until(ask, "the published port")
    return found[-1]


def test_B22_only_what_the_operator_named_is_mounted_and_only_read(
    a_cluster: Cluster, either: Engine, tmp_path: Path
) -> None:
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "one").write_text("data\n")
    rig = a_cluster(n1=either, settings={"mounts": f"sets={tmp_path}/sets"})
    with pytest.raises(Invalid, match="mount"):
        rig.driver.ensure(a_container(TOKEN, "true", labels={"docker.mounts": "/etc"}))
    # One stream, since dockerd reads the two of a container side by side and keeps no order between them.
    _, text = ran(rig, "cat /mnt/sets/one; touch /mnt/sets/two 2>&1", labels={"docker.mounts": "sets"})
    assert text.startswith("data\n") and "Read-only" in text
    assert [place.name for place in (tmp_path / "sets").iterdir()] == ["one"]


def test_it_is_told_how_much_it_uses(a_cluster: Cluster, either: Engine) -> None:
    rig = a_cluster(n1=either)
    rig.driver.ensure(a_container(TOKEN, "while :; do :; done", resources=Resources(cpu_milli=300, ram_mib=64)))
    rig.until_running(TOKEN)
    seen: list[Use] = []

    def is_busy() -> bool:
        """A busy host may leave it less for a while."""
        seen.append(_use(rig))
        return (seen[-1].cpu_milli or 0) > 50

    until(is_busy, "its use of CPU")
    assert (seen[-1].cpu_milli or 0) < 1_000
    assert 0 <= (seen[-1].ram_mib or 0) < 64


def _use(rig: DockerRig) -> Use:
    return rig.until_running(TOKEN).use or Use()


def test_E2_what_was_made_and_not_started_is_started_by_the_next_ensure(a_cluster: Cluster, either: Engine) -> None:
    rig = a_cluster(n1=either)
    spec = rig.lasting(TOKEN)
    made = _made_only(rig, either, spec)
    assert (seen(rig.driver, TOKEN) or pytest.fail("not listed")).phase is Phase.STARTING
    assert rig.driver.ensure(spec).engine_id == made
    assert rig.until_running(TOKEN).engine_id == made


def test_a_stop_that_comes_before_the_start_leaves_nothing(a_cluster: Cluster, either: Engine) -> None:
    rig = a_cluster(n1=either)
    _made_only(rig, either, rig.lasting(TOKEN))
    rig.driver.stop(TOKEN, 60)
    assert seen(rig.driver, TOKEN) is None


def _made_only(rig: DockerRig, engine: Engine, spec: Any) -> str:
    """As if we had died between the two calls."""
    (node,) = rig.driver._nodes.values()
    is_podman = node.engine.traits.is_podman
    body = create_arguments(spec, node._rules, Place("c1", "n1"), pinned="", is_podman=is_podman)
    return str(api_of(engine).create_container_from_config(body, name=name_of(TOKEN))["Id"])


def test_E39_a_stranger_that_bears_our_name_is_not_touched(a_cluster: Cluster, either: Engine) -> None:
    rig, api = a_cluster(n1=either), api_of(either)
    body = {"Image": IMAGE, "Cmd": ["sleep", "1000"], "HostConfig": {"Init": True}}
    theirs = api.create_container_from_config(body, name=name_of(TOKEN))["Id"]
    api.start(theirs)
    for verb in (
        lambda: rig.driver.ensure(rig.lasting(TOKEN)),
        lambda: rig.driver.stop(TOKEN, 0),
        lambda: rig.driver.forget(TOKEN),
    ):
        with pytest.raises(Unavailable, match="not ours"):
            verb()
    (one,) = rig.driver.observe(INSTALL).instances
    assert (one.token, one.phase, one.engine_id) == (None, Phase.RUNNING, theirs)


def test_E41_a_label_that_an_image_carries_makes_nobody_ours(a_cluster: Cluster, either: Engine) -> None:
    rig, api = a_cluster(n1=either), api_of(either)
    labels = {TOKEN_LABEL: str(TOKEN), INSTALL_LABEL: INSTALL}
    body = {"Image": IMAGE, "Cmd": ["sleep", "1000"], "Labels": labels, "HostConfig": {"Init": True}}
    api.start(api.create_container_from_config(body, name="somebody")["Id"])
    observation = rig.driver.observe(INSTALL)
    assert observation.find(TOKEN) is None
    assert [one.name for one in observation.foreign()] == ["somebody"]


def test_E39_another_cluster_on_the_same_engine_is_a_stranger(a_cluster: Cluster, either: Engine) -> None:
    rig, theirs = a_cluster(n1=either), a_cluster(n1=either, cluster="c2")
    theirs.driver.ensure(theirs.lasting(TOKEN, resources=SIZE))
    rig.driver.ensure(rig.lasting(a_token("dep-two")))
    observation = rig.driver.observe(INSTALL)
    assert set(observation.by_token()) == {a_token("dep-two")}
    assert [one.resources for one in observation.foreign()] == [SIZE]


def test_logs_are_followed_without_a_gap_or_a_repetition(a_cluster: Cluster, either: Engine) -> None:
    rig = a_cluster(n1=either)
    rig.driver.ensure(
        a_container(TOKEN, "for i in $(seq 3000); do echo out $i; echo err $i >&2; done; sleep 0.5; echo end")
    )
    texts, cursor = [], None
    while True:
        chunk = rig.driver.logs(TOKEN, cursor=cursor)
        assert not chunk.skipped
        texts.append(chunk.text)
        cursor = chunk.cursor
        if chunk.ended:
            break
    lines = "".join(texts).splitlines()
    # Each of the two streams in its own order: dockerd keeps none between them.
    assert [line for line in lines if not line.startswith("err")] == [*(f"out {n}" for n in range(1, 3001)), "end"]
    assert [line for line in lines if line.startswith("err")] == [f"err {n}" for n in range(1, 3001)]


def test_a_log_that_was_rotated_away_is_said_to_be_skipped(a_cluster: Cluster, dockerd: Dockerd) -> None:
    rig = a_cluster(n1=dockerd, settings={"log_size": "1MiB"})
    script = "echo first; until [ -e /mnt/go ]; do sleep 0.1; done; yes abcdefghijklmnopqrstuvwxyz | head -c 6000000"
    rig.driver.ensure(a_container(TOKEN, script))
    rig.until_said(TOKEN, "first")
    begun = rig.driver.logs(TOKEN)
    api = api_of(dockerd)
    api.exec_start(api.exec_create(name_of(TOKEN), ["touch", "/mnt/go"])["Id"])
    rig.until_over(TOKEN)
    rest = rig.driver.logs(TOKEN, cursor=begun.cursor)
    assert rest.skipped and "first" not in rest.text
