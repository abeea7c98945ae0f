"""How calls went is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Have a table for it."""
    op.create_table(
        "traces",
        sa.Column("call", sa.String(255), primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_index("traces_at", "traces", ["at"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("traces")
