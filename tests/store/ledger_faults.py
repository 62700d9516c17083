"""Rows of a small ledger with one run, and a door behind the triggers: what the doctor must find is planted here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, text

from core.clock import HOUR
from core.domain.flavors import GPU_HOUR_MS, UCR, RunRate
from core.ledger import entries
from core.ledger.accounts import wallet
from core.ledger.amounts import Amounts
from core.ledger.meter import Segment, charge, open_line, settle
from core.ledger.postings import Posting
from core.store.database import Database
from core.store.repositories.ledger import Ledger
from core.store.repositories.runs import RunEnd, RunRow, Runs
from core.store.scope import unscoped

T0 = 1_767_225_600_000_000
ORG, ANA = "org-1", "acc-1"
RATE = RunRate(compute_ucr=5 * UCR, gpu_milli=1000)
ANYWHERE = unscoped("a test of all rows")


@dataclass(frozen=True)
class Story:
    """A member with an allowance who ran a job of two hours for one, and was charged halfway."""

    database: Database
    now: int = T0 + 3 * HOUR

    def post(self, postings: Sequence[Posting]) -> None:
        with self.database.write() as connection:
            Ledger(connection, self.now, "somebody").post(postings)

    @contextmanager
    def planted(self, *statements: str) -> Iterator[Connection]:
        """A look at what Bursar itself never would write: triggers and references look away, and it is taken back."""
        with suppress(_TakenBack), self.database.rebuild() as connection:
            for table in ("postings", "entries"):
                _unguard(connection, table)
            for statement in statements:
                connection.execute(text(statement))
            yield connection
            raise _TakenBack


class _TakenBack(Exception):
    pass


def _unguard(connection: Connection, table: str) -> None:
    if connection.dialect.name == "sqlite":
        for verb in ("update", "delete"):
            connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_{verb}"))
    else:
        connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only"))
        connection.execute(text("SET LOCAL session_replication_role = replica"))


def told(database: Database) -> Story:
    with database.write() as connection:
        for statement, rows in _ROWS:
            connection.execute(text(statement), rows)
        _run_and_pay(connection)
    return Story(database)


def _run_and_pay(connection: Connection) -> None:
    ledger = Ledger(connection, T0, "somebody")
    ana = wallet(ORG, ANA)
    need = Amounts(10 * UCR, 2 * GPU_HOUR_MS)
    ledger.post(
        [
            entries.start_treasury(ORG, Amounts(1_000 * UCR, 100 * GPU_HOUR_MS), at=T0),
            entries.allowance(ORG, ANA, Amounts(100 * UCR, 10 * GPU_HOUR_MS), at=T0),
            entries.hold(ana, "dep-1", need, at=T0),
        ]
    )
    line = open_line("run-1", "dep-1", ana, RATE, T0)
    half = charge(line, T0 + HOUR // 2, posted=Amounts(), hold_left=need)
    assert half is not None
    ledger.post([half])
    paid = Amounts(2_500_000, GPU_HOUR_MS // 2)
    ledger.post(settle(line.ended(T0 + HOUR), posted=paid, hold_left=need - paid, at=T0 + HOUR))
    row = RunRow("run-1", ORG, "dep-1", ANA, "clu-1", 1, "wallet", RATE, (Segment(T0),), T0, T0 + HOUR)
    runs = Runs(connection, ANYWHERE)
    runs.open_runs([row])
    runs.close_runs([RunEnd("run-1", T0 + HOUR, "completed")])


def _deployment(name: str, state: str, **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "id": name,
        "handle": name,
        "org_id": ORG,
        "owner_id": ANA,
        "cluster_id": "clu-1",
        "name": f"work-{name}",
        "kind": "job",
        "state": state,
        "payer": "wallet",
        "cpu_milli": 1000,
        "ram_mib": 1024,
        "gpu_milli": 1000,
        "disk_mib": 0,
        "replicas": 1,
        "priority": 50,
        "limit_ms": 7_200_000,
        "at": T0,
        "empty": "[]",
        "none": "{}",
    }
    return {**row, **changes}


_INSERT_DEPLOYMENT = (
    "INSERT INTO deployments (id, handle, org_id, owner_id, cluster_id, name, kind, state, payer, cpu_milli, ram_mib, "
    "gpu_milli, disk_mib, replicas, priority, limit_ms, created_at, updated_at, submitted_at, state_since, generation, "
    "attempts, holds, command, env, labels) VALUES (:id, :handle, :org_id, :owner_id, :cluster_id, :name, :kind, "
    ":state, :payer, :cpu_milli, :ram_mib, :gpu_milli, :disk_mib, :replicas, :priority, :limit_ms, :at, :at, :at, :at, "
    "1, 0, 1, :empty, :none, :none)"
)
_ROWS: tuple[tuple[str, list[dict[str, object]]], ...] = (
    (
        "INSERT INTO accounts (id, name, operator, created_at, tokens_valid_after) VALUES (:id, :name, 0, :at, 0)",
        [{"id": ANA, "name": "ana", "at": T0}],
    ),
    (
        "INSERT INTO orgs (id, name, time_zone, allowance_credits_ucr, allowance_gpu_ms, created_at, created_by) "
        "VALUES (:id, 'acme', 'UTC', 0, 0, :at, :by)",
        [{"id": ORG, "at": T0, "by": ANA}],
    ),
    (
        "INSERT INTO clusters (id, handle, org_id, name, driver, settings, state, default_limit_ms, version, "
        "created_at, created_by) "
        "VALUES ('clu-1', 'clu-1', :org, 'rack', 'scripted', :none, 'up', 3600000, 1, :at, :by)",
        [{"org": ORG, "at": T0, "by": ANA, "none": "{}"}],
    ),
    (
        "INSERT INTO nodes (id, cluster_id, name, cpu_milli, ram_mib, gpu_milli, disk_mib, gpu_ids, labels, state) "
        "VALUES ('nod-1', 'clu-1', 'node-1', 4000, 8192, 2000, 0, :empty, :none, 'up')",
        [{"empty": "[]", "none": "{}"}],
    ),
    (_INSERT_DEPLOYMENT, [_deployment("dep-1", "completed"), _deployment("dep-2", "running")]),
    (
        "INSERT INTO allocations (id, org_id, deployment_id, generation, replica, node_id, cpu_milli, ram_mib, "
        "gpu_milli, disk_mib, shares, taken_at) "
        "VALUES ('all-2', :org, 'dep-2', 1, 0, 'nod-1', 1000, 1024, 1000, 0, :empty, :at)",
        [{"org": ORG, "at": T0 + 2 * HOUR, "empty": "[]"}],
    ),
    (
        "INSERT INTO runs (id, org_id, deployment_id, owner_id, cluster_id, generation, payer, rate, segments, "
        "started_at, seen_at) VALUES ('run-2', :org, 'dep-2', :by, 'clu-1', 1, 'wallet', :rate, :segments, :at, :at)",
        [
            {
                "org": ORG,
                "by": ANA,
                "at": T0 + 2 * HOUR,
                "rate": json.dumps(asdict(RATE)),
                "segments": json.dumps([[T0 + 2 * HOUR, 1000, 1000]]),
            }
        ],
    ),
)
