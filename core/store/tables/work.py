"""Tables of work: clusters and nodes, deployments, what they hold, the runs that are metered."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text

from core.domain.kinds import Kind
from core.domain.lifecycle import State, StopCause
from core.store.tables.columns import STRICT, Record, key_column, one_of, text_column, whole_column

# In the words of the index of living names: a question in other words does not find its way by it.
LIVING = text("state NOT IN ('completed','failed','cancelled','rejected','expired','deleted')")
_NOT_NEGATIVE = "cpu_milli >= 0 AND ram_mib >= 0 AND gpu_milli >= 0 AND disk_mib >= 0"


class Cluster(Record, table=True):
    __tablename__ = "clusters"
    __table_args__ = (
        Index(
            "uq_clusters_living_name",
            "org_id",
            "name",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        one_of("state", ("up", "paused")),
        STRICT,
    )

    id: str = key_column()
    handle: str = text_column(unique=True)
    org_id: str = text_column(foreign_key="orgs.id")
    name: str = text_column()
    driver: str = text_column()
    settings: str = text_column(default="{}")
    state: str = text_column(default="up")
    default_limit_ms: int = whole_column()
    version: int = whole_column(default=1)  # of the board: last change of queue, capacity or rates
    created_at: int = whole_column()
    created_by: str = text_column(foreign_key="accounts.id")
    deleted_at: int | None = whole_column(nullable=True)


class ClusterShare(Record, table=True):
    """Organizations that may use a cluster of another one."""

    __tablename__ = "cluster_shares"
    __table_args__ = (STRICT,)

    cluster_id: str = key_column(foreign_key="clusters.id")
    org_id: str = key_column(foreign_key="orgs.id")


class Node(Record, table=True):
    __tablename__ = "nodes"
    __table_args__ = (
        UniqueConstraint("cluster_id", "name"),
        one_of("state", ("up", "cordoned", "drained", "down")),
        CheckConstraint(_NOT_NEGATIVE, name="amounts"),
        STRICT,
    )

    id: str = key_column()
    cluster_id: str = text_column(foreign_key="clusters.id")
    name: str = text_column()
    cpu_milli: int = whole_column()
    ram_mib: int = whole_column()
    gpu_milli: int = whole_column()
    disk_mib: int = whole_column()
    gpu_model: str | None = text_column(nullable=True)
    gpu_ids: str = text_column(default="[]")  # as the engine names its devices; the place in the list is the index
    labels: str = text_column(default="{}")
    state: str = text_column(default="up")


class Deployment(Record, table=True):
    __tablename__ = "deployments"
    __table_args__ = (
        UniqueConstraint("id", "org_id"),
        Index(
            "uq_deployments_living_name",
            "org_id",
            "name",
            unique=True,
            sqlite_where=LIVING,
            postgresql_where=LIVING,
        ),
        Index("ix_deployments_cluster_id_state", "cluster_id", "state"),
        Index("ix_deployments_org_id_id", "org_id", "id"),
        Index("ix_deployments_org_id_state", "org_id", "state"),
        Index("ix_deployments_org_id_created_at", "org_id", "created_at"),
        Index("ix_deployments_owner_id_state", "owner_id", "state"),
        one_of("kind", Kind),
        one_of("state", State),
        one_of("stop_cause", StopCause),
        one_of("payer", ("wallet", "treasury")),
        CheckConstraint(_NOT_NEGATIVE, name="amounts"),
        CheckConstraint("priority BETWEEN 0 AND 100", name="priority_range"),
        CheckConstraint("replicas >= 1", name="replicas_range"),
        CheckConstraint("(kind = 'job') = (limit_ms IS NOT NULL)", name="only_jobs_have_a_limit"),
        STRICT,
    )

    id: str = key_column()
    handle: str = text_column(unique=True)
    org_id: str = text_column(foreign_key="orgs.id")
    owner_id: str = text_column(foreign_key="accounts.id")
    cluster_id: str = text_column(foreign_key="clusters.id")
    name: str = text_column()
    kind: str = text_column()
    state: str = text_column()
    image: str | None = text_column(nullable=True)
    command: str = text_column(default="[]")
    env: str = text_column(default="{}")
    labels: str = text_column(default="{}")
    public_ip: str | None = text_column(nullable=True)
    payer: str = text_column()
    flavor: str | None = text_column(nullable=True)
    cpu_milli: int = whole_column()
    ram_mib: int = whole_column()
    gpu_milli: int = whole_column()
    disk_mib: int = whole_column()
    gpu_model: str | None = text_column(nullable=True)
    replicas: int = whole_column(default=1)
    priority: int = whole_column()
    limit_ms: int | None = whole_column(nullable=True)
    created_at: int = whole_column()
    updated_at: int = whole_column()
    submitted_at: int = whole_column()  # of its place in the queue: kept when it is preempted
    eligible_since: int | None = whole_column(nullable=True)
    not_before: int | None = whole_column(nullable=True)
    started_at: int | None = whole_column(nullable=True)
    ended_at: int | None = whole_column(nullable=True)
    state_since: int = whole_column()
    generation: int = whole_column(default=0)
    attempts: int = whole_column(default=0)  # failed for the engine's reasons since it last ran
    holds: int = whole_column(default=0)  # how many times its cost was set aside
    stop_cause: str | None = text_column(nullable=True)
    stop_by: int | None = whole_column(nullable=True)  # when its grace is over
    preempted_at: int | None = whole_column(nullable=True)
    exit_code: int | None = whole_column(nullable=True)
    reason: str | None = text_column(nullable=True)  # why it is in this state, for people


class Dependency(Record, table=True):
    __tablename__ = "dependencies"
    __table_args__ = (
        CheckConstraint("any_outcome IN (0, 1)", name="any_outcome_flag"),
        Index("ix_dependencies_after_id", "after_id"),
        STRICT,
    )

    deployment_id: str = key_column(foreign_key="deployments.id")
    after_id: str = key_column(foreign_key="deployments.id")
    any_outcome: int = whole_column()


class Allocation(Record, table=True):
    """A place on a node that a replica holds from its start until its absence is proved."""

    __tablename__ = "allocations"
    __table_args__ = (
        ForeignKeyConstraint(["deployment_id", "org_id"], ["deployments.id", "deployments.org_id"]),
        Index(
            "uq_allocations_open",
            "deployment_id",
            "replica",
            unique=True,
            sqlite_where=text("released_at IS NULL"),
            postgresql_where=text("released_at IS NULL"),
        ),
        Index(
            "ix_allocations_open_node",
            "node_id",
            sqlite_where=text("released_at IS NULL"),
            postgresql_where=text("released_at IS NULL"),
        ),
        CheckConstraint(_NOT_NEGATIVE, name="amounts"),
        STRICT,
    )

    id: str = key_column()
    org_id: str = text_column(foreign_key="orgs.id")
    deployment_id: str = text_column()
    generation: int = whole_column()
    replica: int = whole_column()
    node_id: str = text_column(foreign_key="nodes.id")
    cpu_milli: int = whole_column()
    ram_mib: int = whole_column()
    gpu_milli: int = whole_column()
    disk_mib: int = whole_column()
    shares: str = text_column(default="[]")  # [[index of the device, thousandths of it], ...]
    taken_at: int = whole_column()
    released_at: int | None = whole_column(nullable=True)


class Run(Record, table=True):
    """An unbroken stretch of really running: what is metered. Its rate and payer are those of its start."""

    __tablename__ = "runs"
    __table_args__ = (
        ForeignKeyConstraint(["deployment_id", "org_id"], ["deployments.id", "deployments.org_id"]),
        UniqueConstraint("deployment_id", "generation"),
        Index(
            "uq_runs_open",
            "deployment_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_runs_org_id_started_at", "org_id", "started_at"),
        one_of("payer", ("wallet", "treasury")),
        CheckConstraint("ended_at IS NULL OR ended_at >= started_at", name="ends_after_start"),
        STRICT,
    )

    id: str = key_column()
    org_id: str = text_column(foreign_key="orgs.id")
    deployment_id: str = text_column()
    owner_id: str = text_column(foreign_key="accounts.id")
    cluster_id: str = text_column(foreign_key="clusters.id")
    generation: int = whole_column()
    payer: str = text_column()
    rate: str = text_column()
    segments: str = text_column()
    started_at: int = whole_column()
    seen_at: int = whole_column()  # the last proof of life; nothing is charged past it
    ended_at: int | None = whole_column(nullable=True)
    end_cause: str | None = text_column(nullable=True)


class Instance(Record, table=True):
    """What the engine last showed of each replica: for everybody to read; nothing is decided on it."""

    __tablename__ = "instances"
    __table_args__ = (
        ForeignKeyConstraint(["deployment_id", "org_id"], ["deployments.id", "deployments.org_id"]),
        CheckConstraint("oom IN (0, 1)", name="oom_flag"),
        STRICT,
    )

    deployment_id: str = key_column()
    replica: int = whole_column(primary_key=True)
    org_id: str = text_column()
    generation: int = whole_column()
    node: str = text_column()
    engine_id: str = text_column()
    facts: str = text_column(default="{}")
    cpu_milli: int | None = whole_column(nullable=True)  # what it takes, not what it was given
    ram_mib: int | None = whole_column(nullable=True)
    gpu_busy_milli: int | None = whole_column(nullable=True)
    gpu_ram_mib: int | None = whole_column(nullable=True)
    exit_code: int | None = whole_column(nullable=True)
    oom: int = whole_column(default=0)
    message: str = text_column(default="")
    seen_at: int = whole_column()


class Preemption(Record, table=True):
    """Who had to make room for whom."""

    __tablename__ = "preemptions"
    __table_args__ = (Index("ix_preemptions_victim_id_at", "victim_id", "at"), STRICT)

    id: str = key_column()
    victim_id: str = text_column(foreign_key="deployments.id")
    preemptor_id: str = text_column(foreign_key="deployments.id")
    at: int = whole_column()


class Estimate(Record, table=True):
    """Where a waiting deployment stands and when it will start: written by the leader for everybody to read.

    The first estimate is kept, so that it can be compared with what came.
    """

    __tablename__ = "estimates"
    __table_args__ = (Index("ix_estimates_cluster_id", "cluster_id"), STRICT)

    deployment_id: str = key_column(foreign_key="deployments.id")
    cluster_id: str = text_column(foreign_key="clusters.id")
    position: int = whole_column()
    p50: int | None = whole_column(nullable=True)
    p90: int | None = whole_column(nullable=True)
    made_at: int = whole_column()
    first_p50: int | None = whole_column(nullable=True)
    first_p90: int | None = whole_column(nullable=True)
    first_made_at: int = whole_column()


class Pin(Record, table=True):
    """Room kept for a preemptor until its victims are gone and it starts."""

    __tablename__ = "pins"
    __table_args__ = (STRICT,)

    deployment_id: str = key_column(foreign_key="deployments.id")
    cluster_id: str = text_column(foreign_key="clusters.id")
    claims: str = text_column()
    expires_at: int = whole_column()
