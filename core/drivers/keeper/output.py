"""A run's output: it writes into a file by itself, and here that file is kept small."""

from __future__ import annotations

import os
from pathlib import Path

from core.drivers.keeper.records import Place


def log_base(run: Place) -> int:
    """How many bytes have been moved out of the current log file so far."""
    return max((end for end, _ in old_logs(run)), default=0)


def old_logs(run: Place) -> list[tuple[int, Path]]:
    """Rotated files with the offset at which each ends, oldest first."""
    try:
        names = os.listdir(run.old_output)  # noqa: PTH208 - bare names
    except FileNotFoundError:
        return []
    return sorted((int(name), Path(run.old_output, name)) for name in names if name.isdigit())


def rotate(run: Place, most: int) -> int:
    """Keep the current log below `most` bytes, and one older file of as much. Answers the current size.

    The run writes into the file itself, so that no death of a helper can break its output; what it writes in the
    instant between copy and cut is lost.
    """
    size = os.stat(run.output).st_size  # noqa: PTH116 - looked at often, by every shim
    if size <= most:
        return size
    current, old = Path(run.output), Path(run.old_output)
    old.mkdir(exist_ok=True)
    fresh = old / "rotating"
    with current.open("rb") as source, fresh.open("wb") as target:
        done = max(0, size - most)
        while copied := os.sendfile(target.fileno(), source.fileno(), done, 1 << 20):
            done += copied
            if done > size + most:  # it writes faster than it is read
                break
    fresh.rename(old / str(log_base(run) + done))
    os.truncate(current, 0)  # last, so that a crash before it shows some lines twice and loses none
    for _, path in old_logs(run)[:-1]:
        path.unlink(missing_ok=True)
    return 0
