"""What is asked of this host: its GPUs, its identity, and the means to hold a run down."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from core.clock import SystemClock
from core.domain.engines import GpuFound, Observed, Phase, Site, Token
from core.domain.errors import Unavailable
from core.domain.resources import Resources
from core.drivers.host import only_on, this_machine
from core.drivers.nvml import MIB, find_gpus, load_library
from core.drivers.process import ProcessDriver
from core.drivers.process.limits import Means, find_means

SIZE = Resources(cpu_milli=1500, ram_mib=512)


class FakeLibrary:
    """Answers as NVML does: by pointers and return codes."""

    def __init__(self, count: int, broken: tuple[int, ...] = (), init: int = 0, measures: bool = True) -> None:
        self.count, self.broken, self.init, self.measures = count, broken, init, measures
        self.open = 0
        self.busy: set[int] = set()

    def nvmlInit_v2(self) -> int:
        self.open += self.init == 0
        return self.init

    def nvmlShutdown(self) -> int:
        self.open -= 1
        return 0

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = self.count
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: Any, device: Any) -> int:
        device._obj.value = 1000 + index.value
        return 15 if index.value in self.broken else 0

    def nvmlDeviceGetUUID(self, device: Any, room: Any, size: Any) -> int:
        room.value = f"GPU-{device.value}".encode()
        return 0

    def nvmlDeviceGetName(self, device: Any, room: Any, size: Any) -> int:
        room.value = b"NVIDIA H200"
        return 0

    def nvmlDeviceGetMemoryInfo(self, device: Any, memory: Any) -> int:
        memory._obj.total, memory._obj.used = 143_771 * MIB, 512 * MIB
        return 0 if self.measures else 3

    def nvmlDeviceGetComputeRunningProcesses_v3(self, device: Any, count: Any, infos: Any) -> int:
        assert count._obj.value == 0 and infos is None, "only whether there are any is asked"
        return 7 if device.value - 1000 in self.busy else 0

    def nvmlDeviceGetUtilizationRates(self, device: Any, busy: Any) -> int:
        busy._obj.gpu = 37
        return 0 if self.measures else 3


def test_gpus_are_told_by_the_library_of_their_driver() -> None:
    library = FakeLibrary(2)
    assert find_gpus(library) == (
        GpuFound("GPU-1000", 0, "NVIDIA H200", 143_771, 512, 370),
        GpuFound("GPU-1001", 1, "NVIDIA H200", 143_771, 512, 370),
    )
    assert library.open == 0, "it is let go of"


def test_E51_a_gpu_that_is_busy_although_no_run_has_it_is_shown_as_a_strangers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = FakeLibrary(3)
    monkeypatch.setattr("core.drivers.nvml.load_library", lambda: library)
    driver = ProcessDriver(Site("c1", tmp_path / "c1", SystemClock(), {"limits": "rlimits"}))
    (tmp_path / "c1" / "runs").mkdir(parents=True)
    assert driver.observe("b1").foreign() == ()
    library.busy = {0, 2}
    assert [one.gpu_devices for one in driver.observe("b1").foreign()] == [("GPU-1000", "0"), ("GPU-1002", "2")]
    held = Observed(Token("b1", "dep-1", 1), "x", Phase.RUNNING, gpu_devices=("GPU-1000",))
    counted = Observed(Token("b1", "dep-2", 1), "y", Phase.RUNNING, gpu_devices=("2",))
    over = Observed(Token("b1", "dep-3", 1), "z", Phase.FINISHED, gpu_devices=("GPU-1000",))
    assert list(driver._stale([held, counted])) == [], "it is ours, by whatever name"
    assert [one.engine_id for one in driver._stale([over, counted])] == ["gpu-0"], "what ended has left something there"
    driver.close()
    assert library.open == 0


def test_a_gpu_that_does_not_answer_is_left_out_and_one_that_does_not_measure_is_not() -> None:
    assert [gpu.index for gpu in find_gpus(FakeLibrary(3, broken=(1,)))] == [0, 2]
    (gpu,) = find_gpus(FakeLibrary(1, measures=False))
    assert (gpu.memory_mib, gpu.used_mib, gpu.utilization_milli) == (0, None, None)


@pytest.mark.parametrize("library", [None, FakeLibrary(1, init=9)])
def test_without_library_or_driver_there_are_no_gpus(library: Any) -> None:
    assert find_gpus(library) == ()


def test_a_library_that_cannot_be_loaded_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.drivers.nvml.LIBRARY", "libno-such-library.so.1")
    assert load_library() is None


def test_a_host_has_the_same_identity_after_a_reboot_and_another_has_another(tmp_path: Path) -> None:
    for name, text in (("one", "4c4c4544\n"), ("two", "9f9f9f9f\n")):
        (tmp_path / name / "etc").mkdir(parents=True)
        (tmp_path / name / "etc" / "machine-id").write_text(text)
    (tmp_path / "none" / "etc").mkdir(parents=True)
    (tmp_path / "none" / "etc" / "machine-id").write_text("\n")
    one, two, none = (this_machine(tmp_path / name) for name in ("one", "two", "none"))
    assert len({one, two, none}) == 3
    assert "4c4c4544" not in one, "the id itself is not given away"


def test_only_here_is_here() -> None:
    only_on(None)
    only_on(this_machine())
    with pytest.raises(Unavailable) as refused:
        only_on("m-0123456789ab")
    assert this_machine() in refused.value.message


def a_host(tmp_path: Path, mounts: str, own: str) -> Path:
    """A /proc that describes cgroups lying in plain directories."""
    proc = tmp_path / "proc" / "self"
    proc.mkdir(parents=True)
    (proc / "mounts").write_text(mounts.replace("ROOT", str(tmp_path)))
    (proc / "cgroup").write_text(own)
    return proc.parent


def test_cgroups_of_version_2_are_used_where_they_are_delegated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Path.write_text
    monkeypatch.setattr(Path, "write_text", lambda file, text: written(file, text.replace("+", "")))  # as a kernel does
    proc = a_host(tmp_path, "cgroup2 ROOT/cg cgroup2 rw 0 0\n", "0::/system.slice/bursar.service\n")
    ours = tmp_path / "cg/system.slice/bursar.service/bursar"
    ours.mkdir(parents=True)
    means = find_means("auto", proc=proc)
    assert (means.version, set(means.roots.values())) == (2, {ours})
    assert (ours.parent / "cgroup.subtree_control").read_text() == "cpu memory pids"
    limits = means.of("b7k2.dep-1.1", SIZE, 99, own_user=False)
    assert limits.says == "cgroup v2; at most 99 processes"
    assert limits.cages == (
        {
            "dir": str(ours / "b7k2.dep-1.1"),
            "home": str(ours / "shims"),
            "set": {
                "cpu.max": "150000 100000",
                "memory.max": str(512 * MIB),
                "memory.swap.max": "0",
                "memory.oom.group": "1",
                "pids.max": "99",
            },
        },
    )


def test_below_a_cgroup_with_processes_in_it_nothing_is_limited_so_the_hosts_first_is_divided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a service of systemd meets: its daemon lives in the cgroup that was delegated to it."""
    written = Path.write_text

    def as_a_kernel_does(file: Path, text: str) -> int:
        if file.parent.name == "bursar.service":
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(file))
        if not (file.parent.parent / file.name).exists() and file.parent != tmp_path / "cg":
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), str(file))  # none was handed on to it
        return written(file, text.replace("+", ""))

    monkeypatch.setattr(Path, "write_text", as_a_kernel_does)
    unit = tmp_path / "cg/system.slice/bursar.service"
    unit.mkdir(parents=True)
    proc = tmp_path / "proc" / "self"
    proc.mkdir(parents=True)
    written(proc / "mounts", f"cgroup2 {tmp_path}/cg cgroup2 rw 0 0\n")
    written(proc / "cgroup", "0::/system.slice/bursar.service\n")
    means = find_means("auto", proc=proc.parent)
    assert (means.version, set(means.roots.values())) == (2, {tmp_path / "cg/bursar"})
    assert list(unit.iterdir()) == [], "what was of no use is gone"


