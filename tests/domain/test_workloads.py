from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.changes import ApproveRequest, ExtendRequest, PriorityRequest, RejectRequest
from core.domain.errors import Invalid
from core.domain.kinds import Kind, kind_by_default
from core.domain.resources import Resources
from core.domain.validation import validated
from core.domain.workloads import SubmitRequest
from tests.domain.refusal import refusal, table
from tests.domain.test_text import ANY_TEXT
from tests.domain.test_validation import ANYTHING

FIELDS = [field.alias or name for name, field in SubmitRequest.model_fields.items()]


def submit(**values: Any) -> SubmitRequest:
    """A service that is right in all that a case does not say."""
    return validated(SubmitRequest, **{"name": "llama", "cluster": "gpu-a", "image": "tinyllama:latest", **values})


def test_everything_that_submit_takes_becomes_integers() -> None:
    asked = submit(
        command=["serve", "--port", "80"],
        cpu="0.5",
        ram="512MiB",
        gpu="2",
        disk="50",
        gpu_model="NVIDIA H200",
        priority="80",
        hours="90m",
        replicas="4",
        after=["dep-7k3f9q", "train:any"],
        labels=["team=vision", "urgent"],
        env=["A=1"],
        dry_run=True,
        key="run-1",
        if_version="17",
    )
    assert asked.resources == Resources(cpu_milli=500, ram_mib=512, gpu_milli=2000, disk_mib=51_200)
    assert (asked.kind, asked.hours_ms, asked.priority, asked.replicas) == (Kind.JOB, 5_400_000, 80, 4)
    assert [str(dependency) for dependency in asked.after] == ["dep-7k3f9q", "train:any"]
    assert asked.labels == {"team": "vision", "urgent": ""}
    assert (asked.env, asked.gpu_model, asked.if_version) == ({"A": "1"}, "nvidia-h200", 17)
    assert asked.command == ("serve", "--port", "80")


def test_what_is_left_out_has_a_default() -> None:
    asked = submit()
    assert (asked.kind, asked.priority, asked.replicas, asked.hours_ms) == (Kind.SERVICE, 50, 1, None)
    assert asked.resources == Resources(cpu_milli=1000, ram_mib=1024)
    assert (asked.after, asked.labels, asked.env, asked.dry_run, asked.key) == ((), {}, {}, False, None)


@table(
    ("values", "kind"),
    [
        ("hours make a job", {"hours": "1"}, Kind.JOB),
        ("no hours make a service", {}, Kind.SERVICE),
        ("hours that are not given make a service", {"hours": None}, Kind.SERVICE),
        ("a job may leave its hours to the cluster", {"kind": "job"}, Kind.JOB),
        ("a machine is said to be one", {"kind": "vm"}, Kind.VM),
    ],
)
def test_the_kind_where_none_is_given(values: dict[str, Any], kind: Kind) -> None:
    assert submit(**values).kind is kind


def test_what_follows_from_the_kind() -> None:
    assert [kind for kind in Kind if kind.has_time_limit] == [Kind.JOB]
    assert [kind for kind in Kind if kind.keeps_disk] == [Kind.VM]
    assert (kind_by_default(has_hours=True), kind_by_default(has_hours=False)) == (Kind.JOB, Kind.SERVICE)


@table(
    ("values", "code", "message"),
    [
        ("a flavor and a size", {"flavor": "small", "cpu": 1, "gpu": 0}, "flavor_and_sizes",
         "flavor: it already says the size (got cpu, gpu too)"),
        ("nothing at all", {"cpu": 0, "ram": 0}, "asks_for_nothing",
         "cpu: no CPU, no memory and no GPU is nothing to run on"),
        ("a machine without memory", {"kind": "vm", "ram": 0}, "vm_too_small",
         "cpu: a vm needs CPU and memory (got 0 of one)"),
        ("a model without a GPU", {"gpu_model": "h200"}, "model_without_gpu",
         "gpu_model: h200 was asked for, but no GPU"),
        ("a service with hours", {"kind": "service", "hours": 1}, "hours_not_for_kind",
         "hours: a service runs until it is stopped"),
        ("a machine with hours", {"kind": "vm", "hours": 1}, "hours_not_for_kind",
         "hours: a vm runs until it is stopped"),
        ("a machine with a command", {"kind": "vm", "command": ["ls"]}, "command_not_for_vm",
         "command: a vm runs its image, not a command"),
        ("neither image nor command", {"image": None}, "nothing_to_run",
         "image: a service needs an image or a command"),
        ("one address for many", {"replicas": 2, "public_ip": "203.0.113.7"}, "address_for_many",
         "public_ip: 2 replicas cannot share 203.0.113.7"),
        ("an unknown kind", {"kind": "sevice"}, "unknown_kind", "kind: there is no 'sevice'"),
    ],
)  # fmt: skip
def test_fields_that_contradict_each_other(values: dict[str, Any], code: str, message: str) -> None:
    error = refusal(submit, **values)
    assert (error.code, error.message) == (code, message)
    assert list(error.fields) == [message.partition(":")[0]]


