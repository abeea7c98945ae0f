"""Processes that share a database know of each other, and how often a call has changed hands."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Have a table for them, and a column for that."""
    op.create_table(
        "nodes",
        sa.Column("node", sa.String(255), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("beat", sa.BigInteger, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
    )
    op.add_column("snapshots", sa.Column("number", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop both."""
    op.drop_column("snapshots", "number")
    op.drop_table("nodes")
