"""A code that links may name the account that it asks for, so that its owner sees who asks before the code is typed."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("slack_codes", sa.Column("account_id", sa.Text(), nullable=True))
    op.add_column("slack_codes", sa.Column("offered_at", sa.BigInteger(), nullable=True))
    op.create_index("ix_slack_codes_account_id", "slack_codes", ["account_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_slack_codes_account_id", table_name="slack_codes")
    op.drop_column("slack_codes", "offered_at")
    op.drop_column("slack_codes", "account_id")
