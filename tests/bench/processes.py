"""Trivial real processes by the driver alone: from the request to the exit code that was read."""

from __future__ import annotations

import select
import time
from pathlib import Path

from core.clock import SystemClock
from core.domain.engines import Observed, Phase, Site, Spec, Token, ensure_each
from core.domain.resources import Resources
from core.drivers.process import ProcessDriver

_AT_ONCE = 50
_PATIENCE_S = 120.0
_INSTALL = "bench"


def by_driver(folder: Path, count: int) -> float:
    """Runs a second: started in batches as the daemon asks for them, until the end of each is proved."""
    driver = ProcessDriver(Site(_INSTALL, folder / "alone", SystemClock(), {"limits": "rlimits"}, deadline_s=60.0))
    size = Resources(cpu_milli=100, ram_mib=64)
    specs = [
        Spec(Token(_INSTALL, f"dep-{n}", 1), f"true-{n}", "job", size, command=("/bin/true",), by_operator=True)
        for n in range(count)
    ]
    began = time.perf_counter()
    for first in range(0, count, _AT_ONCE):
        answers = ensure_each(driver, specs[first : first + _AT_ONCE])
        wrong = [one for one in answers if not isinstance(one, Observed)]
        assert not wrong, wrong[0]
    while True:
        seen = driver.observe(_INSTALL).instances
        if sum(one.phase is Phase.FINISHED and one.exit_code == 0 for one in seen) == count:
            break
        if time.perf_counter() - began > _PATIENCE_S:
            raise TimeoutError("they do not end")
        select.select((), (), (), 0.005)  # nothing tells of an end but another look
    took = time.perf_counter() - began
    driver.close()
    return count / took
