"""Clusters, deployments and their runs; the ledger, prices, limits."""

import sqlalchemy as sa
from alembic import op

from core.store.migrations.append_only import drop_append_only, make_append_only

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "balances",
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("account_kind", sa.Text(), nullable=False),
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("posted", sa.BigInteger(), nullable=False),
        sa.Column("expected", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "owner_id", "account_kind", "book", name=op.f("pk_balances")),
        sqlite_strict=True,
    )
    op.create_table(
        "entries",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_kind", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "account_kind IN ('mint', 'treasury', 'wallet', 'spent')", name=op.f("ck_entries_account_kind_known")
        ),
        sa.CheckConstraint("book IN ('credits', 'gpu_time')", name=op.f("ck_entries_book_known")),
        sa.CheckConstraint("side IN ('posted', 'held')", name=op.f("ck_entries_side_known")),
        sa.CheckConstraint(
            "amount BETWEEN -9000000000000000 AND 9000000000000000", name=op.f("ck_entries_amount_fits")
        ),
        sa.PrimaryKeyConstraint("seq", "line", name=op.f("pk_entries")),
        sqlite_strict=True,
    )
    op.create_index("ix_entries_account", "entries", ["org_id", "owner_id", "account_kind", "seq"], unique=False)
    op.create_table(
        "flavors",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("effective_from", sa.BigInteger(), nullable=False),
        sa.Column("cpu_milli", sa.BigInteger(), nullable=False),
        sa.Column("ram_mib", sa.BigInteger(), nullable=False),
        sa.Column("gpu_milli", sa.BigInteger(), nullable=False),
        sa.Column("disk_mib", sa.BigInteger(), nullable=False),
        sa.Column("gpu_model", sa.Text(), nullable=True),
        sa.Column("ucr_per_hour", sa.BigInteger(), nullable=False),
        sa.Column("retired", sa.BigInteger(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.CheckConstraint("retired IN (0, 1)", name=op.f("ck_flavors_retired_flag")),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_flavors")),
        sqlite_strict=True,
    )
    op.create_table(
        "clusters",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("driver", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("default_limit_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('up', 'paused')", name=op.f("ck_clusters_state_known")),
        sa.ForeignKeyConstraint(["created_by"], ["accounts.id"], name=op.f("fk_clusters_created_by")),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name=op.f("fk_clusters_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clusters")),
        sa.UniqueConstraint("handle", name=op.f("uq_clusters_handle")),
        sqlite_strict=True,
    )
    op.create_index(
        "uq_clusters_living_name",
        "clusters",
        ["org_id", "name"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "limits",
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("most", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("level IN ('member', 'org', 'cluster')", name=op.f("ck_limits_level_known")),
        sa.CheckConstraint(
            "measure IN ('gpu_hours', 'credits', 'gpus', 'cpus', 'deployments')", name=op.f("ck_limits_measure_known")
        ),
        sa.CheckConstraint("most >= 0", name=op.f("ck_limits_most")),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name=op.f("fk_limits_org_id")),
        sa.PrimaryKeyConstraint("org_id", "level", "subject", "measure", name=op.f("pk_limits")),
        sqlite_strict=True,
    )
    op.create_table(
        "postings",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("deployment_id", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("event", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("reverses", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('grant', 'allowance', 'transfer', 'hold', 'release', 'charge', 'settle', 'refund', 'reverse')",
            name=op.f("ck_postings_kind_known"),
        ),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name=op.f("fk_postings_org_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_postings")),
        sa.UniqueConstraint("key", name=op.f("uq_postings_key")),
        sa.UniqueConstraint("reverses", name=op.f("uq_postings_reverses")),
        sqlite_strict=True,
    )
    op.create_index("ix_postings_deployment_id", "postings", ["deployment_id"], unique=False)
    op.create_index("ix_postings_org_id_at", "postings", ["org_id", "at"], unique=False)
    op.create_index("ix_postings_run_id", "postings", ["run_id"], unique=False)
    op.create_table(
        "wallet_standings",
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("rung", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.BigInteger(), nullable=False),
        sa.Column("emptied_at", sa.BigInteger(), nullable=True),
        sa.Column("funding", sa.Text(), nullable=False),
        sa.Column("look_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("book IN ('credits', 'gpu_time')", name=op.f("ck_wallet_standings_book_known")),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name=op.f("fk_wallet_standings_org_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.id"], name=op.f("fk_wallet_standings_owner_id")),
        sa.PrimaryKeyConstraint("org_id", "owner_id", "book", name=op.f("pk_wallet_standings")),
        sqlite_strict=True,
    )
    op.create_index("ix_wallet_standings_look_at", "wallet_standings", ["look_at"], unique=False)
    op.create_table(
        "cluster_shares",
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["cluster_id"], ["clusters.id"], name=op.f("fk_cluster_shares_cluster_id")),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name=op.f("fk_cluster_shares_org_id")),
        sa.PrimaryKeyConstraint("cluster_id", "org_id", name=op.f("pk_cluster_shares")),
        sqlite_strict=True,
    )
    op.create_table(
        "deployments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("image", sa.Text(), nullable=True),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("env", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("public_ip", sa.Text(), nullable=True),
        sa.Column("payer", sa.Text(), nullable=False),
        sa.Column("flavor", sa.Text(), nullable=True),
        sa.Column("cpu_milli", sa.BigInteger(), nullable=False),
        sa.Column("ram_mib", sa.BigInteger(), nullable=False),
        sa.Column("gpu_milli", sa.BigInteger(), nullable=False),
        sa.Column("disk_mib", sa.BigInteger(), nullable=False),
        sa.Column("gpu_model", sa.Text(), nullable=True),
        sa.Column("replicas", sa.BigInteger(), nullable=False),
        sa.Column("priority", sa.BigInteger(), nullable=False),
        sa.Column("limit_ms", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("submitted_at", sa.BigInteger(), nullable=False),
        sa.Column("eligible_since", sa.BigInteger(), nullable=True),
        sa.Column("not_before", sa.BigInteger(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("state_since", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("holds", sa.BigInteger(), nullable=False),
        sa.Column("stop_cause", sa.Text(), nullable=True),
        sa.Column("stop_by", sa.BigInteger(), nullable=True),
        sa.Column("preempted_at", sa.BigInteger(), nullable=True),
        sa.Column("exit_code", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(kind = 'job') = (limit_ms IS NOT NULL)", name=op.f("ck_deployments_only_jobs_have_a_limit")
        ),
        sa.CheckConstraint("kind IN ('service', 'job', 'vm')", name=op.f("ck_deployments_kind_known")),
        sa.CheckConstraint("payer IN ('wallet', 'treasury')", name=op.f("ck_deployments_payer_known")),
        sa.CheckConstraint(
            "state IN ('awaiting_approval', 'queued', 'starting', 'running', 'suspended', 'stopping', 'stopped', 'completed', 'failed', 'cancelled', 'rejected', 'expired', 'deleted')",
            name=op.f("ck_deployments_state_known"),
        ),
        sa.CheckConstraint(
            "stop_cause IN ('user', 'run_out', 'preempted', 'preempted_vm', 'cancelled', 'completed', 'time_limit', 'deleted')",
            name=op.f("ck_deployments_stop_cause_known"),
        ),
        sa.CheckConstraint(
            "cpu_milli >= 0 AND ram_mib >= 0 AND gpu_milli >= 0 AND disk_mib >= 0", name=op.f("ck_deployments_amounts")
        ),
        sa.CheckConstraint("priority BETWEEN 0 AND 100", name=op.f("ck_deployments_priority_range")),
        sa.CheckConstraint("replicas >= 1", name=op.f("ck_deployments_replicas_range")),
        sa.ForeignKeyConstraint(["cluster_id"], ["clusters.id"], name=op.f("fk_deployments_cluster_id")),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name=op.f("fk_deployments_org_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.id"], name=op.f("fk_deployments_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployments")),
        sa.UniqueConstraint("handle", name=op.f("uq_deployments_handle")),
        sa.UniqueConstraint("id", "org_id", name=op.f("uq_deployments_id_org_id")),
        sqlite_strict=True,
    )
    op.create_index("ix_deployments_cluster_id_state", "deployments", ["cluster_id", "state"], unique=False)
    op.create_index("ix_deployments_org_id_created_at", "deployments", ["org_id", "created_at"], unique=False)
    op.create_index("ix_deployments_org_id_id", "deployments", ["org_id", "id"], unique=False)
    op.create_index("ix_deployments_org_id_state", "deployments", ["org_id", "state"], unique=False)
    op.create_index("ix_deployments_owner_id_state", "deployments", ["owner_id", "state"], unique=False)
    op.create_index(
        "uq_deployments_living_name",
        "deployments",
        ["org_id", "name"],
        unique=True,
        sqlite_where=sa.text("state NOT IN ('completed','failed','cancelled','rejected','expired','deleted')"),
        postgresql_where=sa.text("state NOT IN ('completed','failed','cancelled','rejected','expired','deleted')"),
    )
    op.create_table(
        "nodes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cpu_milli", sa.BigInteger(), nullable=False),
        sa.Column("ram_mib", sa.BigInteger(), nullable=False),
        sa.Column("gpu_milli", sa.BigInteger(), nullable=False),
        sa.Column("disk_mib", sa.BigInteger(), nullable=False),
        sa.Column("gpu_model", sa.Text(), nullable=True),
        sa.Column("gpu_ids", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('up', 'cordoned', 'drained', 'down')", name=op.f("ck_nodes_state_known")),
        sa.CheckConstraint(
            "cpu_milli >= 0 AND ram_mib >= 0 AND gpu_milli >= 0 AND disk_mib >= 0", name=op.f("ck_nodes_amounts")
        ),
        sa.ForeignKeyConstraint(["cluster_id"], ["clusters.id"], name=op.f("fk_nodes_cluster_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nodes")),
        sa.UniqueConstraint("cluster_id", "name", name=op.f("uq_nodes_cluster_id_name")),
        sqlite_strict=True,
    )
    op.create_table(
        "rate_cards",
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("effective_from", sa.BigInteger(), nullable=False),
        sa.Column("prices", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["cluster_id"], ["clusters.id"], name=op.f("fk_rate_cards_cluster_id")),
        sa.PrimaryKeyConstraint("cluster_id", "version", name=op.f("pk_rate_cards")),
        sqlite_strict=True,
    )
    op.create_table(
        "allocations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("deployment_id", sa.Text(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("replica", sa.BigInteger(), nullable=False),
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("cpu_milli", sa.BigInteger(), nullable=False),
        sa.Column("ram_mib", sa.BigInteger(), nullable=False),
        sa.Column("gpu_milli", sa.BigInteger(), nullable=False),
        sa.Column("disk_mib", sa.BigInteger(), nullable=False),
        sa.Column("shares", sa.Text(), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.Column("released_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "cpu_milli >= 0 AND ram_mib >= 0 AND gpu_milli >= 0 AND disk_mib >= 0", name=op.f("ck_allocations_amounts")
        ),
        sa.ForeignKeyConstraint(
            ["deployment_id", "org_id"],
            ["deployments.id", "deployments.org_id"],
            name=op.f("fk_allocations_deployment_id_org_id"),
        ),
        sa.ForeignKeyConstraint(["node_id"], ["nodes.id"], name=op.f("fk_allocations_node_id")),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name=op.f("fk_allocations_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocations")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_allocations_open_node",
        "allocations",
        ["node_id"],
        unique=False,
        sqlite_where=sa.text("released_at IS NULL"),
        postgresql_where=sa.text("released_at IS NULL"),
    )
    op.create_index(
        "uq_allocations_open",
        "allocations",
        ["deployment_id", "replica"],
        unique=True,
        sqlite_where=sa.text("released_at IS NULL"),
        postgresql_where=sa.text("released_at IS NULL"),
    )
    op.create_table(
        "dependencies",
        sa.Column("deployment_id", sa.Text(), nullable=False),
        sa.Column("after_id", sa.Text(), nullable=False),
        sa.Column("any_outcome", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("any_outcome IN (0, 1)", name=op.f("ck_dependencies_any_outcome_flag")),
        sa.ForeignKeyConstraint(["after_id"], ["deployments.id"], name=op.f("fk_dependencies_after_id")),
        sa.ForeignKeyConstraint(["deployment_id"], ["deployments.id"], name=op.f("fk_dependencies_deployment_id")),
        sa.PrimaryKeyConstraint("deployment_id", "after_id", name=op.f("pk_dependencies")),
        sqlite_strict=True,
    )
    op.create_index("ix_dependencies_after_id", "dependencies", ["after_id"], unique=False)
    op.create_table(
        "pins",
        sa.Column("deployment_id", sa.Text(), nullable=False),
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("claims", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["cluster_id"], ["clusters.id"], name=op.f("fk_pins_cluster_id")),
        sa.ForeignKeyConstraint(["deployment_id"], ["deployments.id"], name=op.f("fk_pins_deployment_id")),
        sa.PrimaryKeyConstraint("deployment_id", name=op.f("pk_pins")),
        sqlite_strict=True,
    )
    op.create_table(
        "preemptions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("victim_id", sa.Text(), nullable=False),
        sa.Column("preemptor_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["preemptor_id"], ["deployments.id"], name=op.f("fk_preemptions_preemptor_id")),
        sa.ForeignKeyConstraint(["victim_id"], ["deployments.id"], name=op.f("fk_preemptions_victim_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preemptions")),
        sqlite_strict=True,
    )
    op.create_index("ix_preemptions_victim_id_at", "preemptions", ["victim_id", "at"], unique=False)
    op.create_table(
        "runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("deployment_id", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("payer", sa.Text(), nullable=False),
        sa.Column("rate", sa.Text(), nullable=False),
        sa.Column("segments", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("end_cause", sa.Text(), nullable=True),
        sa.CheckConstraint("payer IN ('wallet', 'treasury')", name=op.f("ck_runs_payer_known")),
        sa.CheckConstraint("ended_at IS NULL OR ended_at >= started_at", name=op.f("ck_runs_ends_after_start")),
        sa.ForeignKeyConstraint(["cluster_id"], ["clusters.id"], name=op.f("fk_runs_cluster_id")),
        sa.ForeignKeyConstraint(
            ["deployment_id", "org_id"],
            ["deployments.id", "deployments.org_id"],
            name=op.f("fk_runs_deployment_id_org_id"),
        ),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name=op.f("fk_runs_org_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.id"], name=op.f("fk_runs_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("deployment_id", "generation", name=op.f("uq_runs_deployment_id_generation")),
        sqlite_strict=True,
    )
    op.create_index("ix_runs_org_id_started_at", "runs", ["org_id", "started_at"], unique=False)
    op.create_index(
        "uq_runs_open",
        "runs",
        ["deployment_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    make_append_only("postings")
    make_append_only("entries")


def downgrade() -> None:
    drop_append_only("postings")
    drop_append_only("entries")
    op.drop_index(
        "uq_runs_open",
        table_name="runs",
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index("ix_runs_org_id_started_at", table_name="runs")
    op.drop_table("runs")
    op.drop_index("ix_preemptions_victim_id_at", table_name="preemptions")
    op.drop_table("preemptions")
    op.drop_table("pins")
    op.drop_index("ix_dependencies_after_id", table_name="dependencies")
    op.drop_table("dependencies")
    op.drop_index(
        "uq_allocations_open",
        table_name="allocations",
        sqlite_where=sa.text("released_at IS NULL"),
        postgresql_where=sa.text("released_at IS NULL"),
    )
    op.drop_index(
        "ix_allocations_open_node",
        table_name="allocations",
        sqlite_where=sa.text("released_at IS NULL"),
        postgresql_where=sa.text("released_at IS NULL"),
    )
    op.drop_table("allocations")
    op.drop_table("rate_cards")
    op.drop_table("nodes")
    op.drop_index(
        "uq_deployments_living_name",
        table_name="deployments",
        sqlite_where=sa.text("state NOT IN ('completed','failed','cancelled','rejected','expired','deleted')"),
        postgresql_where=sa.text("state NOT IN ('completed','failed','cancelled','rejected','expired','deleted')"),
    )
    op.drop_index("ix_deployments_owner_id_state", table_name="deployments")
    op.drop_index("ix_deployments_org_id_state", table_name="deployments")
    op.drop_index("ix_deployments_org_id_id", table_name="deployments")
    op.drop_index("ix_deployments_org_id_created_at", table_name="deployments")
    op.drop_index("ix_deployments_cluster_id_state", table_name="deployments")
    op.drop_table("deployments")
    op.drop_table("cluster_shares")
    op.drop_index("ix_wallet_standings_look_at", table_name="wallet_standings")
    op.drop_table("wallet_standings")
    op.drop_index("ix_postings_run_id", table_name="postings")
    op.drop_index("ix_postings_org_id_at", table_name="postings")
    op.drop_index("ix_postings_deployment_id", table_name="postings")
    op.drop_table("postings")
    op.drop_table("limits")
    op.drop_index(
        "uq_clusters_living_name",
        table_name="clusters",
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_table("clusters")
    op.drop_table("flavors")
    op.drop_index("ix_entries_account", table_name="entries")
    op.drop_table("entries")
    op.drop_table("balances")
