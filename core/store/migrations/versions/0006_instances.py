"""Instances: what an engine last showed of each replica, and what it takes."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "instances",
        sa.Column("deployment_id", sa.Text(), nullable=False),
        sa.Column("replica", sa.BigInteger(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("engine_id", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("cpu_milli", sa.BigInteger(), nullable=True),
        sa.Column("ram_mib", sa.BigInteger(), nullable=True),
        sa.Column("gpu_busy_milli", sa.BigInteger(), nullable=True),
        sa.Column("gpu_ram_mib", sa.BigInteger(), nullable=True),
        sa.Column("exit_code", sa.BigInteger(), nullable=True),
        sa.Column("oom", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("oom IN (0, 1)", name=op.f("ck_instances_oom_flag")),
        sa.ForeignKeyConstraint(
            ["deployment_id", "org_id"],
            ["deployments.id", "deployments.org_id"],
            name=op.f("fk_instances_deployment_id_org_id"),
        ),
        sa.PrimaryKeyConstraint("deployment_id", "replica", name=op.f("pk_instances")),
        sqlite_strict=True,
    )


def downgrade() -> None:
    op.drop_table("instances")
