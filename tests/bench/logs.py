"""Job logs for replays: SWF and CSV files, windows of them, a generated one, and the figures made of a replay."""

from __future__ import annotations

import csv
import gzip
import hashlib
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO


@dataclass(slots=True)
class Job:
    """Times in seconds; `est` is what its user said, `run` what came true, `n` processors or GPUs."""

    id: str
    submit: float
    run: float
    est: float
    n: int
    user: str
    priority: int = 50
    start: float = -1.0
    end: float = -1.0
    preempted: int = 0


def opened(path: Path) -> TextIO:
    return gzip.open(path, "rt", errors="replace") if path.suffix == ".gz" else path.open(errors="replace")


def read_swf(path: Path, *, published: bool) -> tuple[list[Job], int]:
    """The jobs and the size of the machine. `published` reads the file as the SC'20 study did."""
    jobs: list[Job] = []
    size = {"MaxProcs": 0, "MaxNodes": 0}
    with opened(path) as lines:
        for line in lines:
            if line.startswith(";"):
                name, _, value = line[1:].partition(":")
                if name.strip() in size and value.split() and value.split()[0].isdigit():
                    size[name.strip()] = int(value.split()[0])
                continue
            fields = line.split()
            if len(fields) < 15:
                continue
            job = _swf_job(fields, published)
            if job is not None:
                jobs.append(job)
    jobs.sort(key=(lambda j: int(j.id)) if published else (lambda j: (j.submit, int(j.id))))
    return jobs, size["MaxProcs"] or size["MaxNodes"]


def _swf_job(fields: list[str], published: bool) -> Job | None:
    submit, run, allocated = int(fields[1]), int(float(fields[3])), int(fields[4])
    asked, estimate = int(fields[7]), int(float(fields[8]))
    if published:
        n, estimate = max(allocated, asked), run if estimate == -1 else estimate
        run = 10 if run < 0 else run
        if run == 0:
            return None
    else:
        n = allocated if allocated > 0 else asked
        if n <= 0 or run < 0:
            return None
        estimate = max(estimate if estimate > 0 else run, run)
    return Job(fields[0], submit, run, estimate, n, fields[11])


def read_csv(path: Path) -> list[Job]:
    with opened(path) as lines:
        rows = csv.DictReader(line for line in lines if not line.startswith("#"))
        jobs = [
            Job(
                row["id"],
                float(row["submit"]),
                float(row["run"]),
                max(float(row.get("est") or row["run"]), float(row["run"])),
                int(row["n"]),
                row.get("user") or "",
                int(row.get("prio") or 50),
            )
            for row in rows
        ]
    return sorted(jobs, key=lambda j: j.submit)


def generated(count: int = 5000, procs: int = 128, seed: int = 1) -> list[Job]:
    """A busy machine with many short and few long jobs, daily waves and rough estimates."""
    draw = random.Random(seed)
    jobs, now = [], 0.0
    for i in range(count):
        hour = (now / 3600) % 24
        now += draw.expovariate((1.6 if 8 <= hour < 20 else 0.6) / 480)
        run = min(86_400.0, max(1.0, draw.lognormvariate(6.5, 2.0)))
        estimate = min(172_800.0, max(run, draw.choice((300, 3600, 14_400, 86_400, 172_800))))
        n = min(procs, 2 ** draw.choice((0, 0, 1, 2, 3, 4, 5, 6)))
        jobs.append(Job(str(i), round(now), round(run), round(estimate), n, f"u{draw.randrange(40)}"))
    return jobs


def window_starts(size: int, cut: int, count: int = 10, length: int = 1024, seed: int = 1) -> list[int]:
    """Where the ten windows of the SC'20 study begin: its generator, seeded as it was."""
    chance = random.Random(int.from_bytes(hashlib.sha512(str(seed).encode()).digest()[:8], "little"))
    top = (cut or size) - 2 * length - 2
    mask = (1 << top.bit_length()) - 1
    starts: list[int] = []
    while len(starts) < count:
        drawn = chance.getrandbits(32) & mask
        if drawn <= top:
            starts.append(length + drawn)
    return starts


def slowdown(job: Job, shortest: float = 10) -> float:
    return max(1.0, (job.end - job.submit) / max(job.run, shortest))


def figures(jobs: list[Job], procs: int) -> dict[str, float]:
    """Means and tails; waiting counts what is left of the time in the system beside the run itself."""
    waits = sorted(max(0.0, j.end - j.submit - j.run) for j in jobs)
    span = max(j.end for j in jobs) - min(j.submit for j in jobs) or 1
    by_user: dict[str, list[float]] = {}
    for job in jobs:
        by_user.setdefault(job.user, []).append(slowdown(job))
    means = [sum(v) / len(v) for v in by_user.values()]
    return {
        "jobs": len(jobs),
        "wait": sum(waits) / len(jobs),
        "jct": sum(j.end - j.submit for j in jobs) / len(jobs),
        "bsld": sum(slowdown(j) for j in jobs) / len(jobs),
        "longest": waits[-1],
        "p99wait": waits[min(len(jobs) - 1, int(len(jobs) * 0.99))],
        "util": sum(j.run * j.n for j in jobs) / (procs * span),
        "jain": sum(means) ** 2 / (len(means) * sum(m * m for m in means)),
        "preempted": sum(j.preempted for j in jobs),
    }


def mean_of(rows: Iterable[dict[str, float]]) -> dict[str, float]:
    known = list(rows)
    return {name: sum(row[name] for row in known) / len(known) for name in known[0]}


def windows(jobs: list[Job], cut: int | None, count: int | None) -> Iterator[list[Job]]:
    if cut is None:
        yield jobs[:count]
        return
    for start in window_starts(len(jobs), cut):
        yield jobs[start : start + 1024]