def test_cgroups_of_version_1_are_used_where_they_can_be_written(tmp_path: Path) -> None:
    mounts = "cgroup ROOT/cpu cgroup rw,cpu,cpuacct 0 0\ncgroup ROOT/mem cgroup rw,memory 0 0\n"
    proc = a_host(tmp_path, mounts, "3:cpu,cpuacct:/\n2:memory:/box\n0::/\n")
    (tmp_path / "cpu").mkdir()
    (tmp_path / "mem/box").mkdir(parents=True)
    means = find_means("auto", proc=proc)
    assert (means.version, means.roots) == (1, {"cpu": tmp_path / "cpu/bursar", "memory": tmp_path / "mem/box/bursar"})
    limits = means.of("t", SIZE, 99, own_user=True)
    assert limits.says == "cgroup v1; at most 99 processes of its user in all", (
        "this host counts processes by user alone"
    )
    assert limits.user_processes == 99
    cpu, memory = limits.cages
    assert cpu["set"] == {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "150000"}
    assert memory["set"] == {
        "memory.limit_in_bytes": str(512 * MIB),
        "memory.memsw.limit_in_bytes": str(512 * MIB),
    }


def test_processes_are_counted_in_a_cgroup_of_version_1_where_there_is_one(tmp_path: Path) -> None:
    mounts = "".join(f"cgroup ROOT/{one} cgroup rw,{one} 0 0\n" for one in ("cpu", "memory", "pids"))
    proc = a_host(tmp_path, mounts, "3:cpu:/\n2:memory:/\n1:pids:/box\n")
    for folder in ("cpu", "memory", "pids/box"):
        (tmp_path / folder).mkdir(parents=True)
    limits = find_means("auto", proc=proc).of("t", Resources(), 99, own_user=True)
    assert (limits.says, limits.user_processes) == ("cgroup v1; at most 99 processes", 0)
    assert limits.cages[2] == {
        "dir": str(tmp_path / "pids/box/bursar/t"),
        "home": str(tmp_path / "pids/box/bursar/shims"),
        "set": {"pids.max": "99"},
    }


