"""The Slack face: links of people and workspaces, the inbox, deliveries, and the schedules of reports."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "feed_places",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_feed_places")),
        sqlite_strict=True,
    )
    op.create_table(
        "inbox",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_inbox")),
        sqlite_strict=True,
    )
    op.create_index("ix_inbox_at", "inbox", ["at"], unique=False)
    op.create_table(
        "slack_codes",
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_slack_codes")),
        sqlite_strict=True,
    )
    op.create_table(
        "slack_people",
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("linked_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_slack_people_account_id")),
        sa.PrimaryKeyConstraint("team_id", "user_id", name=op.f("pk_slack_people")),
        sqlite_strict=True,
    )
    op.create_index("ix_slack_people_account_id", "slack_people", ["account_id"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("changes", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("message_ts", sa.Text(), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("(state = 'claimed') = (owner IS NOT NULL)", name=op.f("ck_deliveries_claimed_by_somebody")),
        sa.CheckConstraint("kind IN ('card', 'approval', 'notice', 'report')", name=op.f("ck_deliveries_kind_known")),
        sa.CheckConstraint(
            "state IN ('due', 'claimed', 'sent', 'unsure', 'dead', 'skipped')", name=op.f("ck_deliveries_state_known")
        ),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name=op.f("fk_deliveries_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint(
            "team_id", "recipient", "kind", "subject", name=op.f("uq_deliveries_team_id_recipient_kind_subject")
        ),
        sqlite_strict=True,
    )
    op.create_index("ix_deliveries_kind_subject", "deliveries", ["kind", "subject"], unique=False)
    op.create_index("ix_deliveries_state_due_at", "deliveries", ["state", "due_at"], unique=False)
    op.create_table(
        "report_schedules",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("cadence", sa.Text(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("muted_at", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("cadence IN ('daily', 'weekly', 'monthly')", name=op.f("ck_report_schedules_cadence_known")),
        sa.CheckConstraint(
            "minute BETWEEN 0 AND 1439 AND day BETWEEN 0 AND 28", name=op.f("ck_report_schedules_clock_time")
        ),
        sa.ForeignKeyConstraint(["created_by"], ["accounts.id"], name=op.f("fk_report_schedules_created_by")),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name=op.f("fk_report_schedules_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_schedules")),
        sa.UniqueConstraint("handle", name=op.f("uq_report_schedules_handle")),
        sqlite_strict=True,
    )
    op.create_index("ix_report_schedules_next_at", "report_schedules", ["next_at"], unique=False)
    op.create_index("ix_report_schedules_org_id", "report_schedules", ["org_id"], unique=False)
    op.create_table(
        "slack_workspaces",
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("bound_at", sa.BigInteger(), nullable=False),
        sa.Column("bound_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["bound_by"], ["accounts.id"], name=op.f("fk_slack_workspaces_bound_by")),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name=op.f("fk_slack_workspaces_org_id")),
        sa.PrimaryKeyConstraint("team_id", name=op.f("pk_slack_workspaces")),
        sqlite_strict=True,
    )
    op.create_index("ix_slack_workspaces_org_id", "slack_workspaces", ["org_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_slack_workspaces_org_id", table_name="slack_workspaces")
    op.drop_table("slack_workspaces")
    op.drop_index("ix_report_schedules_org_id", table_name="report_schedules")
    op.drop_index("ix_report_schedules_next_at", table_name="report_schedules")
    op.drop_table("report_schedules")
    op.drop_index("ix_deliveries_state_due_at", table_name="deliveries")
    op.drop_index("ix_deliveries_kind_subject", table_name="deliveries")
    op.drop_table("deliveries")
    op.drop_index("ix_slack_people_account_id", table_name="slack_people")
    op.drop_table("slack_people")
    op.drop_table("slack_codes")
    op.drop_index("ix_inbox_at", table_name="inbox")
    op.drop_table("inbox")
    op.drop_table("feed_places")
