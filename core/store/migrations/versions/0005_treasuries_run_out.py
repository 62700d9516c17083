"""The run-out ladder holds treasuries, too: where a wallet stands may be said of nobody in particular."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_FOREIGN = "fk_wallet_standings_owner_id"
_COLUMNS = "org_id, owner_id, book, rung, told, emptied_at, funding, look_at"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rebuild()
    else:
        op.drop_constraint(_FOREIGN, "wallet_standings", type_="foreignkey")


def downgrade() -> None:
    op.execute("DELETE FROM wallet_standings WHERE owner_id = ''")
    if op.get_bind().dialect.name == "sqlite":
        _rebuild(sa.ForeignKeyConstraint(["owner_id"], ["accounts.id"], name=op.f(_FOREIGN)))
    else:
        op.create_foreign_key(_FOREIGN, "wallet_standings", "accounts", ["owner_id"], ["id"])


def _rebuild(*constraints: sa.Constraint) -> None:
    """SQLite cannot drop a constraint: another table is made, and takes the place of the first."""
    op.drop_index("ix_wallet_standings_look_at", table_name="wallet_standings")
    op.rename_table("wallet_standings", "wallet_standings_before")
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
        *constraints,
        sa.PrimaryKeyConstraint("org_id", "owner_id", "book", name=op.f("pk_wallet_standings")),
        sqlite_strict=True,
    )
    op.execute(f"INSERT INTO wallet_standings ({_COLUMNS}) SELECT {_COLUMNS} FROM wallet_standings_before")  # noqa: S608
    op.drop_table("wallet_standings_before")
    op.create_index("ix_wallet_standings_look_at", "wallet_standings", ["look_at"], unique=False)