@pytest.mark.parametrize(
    ("mounts", "own"),
    [
        ("", ""),
        ("cgroup2 ROOT/none cgroup2 rw 0 0\n", "0::/\n"),
        ("cgroup ROOT/cpu cgroup rw,cpu 0 0\n", "3:cpu:/\n"),
        ("proc /proc proc rw 0 0\n", "0::/\n"),
    ],
)
def test_elsewhere_it_is_rlimits_and_nice(tmp_path: Path, mounts: str, own: str) -> None:
    (tmp_path / "cpu").mkdir()
    means = find_means("auto", proc=a_host(tmp_path, mounts, own))
    assert means == Means()
    limits = means.of("t", SIZE, 99, own_user=False)
    assert limits.says.startswith("rlimits and nice") and limits.says.endswith("; processes not limited")
    assert (limits.cages, limits.data_bytes, limits.nice, limits.user_processes) == ((), 512 * MIB, 5, 0)


def test_what_was_not_asked_for_is_not_limited(tmp_path: Path) -> None:
    assert Means().of("t", Resources(), 99, own_user=False).data_bytes == 0
    two = Means(2, {"cpu": tmp_path, "memory": tmp_path})
    assert two.of("t", Resources(), 99, own_user=False).cages == (
        {"dir": str(tmp_path / "t"), "home": str(tmp_path / "shims"), "set": {}},
    )


def test_rlimits_can_be_chosen() -> None:
    assert find_means("rlimits").version == 0
