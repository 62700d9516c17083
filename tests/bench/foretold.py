"""Of the starts that were foretold on a job log, how many came by their P50 and by their P90.

`python -m tests.bench foretold [--every N] [--count N] FILE...`: a log is replayed under the real plan, nobody is
evicted, and every Nth that has to wait is told its start once, when it comes, as the product tells it. Each is judged
by when it really started, in percent: within the P50 and P90 of the bare projection (`seen`), and within what is told,
which is stretched by what came before. `missed_by_min` is by how much the middle one missed the P50 that it was told,
and `open` are those of whom no start was foreseen as far as it was looked.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from core.scheduler.decisions import Plan
from core.scheduler.estimates import Estimate, Told, quality
from core.scheduler.forecast import USUAL_SHARE, forecast
from core.scheduler.policy import Policy, policy_named
from tests.bench.logs import Job, generated, read_swf
from tests.bench.machine import Replay, instant, quiet

MOST_WORK = 10_000  # as the daemon is allowed


class ForetellingReplay(Replay):
    def __init__(self, jobs: list[Job], policy: Policy, procs: int, every: int, share: float) -> None:
        super().__init__(jobs, policy, 1, procs, gpus=False)
        self._every, self._share, self._seen = every, share, 0
        self._fresh: list[str] = []
        self.told: dict[str, tuple[int, Estimate]] = {}

    def _arrive(self, job: Job, position: int) -> None:
        super()._arrive(job, position)
        self._fresh.append(f"{position:08}.{job.id}")

    def _carry_out(self, made: Plan, now: float) -> None:
        super()._carry_out(made, now)
        waiting = [one for one in self._fresh if one in self._board.waiting]
        self._fresh.clear()
        self._seen += len(waiting)
        chosen = [one for place, one in enumerate(waiting, self._seen) if place % self._every == 0]
        if chosen:
            at, share = instant(now), self._share
            seen = forecast(self._board, self._policy, at, only=chosen, usual_share=share, most_work=MOST_WORK)
            self.told |= {one: (at, estimate) for one, estimate in seen.estimates.items()}


def judged(jobs: list[Job], policy: Policy, procs: int, every: int, share: float) -> dict[str, float]:
    for job in jobs:
        job.start = job.end = -1.0
    machine = ForetellingReplay(jobs, policy, procs, every, share)
    machine.run()
    began = {job.id: instant(job.start) for job in jobs}
    told = [Told(at, estimate, began[one.partition(".")[2]]) for one, (at, estimate) in machine.told.items()]
    score, seen = quality(told), quality(told, learns=False)
    count = max(1, score.count)
    return {
        "told": float(len(told)),
        "open": float(len(told) - count),
        "p50_as_seen": 100 * seen.within_p50 / count,
        "p90_as_seen": 100 * seen.within_p90 / count,
        "p50_as_told": 100 * score.within_p50 / count,
        "p90_as_told": 100 * score.within_p90 / count,
        "missed_by_min": score.median_error_ms / 60_000,
    }


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench foretold", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--policy", default="priority,smart", help="of: priority, fair, smart")
    parser.add_argument("--every", type=int, default=20, help="of so many that have to wait one is told")
    parser.add_argument("--count", type=int, help="only the first jobs")
    parser.add_argument("--share", type=float, default=USUAL_SHARE, help="of its limit that a job usually runs")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    traces = Path(os.environ["BURSAR_TRACES"]) if "BURSAR_TRACES" in os.environ else None
    files = chosen.files or (sorted((traces / "swf").glob("*.gz")) if traces else [])
    logs = [(file.name, *read_swf(file, published=False)) for file in files]
    if not files:
        print("# no traces: neither a file nor BURSAR_TRACES was given; a generated log instead", file=sys.stderr)
        logs = [("generated", generated(), 128)]
    rows = []
    for name, jobs, procs in logs:
        for policy_name in chosen.policy.split(","):
            log = [job for job in jobs if job.n <= procs][: chosen.count]
            score = judged(log, quiet(policy_named(policy_name)), procs, chosen.every, chosen.share)
            rows.append({"log": name, "policy": policy_name, **score})
            if not chosen.json:
                if len(rows) == 1:
                    print("simulated starts\n" + "".join(f"{column:>14}" for column in ["policy", *score, "log"]))
                print(f"{policy_name:>14}" + "".join(f"{v:>14.1f}" for v in score.values()) + f"  {name}", flush=True)
    if chosen.json:
        print(json.dumps({"simulated": True, "rows": rows}))
    return 0
