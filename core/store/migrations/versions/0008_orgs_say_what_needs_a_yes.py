"""An organization may say for itself what needs an admin's yes; until it does, the installation's setting counts."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("orgs", sa.Column("approval_policy", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("orgs", "approval_policy")
