"""Estimates: where what waits stands, and when it will start."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "estimates",
        sa.Column("deployment_id", sa.Text(), nullable=False),
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("p50", sa.BigInteger(), nullable=True),
        sa.Column("p90", sa.BigInteger(), nullable=True),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("first_p50", sa.BigInteger(), nullable=True),
        sa.Column("first_p90", sa.BigInteger(), nullable=True),
        sa.Column("first_made_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["cluster_id"], ["clusters.id"], name=op.f("fk_estimates_cluster_id")),
        sa.ForeignKeyConstraint(["deployment_id"], ["deployments.id"], name=op.f("fk_estimates_deployment_id")),
        sa.PrimaryKeyConstraint("deployment_id", name=op.f("pk_estimates")),
        sqlite_strict=True,
    )
    op.create_index("ix_estimates_cluster_id", "estimates", ["cluster_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_estimates_cluster_id", table_name="estimates")
    op.drop_table("estimates")
