"""The NVIDIA GPUs of this host, asked from the driver's own library. Where there is none, there are none."""

from __future__ import annotations

import ctypes
from typing import Any

from core.domain.engines import GpuFound

LIBRARY = "libnvidia-ml.so.1"
LONGEST_NAME = 96
MIB = 1 << 20


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


def load_library() -> Any:
    """The library, or None. It is C: what it answers is checked by return codes, not by types."""
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError:
        return None


def find_gpus(library: Any) -> tuple[GpuFound, ...]:
    if library is None or library.nvmlInit_v2() != 0:
        return ()
    try:
        count = ctypes.c_uint(0)
        if library.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
            return ()
        found = [_gpu(library, index) for index in range(count.value)]
        return tuple(gpu for gpu in found if gpu is not None)
    finally:
        library.nvmlShutdown()


class Lookout:
    """Which GPUs some process computes on now, whosever it is. Asked at each look, so the library stays open."""

    _MORE_THAN_ASKED = 7

    def __init__(self) -> None:
        self._library: Any = None
        self._tried = False

    def busy(self) -> list[tuple[str, int]]:
        """The id and the index of each."""
        if not self._tried:
            self._tried, library = True, load_library()
            self._library = library if library is not None and library.nvmlInit_v2() == 0 else None
        library, count = self._library, ctypes.c_uint(0)
        if library is None or library.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
            return []
        return [seen for index in range(count.value) if (seen := self._if_busy(library, index)) is not None]

    def _if_busy(self, library: Any, index: int) -> tuple[str, int] | None:
        """Asked for none of its processes, the library says that there are more where there is one."""
        device, none = ctypes.c_void_p(), ctypes.c_uint(0)
        if library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(device)) != 0:
            return None
        found = library.nvmlDeviceGetComputeRunningProcesses_v3(device, ctypes.byref(none), None)
        return (_text(library.nvmlDeviceGetUUID, device), index) if found == self._MORE_THAN_ASKED else None

    def close(self) -> None:
        if self._library is not None:
            self._library.nvmlShutdown()
        self._library, self._tried = None, False


def _gpu(library: Any, index: int) -> GpuFound | None:
    device = ctypes.c_void_p()
    if library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(device)) != 0:
        return None  # a device that has fallen off its bus still counts
    uuid = _text(library.nvmlDeviceGetUUID, device)
    memory, busy = _Memory(), _Utilization()
    has_memory = library.nvmlDeviceGetMemoryInfo(device, ctypes.byref(memory)) == 0
    has_busy = library.nvmlDeviceGetUtilizationRates(device, ctypes.byref(busy)) == 0
    return GpuFound(
        id=uuid or str(index),
        index=index,
        model=_text(library.nvmlDeviceGetName, device) or "NVIDIA GPU",
        memory_mib=memory.total // MIB if has_memory else 0,
        used_mib=memory.used // MIB if has_memory else None,
        utilization_milli=busy.gpu * 10 if has_busy else None,
    )


def _text(ask: Any, device: ctypes.c_void_p) -> str:
    room = ctypes.create_string_buffer(LONGEST_NAME)
    return room.value.decode(errors="replace") if ask(device, room, ctypes.c_uint(LONGEST_NAME)) == 0 else ""
