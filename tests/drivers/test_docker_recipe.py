"""From a spec and the operator's rules to what an engine is asked for: goldens, and what is never asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.engines import Spec
from core.domain.errors import BursarError, Invalid
from core.domain.images import parse_image
from core.domain.resources import Resources
from core.drivers.docker import DockerDriver
from core.drivers.docker.podman import devices_offered, names_in, own_arguments
from core.drivers.docker.recipe import Place, Rules, create_arguments, full_reference, refuse_unfit
from tests.drivers.contract import a_token

DEFAULTS = {setting.name: setting.default for setting in DockerDriver.settings}
DIGEST = "sha256:" + "0123456789abcdef" * 4


def rules(**settings: str) -> Rules:
    return Rules.read(DEFAULTS | settings)


def a_spec(**parts: Any) -> Spec:
    whole: dict[str, Any] = {"token": a_token(), "name": "train", "kind": "job", "image": "tinyllama:latest", **parts}
    return Spec(**whole)


def made(spec: Spec, given_rules: Rules | None = None, *, is_podman: bool = False, bounds_disk: bool = False) -> Any:
    return create_arguments(
        spec, given_rules or rules(), Place("c1", "n1"), pinned=DIGEST, is_podman=is_podman, bounds_disk=bounds_disk
    )


def test_a_small_container_as_docker_is_asked_for_it() -> None:
    body = made(a_spec(resources=Resources(cpu_milli=1500, ram_mib=2048), command=("python", "x.py"), env={"A": "b c"}))
    assert body == {
        "Image": "docker.io/library/tinyllama:latest",
        "Cmd": ["python", "x.py"],
        "Env": ["A=b c", "BURSAR_RANK=0", "BURSAR_RUN=b7k2.dep-one.1", "NVIDIA_VISIBLE_DEVICES=void"],
        "Tty": False,
        "OpenStdin": False,
        "Labels": {
            "bursar.token": "b7k2.dep-one.1",
            "bursar.install": "b7k2",
            "bursar.cluster": "c1",
            "bursar.given": (
                '{"disk":"","gpus":[],"image":"' + DIGEST + '","kind":"job","labels":{},"name":"train","node":"n1",'
                '"size":[1500,2048,0,0]}'
            ),
        },
        "HostConfig": {
            "Privileged": False,
            "CapDrop": ["AUDIT_WRITE", "MKNOD", "NET_RAW", "SETFCAP"],
            "SecurityOpt": ["no-new-privileges"],
            "RestartPolicy": {"Name": "no"},
            "AutoRemove": False,
            "Init": True,
            "NetworkMode": "bridge",
            "PidsLimit": 4096,
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "16777216", "max-file": "2"}},
            "Binds": [],
            "NanoCpus": 1_500_000_000,
            "Memory": 2 << 30,
            "MemorySwap": 2 << 30,
            "ShmSize": 1 << 30,
        },
    }


def test_a_large_container_with_all_that_an_operator_may_allow() -> None:
    allowed = rules(publish="10.0.0.7", mounts="data=/srv/data,scratch=/scratch:rw", init="no", processes="99")
    labels = {"docker.ports": "8080, 53/udp,8080/tcp", "docker.mounts": "data,scratch", "team": "vision"}
    gpus = Resources(gpu_milli=2000, disk_mib=1024)
    body = made(a_spec(labels=labels, resources=gpus, gpu_devices=("GPU-aa", "GPU-bb")), allowed, bounds_disk=True)
    host = body["HostConfig"]
    assert body["ExposedPorts"] == {"8080/tcp": {}, "53/udp": {}}
    assert host["PortBindings"] == {
        "8080/tcp": [{"HostIp": "10.0.0.7", "HostPort": ""}],
        "53/udp": [{"HostIp": "10.0.0.7", "HostPort": ""}],
    }
    assert host["Binds"] == ["/srv/data:/mnt/data:ro", "/scratch:/mnt/scratch:rw"]
    assert host["DeviceRequests"] == [{"DeviceIDs": ["GPU-aa", "GPU-bb"], "Capabilities": [["gpu"]]}]
    assert host["StorageOpt"] == {"size": "1024M"}
    assert (host["Init"], host["PidsLimit"]) == (False, 99)
    assert "NVIDIA_VISIBLE_DEVICES=GPU-aa,GPU-bb" in body["Env"]
    assert not {"NanoCpus", "Memory", "ShmSize", "Cmd"} & {*host, *body}, "what was not asked for is left to the engine"
    assert {name for name in body["Labels"] if not name.startswith("bursar.")} == set(), "labels are ours alone"
    assert json.loads(body["Labels"]["bursar.given"])["labels"] == labels


def test_podman_keeps_its_logs_in_its_own_way() -> None:
    assert made(a_spec(), is_podman=True)["HostConfig"]["LogConfig"]["Type"] == "k8s-file"


def test_what_we_set_cannot_be_declared_otherwise() -> None:
    body = made(a_spec(env={"NVIDIA_VISIBLE_DEVICES": "all", "BURSAR_RUN": "forged"}))
    assert {"NVIDIA_VISIBLE_DEVICES=void", "BURSAR_RUN=b7k2.dep-one.1"} <= set(body["Env"])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("redis", "docker.io/library/redis:latest"),
        ("redis:7", "docker.io/library/redis:7"),
        ("acme/model", "docker.io/acme/model:latest"),
        ("ghcr.io/acme/model:1", "ghcr.io/acme/model:1"),
        (f"ghcr.io/acme/model:1@{DIGEST}", f"ghcr.io/acme/model@{DIGEST}"),
        ("localhost:5000/x", "localhost:5000/x:latest"),
    ],
)
def test_an_image_is_asked_for_by_its_whole_name(typed: str, meant: str) -> None:
    assert full_reference(parse_image(typed)) == meant


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"kind": "vm"}, "services and jobs"),
        ({"image": None}, "needs an image"),
        ({"image": "--privileged"}, "not an image reference"),
        ({"image": "a;rm -rf /"}, "not an image reference"),
        ({"command": ("a\0b",)}, "no program can be given"),
        ({"env": {"A=B": "c"}}, "no program can be given"),
        ({"env": {"": "c"}}, "no program can be given"),
        ({"command": ("a\ud800",)}, "not text"),
        ({"labels": {"docker.network": "host"}}, "docker.network"),
        ({"labels": {"docker.network": "container:other"}}, "docker.network"),
        ({"labels": {"docker.ports": "80"}}, "published ports"),
        ({"labels": {"docker.mounts": "/etc"}}, "mount"),
        ({"labels": {"docker.mounts": "../../etc"}}, "mount"),
        ({"labels": {"docker.mounts": "~"}}, "mount"),
    ],
)
def test_B17_B22_what_no_cluster_gives_is_refused(parts: dict[str, Any], told: str) -> None:
    with pytest.raises(BursarError, match=told) as refused:
        refuse_unfit(a_spec(**parts), rules())
    assert refused.value.code == "cannot_run"


@pytest.mark.parametrize(
    ("ports", "told"),
    [("70000", "70000"), ("0", "'0'"), ("80:80", "80:80"), ("80/sctp", "sctp"), (",".join("12345678901234567"), "17 ")],
)
def test_what_is_no_port_is_refused(ports: str, told: str) -> None:
    with pytest.raises(Invalid, match=told):
        refuse_unfit(a_spec(labels={"docker.ports": ports}), rules(publish="127.0.0.1"))


def test_a_cluster_without_a_network_gives_nobody_one() -> None:
    closed = rules(network="none", publish="127.0.0.1")
    assert made(a_spec(), closed)["HostConfig"]["NetworkMode"] == "none"
    for labels in ({"docker.network": "bridge"}, {"docker.ports": "80"}):
        with pytest.raises(Invalid):
            refuse_unfit(a_spec(labels=labels), closed)


def test_with_gpus_podman_is_asked_in_its_own_words() -> None:
    size = Resources(cpu_milli=1500, ram_mib=2048, gpu_milli=1000)
    labels = {"docker.ports": "8080,53/udp", "docker.mounts": "data"}
    spec = a_spec(resources=size, command=("python", "x.py"), env={"A": "b=c"}, gpu_devices=("0",), labels=labels)
    body = made(spec, rules(publish="127.0.0.1", mounts="data=/srv/a"), is_podman=True)
    own = own_arguments(body, "bursar-x", ["nvidia.com/gpu=0"])
    assert own.pop("labels") == body["Labels"]
    options = ["ro", "rprivate", "rbind"]
    assert own == {
        "name": "bursar-x",
        "image": "docker.io/library/tinyllama:latest",
        "command": ["python", "x.py"],
        "env": {"A": "b=c", "BURSAR_RANK": "0", "BURSAR_RUN": "b7k2.dep-one.1", "NVIDIA_VISIBLE_DEVICES": "0"},
        "privileged": False,
        "no_new_privileges": True,
        "cap_drop": ["CAP_AUDIT_WRITE", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETFCAP"],
        "restart_policy": "no",
        "init": True,
        "netns": {"nsmode": "bridge"},
        "portmappings": [
            {"container_port": 8080, "host_ip": "127.0.0.1", "protocol": "tcp"},
            {"container_port": 53, "host_ip": "127.0.0.1", "protocol": "udp"},
        ],
        "mounts": [{"type": "bind", "source": "/srv/a", "destination": "/mnt/data", "options": options}],
        "log_configuration": {"driver": "k8s-file", "size": 16 << 20},
        "resource_limits": {
            "pids": {"limit": 4096},
            "cpu": {"period": 100_000, "quota": 150_000},
            "memory": {"limit": 2 << 30, "swap": 2 << 30},
        },
        "shm_size": 1 << 30,
        "devices": [{"path": "nvidia.com/gpu=0"}],
    }


# As tools write it, in either order of the keys; what a device is made of may bear names of its own.
NAMES_LAST = """---
cdiVersion: 0.5.0
containerEdits:
  hooks:
  - hookName: createContainer
    path: /usr/bin/a-hook
