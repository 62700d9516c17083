"""Of the starts that were foretold on a job log, how many came by their P50 and by their P90.

`python -m tests.bench foretold [--every N] [--count N] FILE...`: a log is replayed under the real plan, nobody is
evicted, and every Nth that has to wait is told its start once, when it comes, as the product tells it. Each is judged
by when it really started: within P50 and within P90, in percent, and by how much the middle one missed its P50. `open`
are those of whom no start was foreseen as far as it was looked.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from core.scheduler import Plan, Policy, policy_named
from core.scheduler.forecast import Estimate, forecast, quality
from tests.bench.logs import Job, generated, read_swf
from tests.bench.machine import Replay, instant, quiet

MOST_WORK = 10_000  # as the daemon is allowed


class ForetellingReplay(Replay):
    def __init__(self, jobs: list[Job], policy: Policy, procs: int, every: int) -> None:
        super().__init__(jobs, policy, 1, procs, gpus=False)
        self._every, self._seen = every, 0
        self._fresh: list[str] = []
        self.told: dict[str, Estimate] = {}

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
            told = forecast(self._board, self._policy, instant(now), only=chosen, most_work=MOST_WORK)
            self.told |= told.estimates


def judged(jobs: list[Job], policy: Policy, procs: int, every: int) -> dict[str, float]:
    for job in jobs:
        job.start = job.end = -1.0
    machine = ForetellingReplay(jobs, policy, procs, every)
    machine.run()
    began = {job.id: instant(job.start) for job in jobs}
    kept = [(estimate, began[one.partition(".")[2]]) for one, estimate in machine.told.items()]
    score = quality(kept)
    count = max(1, score.count)
    return {
        "told": float(len(kept)),
        "open": float(sum(e.p90 is None for e, _ in kept)),
        "within_p50": 100 * score.within_p50 / count,
        "within_p90": 100 * score.within_p90 / count,
        "missed_by_min": score.median_error_ms / 60_000,
    }


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench foretold", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--policy", default="priority,smart", help="of: priority, fair, smart")
    parser.add_argument("--every", type=int, default=20, help="of so many that have to wait one is told")
    parser.add_argument("--count", type=int, help="only the first jobs")
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
            row = {
                "log": name,
                "policy": policy_name,
                **judged(log, quiet(policy_named(policy_name)), procs, chosen.every),
            }
            rows.append(row)
            if not chosen.json:
                if len(rows) == 1:
                    print("simulated starts\n" + "".join(f"{column:>15}" for column in list(row)[1:]))
                print(
                    f"# {name}\n"
                    + "".join(f"{v:>15.1f}" if isinstance(v, float) else f"{v:>15}" for v in list(row.values())[1:]),
                    flush=True,
                )
    if chosen.json:
        print(json.dumps({"simulated": True, "rows": rows}))
    return 0