@table(
    ("values",),
    [
        ("a command without an image", {"image": None, "command": ["python", "x.py"]}),
        ("a machine without an image", {"image": None, "kind": "vm"}),
        ("a machine with the name of an image", {"image": "Ubuntu 24.04", "kind": "vm"}),
        ("a flavor alone", {"flavor": "small"}),
        ("a flavor with a model", {"flavor": "small", "gpu_model": "h200"}),
        ("a GPU without CPUs", {"cpu": 0, "ram": 0, "gpu": "0.5"}),
    ],
)
def test_what_may_go_together(values: dict[str, Any]) -> None:
    asked = submit(**values)
    assert (asked.resources is None) == ("flavor" in values)


@pytest.mark.parametrize("gpu", [-1, "1.5", 1.5, "2 ", "１２", "1_000", "0x10", True, None.__class__])
def test_B10_gpus(gpu: object) -> None:
    error = refusal(submit, gpu=gpu)
    assert error.code in ("malformed_amount", "gpu_not_whole", "not_an_amount")
    assert error.message.startswith("gpu: ")


@pytest.mark.parametrize("gpu", [10**9, 2**31, 2**63, 10**5000], ids=["a billion", "31 bits", "63 bits", "many"])
def test_B11_gpus_that_no_machine_has(gpu: int) -> None:
    assert refusal(submit, gpu=gpu).code in ("too_large", "malformed_amount")


@pytest.mark.parametrize("hours", ["NaN", float("nan"), float("inf"), "1e400", -0.0, 1e-12, 0, "soon", True])
def test_B12_hours_that_are_no_hours(hours: object) -> None:
    error = refusal(submit, hours=hours)
    assert error.message.startswith(("hours: a number between 0.01 and 8760 (got ", "hours: must be an amount (got "))


@pytest.mark.parametrize("priority", ["101", 101, "-1", -1, 10**9])
def test_B14_priorities_lie_between_0_and_100(priority: object) -> None:
    error = refusal(submit, priority=priority)
    assert error.message.startswith("priority: ")
    assert error.hint == "give a whole number between 0 and 100"


@pytest.mark.parametrize("image", ["--privileged", "-v /:/h", "image;rm", "$(x)", "redis\n", "Redis", "redis@sha256:1"])
def test_B17_B18_B19_images(image: str) -> None:
    assert refusal(submit, image=image).message.startswith("image: ")


def test_B17_a_machine_image_is_no_option_either() -> None:
    assert refusal(submit, kind="vm", image="--privileged").code == "image_malformed"


def test_B17_a_command_is_a_list_of_words_and_never_a_line() -> None:
    assert refusal(submit, command="rm -rf /").message == "command: must be a list of words (got 'rm -rf /')"
    assert refusal(submit, command=[1]).message == "command: each word is text (got 1)"
    assert refusal(submit, command=["a\x00"]).code == "control_character"
    assert refusal(submit, command=[""]).message == "command: its first word is empty"
    assert submit(command=["bash", "-c", "a\n\tb; $(c)"]).command == ("bash", "-c", "a\n\tb; $(c)")


def test_B20_a_command_and_an_environment_are_bounded() -> None:
    assert refusal(submit, command=["x"] * 1001).code == "command_size"
    assert refusal(submit, command=["x", "y" * 200_000]).code == "command_size"
    assert refusal(submit, env=["A B=1"]).code == "env_name"
    assert refusal(submit, env={"A": "x" * 1_000_000}).code == "env_value_size"


def test_B21_neither_an_error_nor_a_representation_shows_the_environment() -> None:
    assert "hunter2" not in repr(submit(env=["A=hunter2"]))
    error = refusal(submit, env={"A": ["hunter2"]})
    assert "hunter2" not in f"{error.message}{error.fields}"


def test_B59_amounts_with_a_comma() -> None:
    error = refusal(submit, cpu="1,5", ram="1,5", hours="1,5", gpu="1,5", disk="1,5")
    assert list(error.fields) == ["cpu", "ram", "gpu", "disk", "hours"]
    assert (error.hint or "").endswith("the decimal sign is a point")


