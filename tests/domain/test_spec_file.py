from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.errors import Invalid
from core.domain.resources import Resources
from core.domain.spec_file import LARGEST_SPEC, SPEC_KEYS, read_spec
from core.domain.validation import validated
from core.domain.workloads import SubmitRequest
from tests.domain.refusal import refusal

WHOLE = b"""
name = "train"
cluster = "gpu-a"
image = "ghcr.io/acme/train:1"
command = ["python", "train.py"]
cpu = 0.5
ram = "2GiB"
gpu = 2
priority = 80
hours = 1.5
after = ["dep-7k3f9q:any"]

[labels]
team = "vision"

[env]
EPOCHS = "3"
"""


def test_a_spec_says_what_submit_would_say() -> None:
    from_file = validated(SubmitRequest, **read_spec(WHOLE))
    from_words = validated(
        SubmitRequest,
        name="train",
        cluster="gpu-a",
        image="ghcr.io/acme/train:1",
        command=["python", "train.py"],
        cpu="0.5",
        ram="2GiB",
        gpu="2",
        priority="80",
        hours="1.5",
        after=["dep-7k3f9q:any"],
        labels=["team=vision"],
        env=["EPOCHS=3"],
    )
    assert from_file.fingerprint() == from_words.fingerprint()
    assert from_file.resources == Resources(cpu_milli=500, ram_mib=2048, gpu_milli=2000)


def test_the_keys_are_those_of_submit() -> None:
    assert {"name", "cluster", "image", "cpu", "ram", "gpu", "disk", "hours", "labels", "env", "kind"} <= set(SPEC_KEYS)
    assert not {"dry_run", "if_version", "key", "cpu_milli"} & set(SPEC_KEYS)


def test_windows_line_ends_and_a_byte_order_mark_are_taken() -> None:
    assert read_spec(b"\xef\xbb\xbf" + WHOLE.replace(b"\n", b"\r\n"))["name"] == "train"


def test_B47_unknown_keys_come_all_at_once_with_the_nearest() -> None:
    error = refusal(read_spec, b'prioritty = 1\nimagee = "x"\nname = "a"\n')
    assert (error.code, error.message) == ("unknown_field", "spec: unknown keys 'prioritty', 'imagee'")
    assert error.hint == "prioritty: did you mean 'priority'?; imagee: did you mean 'image'?"
    assert list(error.fields) == ["prioritty", "imagee"]


@pytest.mark.parametrize(
    ("content", "code", "part"),
    [
        (b"name = \n", "spec_not_toml", "at line 1"),
        (b'name = "a"\nname = "b"\n', "spec_not_toml", "at line 2"),
        (b"\xff\xfe", "spec_not_utf8", "byte 1 is not UTF-8"),
        (b'name = "a\x1b"', "control_character", "U+001B at position 10"),
        (b'name = """a\x00"""', "control_character", "U+0000"),
        (b"a: &x [1]\nb: *x", "spec_not_toml", "line 1"),
        (b"cpu = " + b"9" * 60_000, "spec_not_toml", "a number in it has too many digits"),
        (b"PK\x03\x04", "control_character", "U+0003"),
        (b"x" * (LARGEST_SPEC + 1), "spec_size", "at most 64 KiB (got 65537 bytes)"),
    ],
    ids=[
        "broken",
        "given twice",
        "not UTF-8",
        "escape",
        "NUL",
        "an alias of YAML",
        "a long number",
        "a zip",
        "too large",
    ],
)
def test_B47_B56_a_spec_that_cannot_be_read(content: bytes, code: str, part: str) -> None:
    error = refusal(read_spec, content)
    assert error.code == code
    assert error.message.startswith("spec: ")
    assert part in error.message


@pytest.mark.parametrize(
    "content",
    [
        b"env = " + b"[" * 30_000 + b"]" * 30_000,
        b"env = " + b"{a = " * 10_000 + b"1" + b"}" * 10_000,
        b"env." + b"a." * 30_000 + b"a = 1",
        b"[env" + b' . "a"' * 10_000 + b"]",
        b"env = [[[[[1]]]]]",
    ],
    ids=["lists", "tables", "dots", "dots in a header", "five levels"],
)
def test_B56_depth_is_bounded_and_costs_little(content: bytes) -> None:
    before = time.thread_time()
    error = refusal(read_spec, content)
    assert (error.code, error.message) == ("spec_too_deep", "spec: more than 4 levels deep")
    assert time.thread_time() - before < 2.0


def test_what_a_spec_holds_is_validated_like_everything_else() -> None:
    values = read_spec(b'name = "x"\ncluster = "c"\nhours = nan\ngpu = true\nlabels = 1979-05-27\n')
    error = refusal(validated, SubmitRequest, **values)
    assert list(error.fields) == ["name", "gpu", "hours", "labels"]


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(), st.text(alphabet='abn= \n[]{}".,1#').map(str.encode)))
def test_any_file_is_read_or_refused_in_words(content: bytes) -> None:
    try:
        assert set(read_spec(content)) <= set(SPEC_KEYS)
    except Invalid as error:
        error.message.encode()


@pytest.mark.parametrize("size", [16, 64 * 1024, 10**6], ids=lambda size: f"B25 of {size} bytes")
def test_what_a_machine_would_run_at_its_first_start_is_no_part_of_a_request(size: int) -> None:
    """User data is not taken at all: by its name where the file is small enough to be read, else by the file's size."""
    error = refusal(read_spec, f'name = "box"\nuser_data = "{"#" * (size - 40)}"\n'.encode())
    told = {"unknown_field": "spec: unknown key 'user_data'", "spec_size": "spec: at most 64 KiB (got "}
    assert error.message.startswith(told[error.code])


def test_B25_bytes_that_are_no_text_are_refused_by_their_place() -> None:
    assert refusal(read_spec, b'user_data = "\xff\xfe"').message == "spec: byte 14 is not UTF-8"
