"""`python -m tests.bench NAME [arguments]`: measurements, outside the test suite. Without a name they are listed."""

from __future__ import annotations

import importlib
import sys

BENCHES = {
    "admit": ("tests.bench.admit", "submissions, starts and ends a second with the durable store; real processes"),
    "console": ("tests.bench.console", "first frame, first data, and a list of a hundred thousand"),
    "containers": ("tests.bench.containers", "fifty containers on Docker and Podman, beside the bare SDK"),
    "store": ("tests.bench.store", "durable service calls beside raw commits; how soon the command line answers"),
    "scheduler": ("tests.bench.scheduler", "one pass after one event, by size of the queue"),
    "foresight": (
        "tests.bench.foresight",
        "how long one waits for why, queue, forecast and a dry run with 10,000 waiting",
    ),
    "foretold": ("tests.bench.foretold", "starts that were foretold on job logs, beside those that came"),
    "ledger": ("tests.bench.ledger", "postings a second beside raw batches; the doctor over a million entries"),
    "replay": ("tests.bench.replay", "job logs in simulated time under the real plan, beside the classics"),
    "pack": ("tests.bench.pack", "GPU fragmentation: pods arrive until a cluster is full"),
}


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in BENCHES:
        for name, (_, what) in BENCHES.items():
            print(f"{name:<12}{what}")
        return 0 if not arguments else 2
    module = importlib.import_module(BENCHES[arguments[0]][0])
    return int(module.main(arguments[1:]) or 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