def test_B34_nobody_says_for_which_org_or_owner() -> None:
    for field in ("org", "org_id", "owner", "state", "cost", "role"):
        assert refusal(submit, **{field: "x"}).code == "unknown_field"
    for field in ("cpu_milli", "ram_mib", "gpu_milli", "hours_ms"):
        assert refusal(submit, **{field: 1}).code == "unknown_field"


@pytest.mark.parametrize("address", ["203.0.113.7", "2001:db8::7", "10.0.0.5"])
def test_addresses(address: str) -> None:
    assert submit(public_ip=address).public_ip == address
    assert submit(public_ip="2001:0DB8::0007").public_ip == "2001:db8::7"


@pytest.mark.parametrize(
    "address",
    ["", "1.2.3", "256.1.1.1", "010.0.0.1", "1.2.3.4/24", "fe80::1%eth0", "localhost", "0xa9fea9fe"],
)
def test_B23_what_is_no_address(address: str) -> None:
    error = refusal(submit, public_ip=address)
    assert error.code == "not_an_address"
    assert error.message.endswith("is not an IP address")


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "224.0.0.1"])
def test_addresses_that_no_machine_has(address: str) -> None:
    assert refusal(submit, public_ip=address).message == f"public_ip: {address} cannot be one machine's"


@pytest.mark.parametrize("replicas", [0, 1001, "-1", "many", 1.5])
def test_replicas_are_counted(replicas: object) -> None:
    assert refusal(submit, replicas=replicas).hint == "give a whole number between 1 and 1000"


@table(
    ("after", "code"),
    [
        ("another outcome", ["a1:never"], "after_outcome"),
        ("twice the same", ["train", "Train:any"], "given_twice"),
        ("too many", [f"d{n}" for n in range(65)], "too_many"),
        ("no reference", ["../x"], "name_characters"),
        ("nothing", [""], "name_length"),
        ("no text", [5], "not_text"),
        ("no list", 5, "not_a_list"),
    ],
)
def test_dependencies_that_are_refused(after: object, code: str) -> None:
    assert refusal(submit, after=after).code == code


def test_dependencies() -> None:
    assert [(d.deployment, d.any_outcome) for d in submit(after="a1").after] == [("a1", False)]
    assert [(d.deployment, d.any_outcome) for d in submit(after=["a1:ok", "b2:any"]).after] == [
        ("a1", False),
        ("b2", True),
    ]


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 129, "a\n"])
def test_idempotency_keys_that_are_refused(key: str) -> None:
    assert refusal(submit, key=key).code == "key_malformed"


def test_the_same_content_has_the_same_fingerprint_however_it_was_written() -> None:
    first = submit(cpu="0.5", labels=["a=1", "b=2"], hours="1.5", key="k1", dry_run=True)
    second = submit(cpu=0.5, labels={"b": "2", "a": "1"}, hours="90m", key="k2", if_version=3)
    assert first.fingerprint() == second.fingerprint()


@pytest.mark.parametrize(
    "values",
    [
        {"name": "other"},
        {"cpu": 2},
        {"priority": 51},
        {"env": ["A=1"]},
        {"image": "redis"},
        {"after": ["a1"]},
        {"kind": "vm"},
    ],
)
def test_other_content_has_another_fingerprint(values: dict[str, Any]) -> None:
    assert submit(**values).fingerprint() != submit().fingerprint()


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.one_of(st.sampled_from([f.alias or n for n, f in SubmitRequest.model_fields.items()]), ANY_TEXT), ANYTHING
    )
)
def test_anything_submitted_is_a_request_or_refused_in_words(values: dict[str, Any]) -> None:
    try:
        submit(**values)
    except Invalid as error:
        error.message.encode()
        assert error.fields


def test_changes_of_what_exists() -> None:
    assert validated(ExtendRequest, id="DEP-7k3", hours="2").hours_ms == 7_200_000
    assert validated(PriorityRequest, id="dep-7k3", priority="7").priority == 7
    approved = validated(ApproveRequest, id="dep-7k3", hours=1)
    assert (approved.deployment, approved.hours_ms, approved.priority) == ("dep-7k3", 3_600_000, None)
    assert validated(RejectRequest, id="dep-7k3", reason="too long:\nask for less").reason.startswith("too long")


def test_B40_a_rejection_has_a_reason() -> None:
    assert refusal(validated, RejectRequest, id="dep-7k3", reason="  ").message == (
        "reason: at least 1 characters (got only spaces)"
    )
    assert refusal(validated, RejectRequest, id="dep-7k3").message == "reason: is missing"
    assert refusal(validated, ExtendRequest, id="dep-7k3", hours="0").code == "out_of_range"