devices:
- containerEdits:
    deviceNodes:
    - name: card
      path: /dev/nvidia0
  name: "0"
- containerEdits:
    env:
    - A=b
  name: GPU-4c7a
kind: nvidia.com/gpu
"""
NAMES_FIRST = """cdiVersion: "0.5.0"
kind: "nvidia.com/gpu"
devices:

  - name: "0"
    containerEdits:
      deviceNodes:
        - name: card
  - name: GPU-4c7a
containerEdits:
  env:
    - name: no
"""


@pytest.mark.parametrize(
    ("text", "kind", "names"),
    [
        ('{"kind": "nvidia.com/gpu", "devices": [{"name": "0"}, {"name": "all"}]}', "nvidia.com/gpu", {"0", "all"}),
        ('{"kind": "amd.com/gpu", "devices": [{"name": "0"}]}', "nvidia.com/gpu", set()),
        ('{"kind": "nvidia.com/gpu", "devices": {"name": "0"}}', "nvidia.com/gpu", set()),
        ("[]", "nvidia.com/gpu", set()),
        ("", "nvidia.com/gpu", set()),
        (NAMES_LAST, "nvidia.com/gpu", {"0", "GPU-4c7a"}),
        (NAMES_FIRST, "nvidia.com/gpu", {"0", "GPU-4c7a"}),
        (NAMES_LAST, "nvidia.com/mig", set()),
    ],
)
def test_the_names_of_devices_are_read_from_what_their_maker_wrote(text: str, kind: str, names: set[str]) -> None:
    assert names_in(text, kind) == names


def test_devices_are_looked_for_where_the_host_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.json").write_text('{"kind": "x.org/gpu", "devices": [{"name": "0"}]}')
    (tmp_path / "a" / "two.yaml").write_text("kind: x.org/gpu\ndevices:\n  - name: '1'\n")
    (tmp_path / "a" / "notes.txt").write_text("kind: x.org/gpu\ndevices:\n  - name: '2'\n")
    assert devices_offered("x.org/gpu", (tmp_path / "a", tmp_path / "none")) == {"0", "1"}


def test_gpus_are_refused_where_they_would_be_ignored() -> None:
    with pytest.raises(Invalid, match="Podman"):
        refuse_unfit(a_spec(gpu_devices=("0", "1")), rules(), frozenset({"0"}))
    refuse_unfit(a_spec(gpu_devices=("0",)), rules(), frozenset({"0"}))
    refuse_unfit(a_spec(gpu_devices=("7",)), rules(), None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mounts": "/etc"},
        {"mounts": "data=/srv/../etc"},
        {"mounts": "data=srv"},
        {"mounts": "root=/"},
        {"mounts": "Data=/srv"},
        {"mounts": "data=/a:/b"},
        {"publish": "yes"},
        {"processes": "0"},
        {"processes": "many"},
        {"log_size": "0"},
        {"cdi": "gpu"},
        {"cdi": "nvidia.com/gpu=0"},
    ],
)
def test_rules_that_cannot_be_meant_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        rules(**wrong)


LABELS = st.dictionaries(
    st.sampled_from(["docker.network", "docker.ports", "docker.mounts", "docker.privileged", "team"]),
    st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789/:,.-_=~\0 ", max_size=30)
    | st.sampled_from(["bridge", "none", "host", "data", "scratch", "80", "/:/host", "data,/"]),
)


@settings(max_examples=150, deadline=None)
@given(labels=LABELS, podman=st.booleans())
def test_B22_whatever_a_member_asks_for_no_privilege_and_no_path_comes_of_it(
    labels: dict[str, str], podman: bool
) -> None:
    allowed = rules(publish="127.0.0.1", mounts="data=/srv/data,scratch=/scratch:rw")
    spec = a_spec(labels=labels)
    try:
        refuse_unfit(spec, allowed)
    except BursarError as refused:
        assert refused.code == "cannot_run"
        return
    host = made(spec, allowed)["HostConfig"]
    assert host["Privileged"] is False and "CapAdd" not in host and "Devices" not in host
    assert host["NetworkMode"] in ("none", "bridge")
    assert set(host["Binds"]) <= {"/srv/data:/mnt/data:ro", "/scratch:/mnt/scratch:rw"}
    assert all(one[0]["HostIp"] == "127.0.0.1" for one in host.get("PortBindings", {}).values())
    own = own_arguments(made(spec, allowed, is_podman=True), "name", ["nvidia.com/gpu=0"])
    assert own["privileged"] is False and own["no_new_privileges"] is True and "cap_add" not in own
    assert own["netns"]["nsmode"] in ("none", "bridge")
    assert {(m["source"], m["destination"], m["options"][0]) for m in own["mounts"]} <= {
        ("/srv/data", "/mnt/data", "ro"),
        ("/scratch", "/mnt/scratch", "rw"),
    }
    assert all(port["host_ip"] == "127.0.0.1" and "host_port" not in port for port in own["portmappings"])
