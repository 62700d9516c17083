"""How fast the console opens: its first frame, its data with ten thousand deployments, and a hundred thousand lines.

The start is measured in a pseudo-terminal from the start of the process, as a person waits for it.
"""

from __future__ import annotations

import asyncio
import os
import pty
import select
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import insert
from sqlalchemy import select as query

from core.clock import SystemClock
from core.domain.lifecycle import State
from core.domain.requests import Login
from core.ids import RandomIds
from core.store.tables import work
from tests.builders import NOBODY, PASSWORD, World
from tests.tui.console.scene import Scene, settled
from tui.screens.deployments import DeploymentsScreen
from tui.widgets.table import LineTable

FEW, MANY = 10_000, 100_000
FIRST_FRAME_MS, DATA_MS, OPEN_MS = 400, 900, 500
_STARTS = 5
_PATIENCE_S = 20.0
_ENDED = (State.COMPLETED, State.FAILED, State.CANCELLED)

deployments = work.Deployment.__table__  # type: ignore[attr-defined]


def fill(world: World, like: str, count: int) -> None:
    """Copies of one deployment, ended in various ways, written straight into the table."""
    with world.units.database.write() as connection:
        row = dict(connection.execute(query(deployments).where(deployments.c.name == like)).one()._mapping)
        rows = []
        for number in range(count):
            state = _ENDED[number % len(_ENDED)]
            at = row["created_at"] + number
            copy = {**row, "id": f"{number:032x}", "handle": f"dep-x{number:06x}", "name": f"run-{number:06}"}
            rows.append({**copy, "state": state.value, "created_at": at, "priority": number % 100})
        connection.execute(insert(deployments), rows)


@contextmanager
def scene_with(count: int) -> Iterator[Scene]:
    folder = Path(tempfile.mkdtemp(prefix="bursar-bench-"))
    scene = Scene.at_work(folder / "home")
    fill(scene.world, "prepare", count)
    try:
        yield scene
    finally:
        scene.world.close()
        shutil.rmtree(folder, ignore_errors=True)


def cpu_ms(pid: int) -> float:
    """What the process has had of the processor: what would be left of the time on a machine that is quiet."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def start_times(home: Path, token: str) -> tuple[float, float, float, float]:
    """From the start of the process to the first frame and to the first data, in milliseconds, each with its CPU."""
    environ = {**os.environ, "BURSAR_HOME": str(home), "BURSAR_TOKEN": token, "TERM": "xterm-256color"}
    began = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-m", "tui"], environ)
    seen, frame, data, frame_cpu, data_cpu = b"", 0.0, 0.0, 0.0, 0.0
    try:
        while not data and time.monotonic() - began < _PATIENCE_S:
            if not select.select([terminal], [], [], 0.1)[0]:
                continue
            seen += os.read(terminal, 65_536)
            now = (time.monotonic() - began) * 1000
            if not frame and b"BURSAR" in seen:
                frame, frame_cpu = now, cpu_ms(pid)
            if b"node-1" in seen:
                data, data_cpu = now, cpu_ms(pid)
    finally:
        os.kill(pid, 15)
        while True:
            try:
                if not os.read(terminal, 65_536):
                    break
            except OSError:
                break
        os.waitpid(pid, 0)
        os.close(terminal)
    return frame, data, frame_cpu, data_cpu


async def open_time(scene: Scene) -> float:
    """From the key that opens the list to its lines on the screen, in milliseconds."""
    app = scene.console("ana")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        began = time.monotonic()
        app.go("deployments")
        while True:
            await pilot.pause(0.002)
            if isinstance(app.screen, DeploymentsScreen) and _is_open(app.screen):
                return (time.monotonic() - began) * 1000


def _is_open(screen: DeploymentsScreen) -> bool:
    table = next(iter(screen.query(LineTable)), None)
    return table is not None and table.row_count > MANY // 2 and table._cells(0) is not None


def _middle(starts: list[tuple[float, float, float, float]], place: int) -> float:
    return statistics.median(start[place] for start in starts)


def told(what: str, values: list[float], most: float) -> bool:
    middle = statistics.median(values)
    print(f"{what:<52}{middle:8.0f} ms  (aim {most:.0f}; {', '.join(f'{value:.0f}' for value in values)})")
    return middle <= most


def main(_arguments: list[str]) -> int:
    good = True
    with scene_with(FEW) as scene:
        today = World.of(scene.world.settings, SystemClock(), RandomIds())
        token = today.bursar.accounts.login(NOBODY, Login(name="ana", password=PASSWORD)).access_token
        today.close()
        starts = [start_times(scene.world.settings.home, token) for _ in range(_STARTS)]
        good &= told("first frame", [start[0] for start in starts], FIRST_FRAME_MS)
        good &= told(f"data, with {FEW:,} deployments", [start[1] for start in starts], DATA_MS)
        print(f"{'the same in CPU':<52}{_middle(starts, 2):8.0f} ms and {_middle(starts, 3):.0f} ms")
    with scene_with(MANY) as scene:
        opened = [asyncio.run(open_time(scene)) for _ in range(3)]
        good &= told(f"a list of {MANY:,} opens", opened, OPEN_MS)
        for filter_, order in (("", "age"), ("", "owner"), ("run-00 owner=mia", "name")):
            print(f"{f'its ids by {order} {filter_}'.strip():<52}{asked(scene, filter_, order):8.0f} ms")
    return 0 if good else 1


def asked(scene: Scene, filter_: str, order: str) -> float:
    began = time.monotonic()
    scene.world.bursar.browsing.order(scene.ana, filter=filter_, order=order)
    return (time.monotonic() - began) * 1000


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
