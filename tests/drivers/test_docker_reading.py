"""What two engines say, read: their errors, their containers, their logs, and the evidence of a restart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import SECOND
from core.domain.engines import LOG_BEGINNING, GpuFound, Phase, Trouble, Use
from core.domain.errors import BursarError
from core.domain.resources import Resources
from core.drivers.docker import usage
from core.drivers.docker.logs import LONGEST_CHUNK, Cursor, Entry, chunk_of, entries
from core.drivers.docker.pulling import Pull, credentials_of
from core.drivers.docker.reading import Circumstances, instant, observed
from core.drivers.docker.recipe import Place
from core.drivers.docker.restarts import EngineLife
from core.drivers.docker.troubles import Act, from_status, is_name_taken, unreachable
from tests.drivers.contract import a_token

CREATE, START, PULL, LOOK = Act.CREATE, Act.START, Act.PULL, Act.LOOK


@pytest.mark.parametrize(
    ("status", "text", "act", "code"),
    [
        (400, "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available", CREATE, Trouble.CANNOT_RUN),
        (400, "Minimum memory limit allowed is 6MB", CREATE, Trouble.CANNOT_RUN),
        (500, "runc: unable to set memory limit to 1048576 (current usage: 1)", START, Trouble.CANNOT_RUN),
        (400, 'exec: "nope": executable file not found in $PATH: unknown', START, Trouble.CANNOT_RUN),
        (500, "runc: exec failed: No such file or directory: OCI runtime error", START, Trouble.CANNOT_RUN),
        (500, 'exec: "/etc": permission denied: OCI permission denied', START, Trouble.CANNOT_RUN),
        (500, "unable to find user nobody: no matching entries in passwd file", START, Trouble.CANNOT_RUN),
        (500, 'could not select device driver "" with capabilities: [[gpu]]', START, Trouble.NO_CAPACITY),
        (500, "nvidia-container-cli: device error: 9: unknown device", START, Trouble.NO_CAPACITY),
        (500, "write /var/lib/docker: no space left on device", CREATE, Trouble.NO_CAPACITY),
        (500, 'exec: "docker-init": executable file not found in $PATH', START, Trouble.ENGINE_FAULT),
        (500, "cgroup: mountpoint: no such file or directory", START, Trouble.ENGINE_FAULT),
        (500, "something else altogether", START, Trouble.ENGINE_FAULT),
        (500, "something else altogether", LOOK, Trouble.ENGINE_FAULT),
        (403, "authorization denied by plugin", LOOK, Trouble.UNAUTHORIZED),
        (404, "manifest for x:2 not found: manifest unknown", PULL, Trouble.IMAGE_MISSING),
        (500, "Get https://r/v2/: no basic auth credentials", PULL, Trouble.IMAGE_MISSING),
        (500, "Get https://r/v2/: dial tcp: lookup r: no such host", PULL, Trouble.IMAGE_MISSING),
        (500, "toomanyrequests: You have reached your pull rate limit", PULL, Trouble.IMAGE_MISSING),
        (500, "failed to register layer: no space left on device", PULL, Trouble.NO_CAPACITY),
    ],
)
def test_an_error_is_judged_by_status_and_text(status: int, text: str, act: Act, code: Trouble) -> None:
    error = from_status(status, text, act, "n1")
    assert error.code == code
    assert "\n" not in error.message


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("('Connection aborted.', FileNotFoundError(2, 'No such file or directory'))", Trouble.ENGINE_DOWN),
        ("('Connection aborted.', PermissionError(13, 'Permission denied'))", Trouble.UNAUTHORIZED),
        ("UnixHTTPConnectionPool(host='localhost'): Read timed out. (read timeout=1)", Trouble.TIMEOUT),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", Trouble.UNAUTHORIZED),
        ("[Errno 111] Connection refused", Trouble.ENGINE_DOWN),
    ],
)
def test_no_answer_is_told_by_its_reason(text: str, code: Trouble) -> None:
    assert unreachable("n1", text).code == code


def test_a_taken_name_is_409_with_docker_and_500_with_podman() -> None:
    words = 'the container name "bursar-x" is already in use by container 12'
    assert is_name_taken(409, words) and is_name_taken(500, words)
    assert not is_name_taken(500, "port is already allocated") and not is_name_taken(404, words)


def a_record(state: dict[str, Any], **parts: Any) -> dict[str, Any]:
    given = {"name": "train", "size": [500, 256, 1000, 0], "gpus": ["0"], "labels": {"team": "vision"}}
    return {
        "Id": "c0ffee" * 10,
        "Name": f"/bursar-{a_token()}",
        "Created": "2026-01-01T00:00:00.5Z",
        "State": {"StartedAt": "2026-01-01T00:00:01.000000001Z", "FinishedAt": "0001-01-01T00:00:00Z", **state},
        "Config": {
            "Labels": {"bursar.token": str(a_token()), "bursar.cluster": "c1", "bursar.given": json.dumps(given)}
        },
        "HostConfig": {"Memory": 256 << 20, "NanoCpus": 500_000_000},
        **parts,
    }


HERE = Place("c1", "n1")
OURS = Circumstances("b7k2", HERE)
NEVER = {"StartedAt": "0001-01-01T00:00:00Z"}
OVER = {"Status": "exited", "FinishedAt": "2026-01-01T00:00:09Z"}


def test_a_running_container_shows_what_it_was_given() -> None:
    found = observed(a_record({"Status": "running", "ExitCode": 0}), OURS)
    assert (found.token, found.phase, found.name, found.node) == (a_token(), Phase.RUNNING, "train", "n1")
    assert (found.resources, found.gpu_devices) == (Resources(500, 256, 1000, 0), ("0",))
    assert found.labels == {"team": "vision"}
    assert (found.exit_code, found.finished_at) == (None, None)
    assert found.started_at == instant("2026-01-01T00:00:01Z")


@pytest.mark.parametrize(
    ("state", "about", "phase", "code", "signal", "oom"),
    [
        ({**OVER, "ExitCode": 0}, OURS, Phase.FINISHED, 0, None, False),
        ({**OVER, "ExitCode": 3}, OURS, Phase.FINISHED, 3, None, False),
        ({**OVER, "ExitCode": 143}, OURS, Phase.FINISHED, 143, 15, False),
        ({**OVER, "ExitCode": 255}, OURS, Phase.FINISHED, 255, None, False),
        ({**OVER, "ExitCode": 137, "OOMKilled": True}, OURS, Phase.FINISHED, 137, 9, True),
        ({**OVER, "ExitCode": 137}, OURS, Phase.FINISHED, 137, 9, False),
        ({**OVER, "ExitCode": 137}, Circumstances("b7k2", HERE, is_podman=True), Phase.FINISHED, 137, 9, True),
        (
            {**OVER, "ExitCode": 137},
            Circumstances("b7k2", HERE, is_podman=True, killed_by_us=True),
            *(Phase.FINISHED, 137, 9, False),
        ),
        ({**OVER, "ExitCode": 137}, Circumstances("b7k2", HERE, ended_by_engine=True), Phase.GONE, None, None, False),
        ({"Status": "running"}, Circumstances("b7k2", HERE, dead_since=1), Phase.GONE, None, None, False),
        ({"Status": "paused"}, OURS, Phase.SUSPENDED, None, None, False),
        ({**NEVER, "Status": "created", "ExitCode": 0}, OURS, Phase.STARTING, None, None, False),
        ({**NEVER, "Status": "created", "ExitCode": 127, "Error": "no"}, OURS, Phase.FAILED, None, None, False),
        ({"Status": "created", "ExitCode": 0}, OURS, Phase.GONE, None, None, False),
    ],
)
def test_a_state_is_read_with_its_circumstances(
    state: dict[str, Any], about: Circumstances, phase: Phase, code: int | None, signal: int | None, oom: bool
) -> None:
    found = observed(a_record(state), about)
    assert (found.phase, found.exit_code, found.signal, found.oom) == (phase, code, signal, oom)


def test_a_run_never_ends_before_it_began() -> None:
    found = observed(a_record({**OVER, "ExitCode": 0, "FinishedAt": "2026-01-01T00:00:00.9998Z"}), OURS)
    assert found.finished_at == found.started_at


@pytest.mark.parametrize(
    "parts",
    [
        {"Name": "/somebody"},  # an image carries the label, and only we give the name
        {"Config": {"Labels": None}},
        {"Config": {"Labels": {"bursar.token": str(a_token()), "bursar.cluster": "c2"}}},
        {"Config": {"Labels": {"bursar.token": "../../etc"}}},
        {"Config": {"Labels": {"bursar.token": "other.dep-one.1"}}, "Name": "/bursar-other.dep-one.1"},
    ],
)
def test_E39_what_is_not_ours_is_foreign_with_what_it_takes(parts: dict[str, Any]) -> None:
    request = {"DeviceRequests": [{"Capabilities": [["gpu"]], "Count": 2}], "Memory": 1 << 30, "CpuQuota": 150_000}
    found = observed(a_record({"Status": "running"}, **parts, HostConfig=request), OURS)
    assert (found.token, found.labels) == (None, {})
    assert (found.resources, found.gpu_devices) == (Resources(1500, 1024, 2000, 0), ("0", "1"))
    over = observed(a_record({**OVER, "ExitCode": 0}, **parts, HostConfig=request), OURS)
    assert over.resources.is_nothing() and over.gpu_devices == ()


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 300) | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["name", "size", "gpus", "labels", "image", "disk"]), inner, max_size=4)
        ),
    )
)
def test_a_spoilt_label_hides_nothing_that_lives(given_label: Any) -> None:
    labels = {"bursar.token": str(a_token()), "bursar.cluster": "c1", "bursar.given": json.dumps(given_label)}
    found = observed(a_record({"Status": "running"}, Config={"Labels": labels}), OURS)
    assert (found.token, found.phase) == (a_token(), Phase.RUNNING)


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("1970-01-01T00:00:01Z", SECOND),
        ("1970-01-01T00:00:01.123456789Z", 1_123_456),
        ("1970-01-01T02:00:01.5+02:00", 1_500_000),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        (None, None),
        ("yesterday", None),
    ],
)
def test_an_instant_is_read_to_the_microsecond(text: str | None, microseconds: int | None) -> None:
    assert instant(text) == microseconds


@pytest.mark.parametrize(
    ("started", "finished", "code", "ended"),
    [
        (0, 105, 137, True),
        (0, 90, 143, True),  # an engine that goes in order ends them before it ends itself
        (0, 105, 0, False),  # it had done its work
        (0, 105, 3, False),
        (0, 60, 137, False),  # long before
        (0, 160, 137, False),  # long after
        (110, 112, 137, False),  # it began only afterwards
        (0, None, 137, False),
    ],
)
def test_E42_the_engine_ended_what_was_killed_as_it_was_away(
    started: int, finished: int | None, code: int, ended: bool
) -> None:
    life = EngineLife(None)
    life.answered(50 * SECOND)
    assert not life.ended(0, 105 * SECOND, 137), "it was never away"
    life.was_away(100 * SECOND)
    life.was_away(101 * SECOND)
    life.answered(110 * SECOND)
    assert life.ended(started * SECOND, None if finished is None else finished * SECOND, code) is ended


def framed(*written: tuple[int, str, str]) -> bytes:
    """As an engine sends it: output, instant, text."""
    blocks = [(output, f"{at} {text}".encode()) for output, at, text in written]
    return b"".join(bytes([output, 0, 0, 0]) + len(block).to_bytes(4, "big") + block for output, block in blocks)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40))
def test_a_stream_is_read_however_it_is_cut(size: int) -> None:
    stream = framed((1, "1970-01-01T00:00:01Z", "one\n"), (2, "1970-01-01T00:00:02.5Z", "two é\n"), (1, "x", "three\n"))
    found = list(entries(stream[n : n + size] for n in range(0, len(stream), size)))
    assert [(entry.output, entry.text.decode()) for entry in found] == [(1, "one\n"), (2, "two é\n"), (1, "xthree\n")]
    assert [entry.at_ns for entry in found] == [10**9, 2_500_000_000, 2_500_000_000]


def since(kept: list[Entry], cursor: Cursor | None) -> list[Entry]:
    """As an engine answers: what is not older than the second, in the order in which it was written."""
    return kept if cursor is None else [entry for entry in kept if entry.at_ns >= cursor.second * 10**9]


@settings(max_examples=150, deadline=None)
@given(
    gaps=st.lists(st.sampled_from([0, 1, 40, 10**8, 10**9, 3 * 10**9]), max_size=40),
    looks=st.lists(st.integers(0, 40), max_size=6),
)
def test_followed_by_cursor_every_entry_is_read_once(gaps: list[int], looks: list[int]) -> None:
    written, at = [], 10**18
    for number, gap in enumerate(gaps):
        at += gap
        written.append(Entry(at, 1 + number % 2, f"line {number}\n".encode()))
    read, cursor = "", None
    for upto in [*sorted(looks), len(written), len(written)]:
        chunk = chunk_of(since(written[:upto], cursor), cursor, over=upto == len(written))
        assert not chunk.skipped
        read, cursor = read + chunk.text, Cursor.parse(chunk.cursor)
    assert read == "".join(f"line {number}\n" for number in range(len(gaps)))
    assert chunk.ended


def test_what_was_dropped_is_said_and_the_rest_is_read() -> None:
    kept = [Entry(10**18 + n, 1, f"{n}\n".encode()) for n in range(6)]
    first = chunk_of(kept[:4], None, over=False)
    cursor = Cursor.parse(first.cursor)
    later = chunk_of(since(kept[2:], cursor), cursor, over=True)
    assert (later.text, later.skipped, later.ended) == ("2\n3\n4\n5\n", True, True)
    nothing = chunk_of([], cursor, over=True)
    assert (nothing.text, nothing.skipped, nothing.cursor) == ("", False, first.cursor)


def test_a_line_in_pieces_is_put_together_although_another_stands_between() -> None:
    pieces = [Entry(1, 1, b"out 1"), Entry(2, 2, b"err\n"), Entry(3, 1, b"251\n"), Entry(4, 1, b"unfinished")]
    assert chunk_of(pieces, None, over=True).text == "err\nout 1251\nunfinished"


def test_a_long_log_comes_in_chunks_and_who_looks_first_sees_its_end() -> None:
    big = [Entry(n * 10**9, 1, bytes([97 + n]) * (LONGEST_CHUNK // 2) + b"\n") for n in range(1, 6)]
    last = chunk_of(big, None, over=True)
    assert last.ended and {*last.text} == {"f", "\n"}
    assert last.skipped and not chunk_of(big[-1:], None, over=True).skipped, "there is more before it, or is not"
    assert chunk_of(big, Cursor.parse(LOG_BEGINNING), over=True).text.startswith("b")
    read, cursor, ended = "", Cursor(1), False
    while not ended:
        chunk = chunk_of(since(big, cursor), cursor, over=True)
        read, ended = read + chunk.text, chunk.ended
        cursor = Cursor.parse(chunk.cursor) or pytest.fail(chunk.cursor)
        assert len(chunk.text) <= LONGEST_CHUNK + 1
    assert sorted({*read}) == ["\n", "b", "c", "d", "e", "f"]
    assert len(read) == sum(len(entry.text) for entry in big)


def test_how_far_a_pull_is() -> None:
    pull = Pull("ghcr.io/acme/model:1")
    assert pull.progress() == "pulling ghcr.io/acme/model:1"
    pull.note({"status": "Downloading", "id": "a", "progressDetail": {"current": 25, "total": 100}})
    pull.note({"status": "Downloading", "id": "b", "progressDetail": {"current": 0, "total": 100}})
    assert pull.progress() == "pulling ghcr.io/acme/model:1: 12 %, 0 of 2 layers"
    pull.note({"status": "Download complete", "id": "a"})
    pull.note({"status": "Digest: sha256:00"})
    assert pull.progress() == "pulling ghcr.io/acme/model:1: 50 %, 1 of 2 layers"


def test_credentials_are_read_as_docker_keeps_them() -> None:
    text = '{"auths": {"ghcr.io": {"auth": "YW5uOmEgYjpj"}, "r:5000": {"username": "bob", "password": "x"}}}'
    assert credentials_of(text) == {
        "ghcr.io": {"username": "ann", "password": "a b:c"},
        "r:5000": {"username": "bob", "password": "x"},
    }
    assert credentials_of("") == {}


@pytest.mark.parametrize("text", ["{", "[]", '{"auths": {"r": {}}}', '{"auths": {"r": {"auth": "!"}}}', '"x"'])
def test_credentials_that_cannot_be_read_are_not_shown(text: str) -> None:
    with pytest.raises(BursarError) as refused:
        credentials_of(text)
    assert text not in refused.value.message


@pytest.mark.parametrize(
    ("places", "files"),
    [
        ({"": "run/c"}, {"run/c/cpu.stat": "usage_usec {us}\nuser_usec 1\n", "run/c/memory.current": "{bytes}\n"}),
        (
            {"cpuacct": "docker/c", "memory": "docker/m", "systemd": "x"},
            {"cpuacct/docker/c/cpuacct.usage": "{us}000\n", "memory/docker/m/memory.usage_in_bytes": "{bytes}\n"},
        ),
    ],
)
def test_use_is_read_from_either_kind_of_control_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, places: dict[str, str], files: dict[str, str]
) -> None:
    monkeypatch.setattr(usage, "_places", lambda _pid: places)
    meter = usage.UsageMeter(tmp_path)

    def used(at_s: int, used_us: int) -> Use:
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content.format(us=used_us, bytes=3 << 20))
        return meter.use("c", 1, at_s * SECOND)

    assert used(10, 2_000_000) == Use(ram_mib=3)
    assert used(12, 5_000_000) == Use(1500, 3)
    assert used(12, 9_000_000) == Use(1500, 3), "so soon it is not asked again"
    meter.keep(set())
    assert used(14, 6_000_000) == Use(ram_mib=3), "of a container that was away nothing is remembered"


def test_what_its_devices_do_is_told_of_those_that_can_be_asked() -> None:
    one = GpuFound("GPU-a", 0, "H200", 143_771, used_mib=1_000, utilization_milli=900)
    other = GpuFound("GPU-b", 1, "H200", 143_771, used_mib=24, utilization_milli=100)
    silent = GpuFound("GPU-c", 2, "H200")
    found = {key: gpu for gpu in (one, other, silent) for key in (gpu.id, str(gpu.index))}
    alone = Use(500, 64)
    assert usage.with_gpus(alone, ("GPU-a", "GPU-b"), found) == Use(500, 64, 500, 1_024)
    assert usage.with_gpus(alone, ("1", "GPU-c"), found) == Use(500, 64, 100, 24)
    assert usage.with_gpus(alone, ("GPU-c", "GPU-elsewhere"), found) == alone


def test_where_there_is_no_control_group_nothing_is_told(tmp_path: Path) -> None:
    assert usage.UsageMeter(tmp_path).use("c", 1, 0) == Use()
    assert usage.read(2**22 + 1, 0).cpu_ns is None


def test_a_process_that_is_no_more_is_not_alive() -> None:
    assert usage.is_alive(1) and not usage.is_alive(2**22 + 1)
