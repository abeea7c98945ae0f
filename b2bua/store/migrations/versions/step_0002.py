"""Records say who called by number and name, who answered, and how the call ended."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ADDED = ("why", "number", "name", "answered_by")


def upgrade() -> None:
    """Add them; of calls before that nobody knows any more."""
    for name in ADDED:
        op.add_column("records", sa.Column(name, sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Drop them."""
    for name in ADDED:
        op.drop_column("records", name)
