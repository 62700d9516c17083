"""How fast work is admitted, placed, started and ended with the durable store, beside the raw store and other systems.

A generated workload goes through the real services and the real daemon onto scripted nodes: the starts are simulated,
every row and every commit is real. Then trivial real processes, from the queue to the settled end. SQLite commits with
`synchronous=FULL`, on the file system of `--folder`; the raw commits of the same run say what that disk gives.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from core.clock import HOUR, Clock, SystemClock
from core.daemon import planning
from core.daemon.boards import KeptBoard
from core.domain.cluster_requests import NewNode
from core.domain.lifecycle import State
from core.domain.roles import Caller
from core.domain.validation import validated
from core.domain.workloads import SubmitRequest
from core.drivers.process import ProcessDriver
from core.ids import RandomIds
from core.settings import Limits
from core.store.feed import Feed
from tests.bench import processes
from tests.bench.store import per_second, raw_sqlite
from tests.builders import World, job, quick_settings

# Figures of other systems and the aims that follow from them, per second unless said otherwise.
AIM_ADMISSIONS = 3_850  # 50,000 workloads in 13 s, where Kueue's own large-scale test takes 1,179 s
KUEUE_ADMISSIONS = 42
SLURM_JOBS = 500  # what its high-throughput guide promises
SLURM_SBATCH, SLURM_RESTD = 206, 1_264  # measured on such a machine; a kill loses their last seconds
AIM_PROCESSES = 474  # HyperQueue 0.27, trivial jobs from end to end
SLURM_PROCESSES = 69
AIM_SUBMIT_P50_MS = 3.0

NODES, CPUS, GPUS = 100, 128, 8
MEMBERS = 5
THREADS, PROCESSES, SWEEP = 4, 2, 100
LASTING = "1h"
PATIENCE_S = 300.0
_MOST = 1_000_000
_fresh = multiprocessing.get_context("forkserver")


class MovableClock(SystemClock):
    """The time of the wall, and what has been added to it: so that what takes an hour need not."""

    def __init__(self) -> None:
        super().__init__()
        self._ahead = 0

    def now(self) -> int:
        return super().now() + self._ahead

    def advance(self, microseconds: int) -> None:
        self._ahead += microseconds


@dataclass
class Yard:
    """An installation with scripted nodes, and members who can pay for all they will ask for."""

    world: World
    clock: MovableClock
    members: list[Caller]

    @classmethod
    @contextmanager
    def at(cls, home: Path, nodes: int = NODES) -> Iterator[Yard]:
        home.mkdir(mode=0o700)
        clock = MovableClock()
        world = world_at(home, clock)
        operator = world.operator()
        admin = world.org(operator, "vision")
        world.cluster(admin, cpu=CPUS, ram=4 * CPUS, gpu=GPUS)
        for number in range(1, nodes):
            size = {"cpu": CPUS, "ram": 4 * CPUS, "gpu": GPUS, "gpu_model": "a100"}
            world.bursar.clusters.add_node(admin, validated(NewNode, cluster="rack", name=f"node-{number:03}", **size))
        members = [world.member(admin, f"member-{number}") for number in range(MEMBERS)]
        for member in members:
            world.fund(member, credits=_MOST, gpu_hours=_MOST)
        try:
            yield cls(world, clock, members)
        finally:
            world.close()

    def count(self, *states: State) -> int:
        with self.world.units.look() as unit:
            return unit.deployments.count(states)


def world_at(home: Path, clock: Clock) -> World:
    limits = Limits(_MOST, _MOST, 10 * _MOST, 10 * _MOST)
    return World.of(quick_settings(home, limits=limits), clock, RandomIds())


def request(number: int) -> SubmitRequest:
    """Small jobs, a tenth of them with a GPU or half of one; the same in each run."""
    chance = Random(number)
    gpu = chance.choices((0, 0.5, 1), (90, 5, 5))[0]
    cpu = chance.choice((0.25, 0.5, 1))
    return job(f"task-{number:06}", cpu=cpu, ram=1, gpu=gpu, hours=2, labels={"sim.duration": LASTING})


def submit_each(world: World, members: Sequence[Caller], requests: Sequence[tuple[int, SubmitRequest]]) -> list[float]:
    """One after the other; how many seconds each took."""
    taken = []
    for number, asked in requests:
        began = time.perf_counter()
        world.bursar.deployments.submit(members[number % len(members)], asked)
        taken.append(time.perf_counter() - began)
    return taken


@dataclass(frozen=True, slots=True)
class Pace:
    """How many a second, and what each cost the processor of this process: that part a slow disk does not change."""

    per_second: float
    cpu_ms: float

    @classmethod
    def of(cls, count: int, work: Callable[[], object]) -> Pace:
        cpu, began = time.process_time(), time.perf_counter()
        work()
        took, used = time.perf_counter() - began, time.process_time() - cpu
        return cls(count / took, 1000 * used / count)

    def then(self, other: Pace) -> Pace:
        """Of both, one after the other in one process."""
        return Pace(1 / (1 / self.per_second + 1 / other.per_second), self.cpu_ms + other.cpu_ms)


def by_one(yard: Yard, numbers: range) -> tuple[Pace, list[float]]:
    requests = [(number, request(number)) for number in numbers]
    taken: list[float] = []
    pace = Pace.of(len(requests), lambda: taken.extend(submit_each(yard.world, yard.members, requests)))
    return pace, taken


def in_batches(yard: Yard, numbers: range) -> Pace:
    """A sweep of a hundred jobs in each call: one unit, one commit."""
    batches = [
        [request(number) for number in numbers[first : first + SWEEP]] for first in range(0, len(numbers), SWEEP)
    ]
    submit_all = yard.world.bursar.deployments.submit_all

    def submit() -> None:
        for number, batch in enumerate(batches):
            submit_all(yard.members[number % len(yard.members)], batch)

    return Pace.of(len(numbers), submit)


def by_threads(yard: Yard, numbers: range) -> float:
    shares = [[(number, request(number)) for number in numbers[first::THREADS]] for first in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as pool:
        began = time.perf_counter()
        for done in [pool.submit(submit_each, yard.world, yard.members, share) for share in shares]:
            done.result()
        return len(numbers) / (time.perf_counter() - began)


def _in_process(home: Path, members: list[Caller], numbers: range) -> tuple[float, float]:
    """When it began and ended, by the clock that all processes share; its own start is not counted."""
    world = world_at(home, SystemClock())
    requests = [(number, request(number)) for number in numbers]
    began = time.monotonic()
    submit_each(world, members, requests)
    ended = time.monotonic()
    world.close()
    return began, ended


def by_processes(yard: Yard, numbers: range) -> float:
    home = yard.world.settings.home
    with ProcessPoolExecutor(PROCESSES, _fresh) as pool:
        shares = [numbers[first::PROCESSES] for first in range(PROCESSES)]
        spans = list(pool.map(_in_process, [home] * PROCESSES, [yard.members] * PROCESSES, shares))
    return len(numbers) / (max(ended for _, ended in spans) - min(began for began, _ in spans))


def placed(yard: Yard) -> Pace:
    """One pass of the plan with all of it waiting: a node and devices for each, and the durable intent to start it."""
    daemon = yard.world.bursar.daemon()
    assert daemon.lead()
    waiting, ground = yard.count(State.QUEUED), daemon.ground
    with ground.units.look() as unit:
        cluster = unit.clusters.all()[0]
    pace = Pace.of(waiting, lambda: planning.plan_cluster(ground, cluster, KeptBoard(), ()))
    assert yard.count(State.STARTING) == waiting
    daemon.resign()
    daemon.close()
    return pace


def started(yard: Yard) -> Pace:
    """What was placed is started at the engine, seen to run, and metered from then on."""
    return _one_go(yard, State.RUNNING, yard.count(State.STARTING))


def ended(yard: Yard) -> Pace:
    """All of it has ended by itself: seen, charged, its hold and its place given back."""
    yard.clock.advance(HOUR + HOUR // 60)
    return _one_go(yard, State.COMPLETED, yard.count(State.RUNNING))


def _one_go(yard: Yard, state: State, count: int) -> Pace:
    daemon = yard.world.bursar.daemon()
    pace = Pace.of(count, daemon.once)
    assert yard.count(state) == count, f"{yard.count(state)} of {count} are {state.value}"
    daemon.close()
    return pace


def _daemon_process(home: Path, ready: object, stop: threading.Event) -> None:
    world = world_at(home, SystemClock())
    daemon = world.bursar.daemon()
    ready.set()  # type: ignore[attr-defined]
    daemon.run(stop)
    world.close()


def end_to_end(yard: Yard, count: int, submit: Callable[[Yard, range], object]) -> float:
    """Submitted by this process, while the daemon of another places and starts: until the last runs."""
    ready, stop = _fresh.Event(), _fresh.Event()
    process = _fresh.Process(target=_daemon_process, args=(yard.world.settings.home, ready, stop))
    process.start()
    ready.wait()
    began = time.perf_counter()
    submit(yard, range(count))
    _until(yard, lambda: yard.count(State.RUNNING) == count)
    took = time.perf_counter() - began
    stop.set()
    process.join()
    return count / took


def _until(yard: Yard, reached: Callable[[], bool]) -> None:
    """Looks again whenever something was committed."""
    feed = Feed(yard.world.store, 0.02)
    patience = time.monotonic() + PATIENCE_S
    try:
        while not reached():
            if time.monotonic() > patience:
                raise TimeoutError("it takes too long")
            feed.wait(1.0)
    finally:
        feed.close()


def real_processes(folder: Path, count: int) -> float:
    """From the queue to the settled end: the daemon plans, a keeper forks, each exit code is read and paid for."""
    home = folder / "real"
    home.mkdir(mode=0o700)
    world = world_at(home, SystemClock())
    operator = world.org(world.operator(), "vision")
    world.fund(operator, credits=_MOST, gpu_hours=_MOST)
    world.cluster(operator, driver=ProcessDriver.name, cpu=CPUS, ram=CPUS, gpu=0, gpu_model=None)
    for number in range(count):
        small = {"image": None, "cpu": 0.1, "ram": "64MiB", "gpu": None, "command": ["/bin/true"]}
        world.bursar.deployments.submit(operator, job(f"true-{number}", **small))
    stop = threading.Event()
    daemon = world.bursar.daemon()
    thread = threading.Thread(target=daemon.run, args=(stop,))
    yard = Yard(world, MovableClock(), [operator])
    began = time.perf_counter()
    thread.start()
    try:
        _until(yard, lambda: yard.count(State.COMPLETED) == count)
        took = time.perf_counter() - began
    finally:
        stop.set()
        thread.join()
        daemon.close()
        world.close()
    return count / took


@dataclass(frozen=True, slots=True)
class Figure:
    what: str
    value: float
    beside: str = ""
    unit: str = "/s"
    cpu_ms: float | None = None

    def __str__(self) -> str:
        cpu = "" if self.cpu_ms is None else f"{self.cpu_ms:.2f} ms"
        return f"{self.what:<36}{self.value:>9.1f} {self.unit:<4}{cpu:>10}   {self.beside}"


def measure(folder: Path, count: int, real: int) -> Iterator[Figure]:
    with raw_sqlite(folder) as raw:
        baseline = per_second(raw, 1.0)
        yield Figure("raw SQLite commits of one row", baseline)
    with Yard.at(folder / "yard") as yard:
        submit_each(yard.world, yard.members, [(count, request(count))])  # what a first call loads is not its cost
        parts = [range(count * part // 10, count * (part + 1) // 10) for part in range(10)]
        one, taken = by_one(yard, range(parts[0].start, parts[1].stop))
        beside = f"sbatch {SLURM_SBATCH}, Kueue {KUEUE_ADMISSIONS}"
        yield Figure("submitted by one caller", one.per_second, beside, cpu_ms=one.cpu_ms)
        yield Figure("  one submission, p50", 1000 * statistics.median(taken), f"aim {AIM_SUBMIT_P50_MS:g} ms", "ms")
        yield Figure("  one submission, p99", 1000 * statistics.quantiles(taken, n=100)[98], unit="ms")
        threads = by_threads(yard, range(parts[2].start, parts[3].stop))
        yield Figure(f"submitted by {THREADS} threads", threads, f"slurmrestd {SLURM_RESTD}, {THREADS} threads")
        processes_rate = by_processes(yard, range(parts[4].start, parts[5].stop))
        yield Figure(f"submitted by {PROCESSES} processes", processes_rate, f"slurmrestd {SLURM_RESTD}")
        swept = in_batches(yard, range(parts[6].start, parts[9].stop))
        yield Figure(f"submitted in sweeps of {SWEEP}", swept.per_second, f"aim {AIM_ADMISSIONS}", cpu_ms=swept.cpu_ms)
        put = placed(yard)
        yield Figure("placed", put.per_second, f"aim {AIM_ADMISSIONS}", cpu_ms=put.cpu_ms)
        begun, beside = started(yard), f"aim {AIM_ADMISSIONS}, Slurm {SLURM_JOBS}"
        yield Figure("started (simulated)", begun.per_second, beside, cpu_ms=begun.cpu_ms)
        chain, beside = swept.then(put), f"aim {AIM_ADMISSIONS}, Kueue {KUEUE_ADMISSIONS}: what it calls admitted"
        yield Figure("  swept and placed, in a row", chain.per_second, beside, cpu_ms=chain.cpu_ms)
        chain, beside = chain.then(begun), f"aim {AIM_ADMISSIONS}: from nothing to running, by one core"
        yield Figure("  swept, placed, started, in a row", chain.per_second, beside, cpu_ms=chain.cpu_ms)
        pace = ended(yard)
        yield Figure("ended, charged, settled", pace.per_second, cpu_ms=pace.cpu_ms)
    with Yard.at(folder / "live") as yard:
        live = end_to_end(yard, count // 4, by_threads)
        yield Figure(f"by {THREADS} threads, until it runs", live, f"Slurm {SLURM_JOBS}; with a daemon at work")
    with Yard.at(folder / "swept") as yard:
        live = end_to_end(yard, count, in_batches)
        yield Figure("by sweeps, until it runs", live, f"aim {AIM_ADMISSIONS}; with a daemon at work")
    yield Figure("real processes, driver alone", processes.by_driver(folder, real), f"aim {AIM_PROCESSES}")
    beside = f"aim {AIM_PROCESSES}, Slurm {SLURM_PROCESSES}"
    yield Figure("real processes, queue to settled", real_processes(folder, real), beside)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench admit", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="how much is submitted")
    parser.add_argument("--real", type=int, default=1_000, help="how many real processes")
    parser.add_argument("--folder", type=Path, help="on the file system to measure; else a temporary one")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="bursar-bench-", dir=chosen.folder))
    found = []
    if not chosen.json:
        print(f"{'':36}{'':14}{'CPU of each':>10}")
    try:
        for figure in measure(folder, max(100, chosen.count), max(10, chosen.real)):
            found.append(figure)
            if not chosen.json:
                print(figure, flush=True)
    finally:
        shutil.rmtree(folder)
    if chosen.json:
        print(json.dumps([asdict(figure) for figure in found]))
    return 0
