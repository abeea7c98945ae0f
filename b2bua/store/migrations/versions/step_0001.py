"""The first tables: bindings, settings, records, snapshots."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "bindings",
        sa.Column("node", sa.String(255), primary_key=True),
        sa.Column("aor", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("contact", sa.Text, nullable=False),
        sa.Column("reg_id", sa.BigInteger, nullable=False),
        sa.Column("instance", sa.Text, nullable=False),
        sa.Column("expires", sa.Double, nullable=False),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("q", sa.Integer, nullable=False),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("cseq", sa.BigInteger, nullable=False),
        sa.Column("transport", sa.String(8), nullable=False),
        sa.Column("local", sa.Text, nullable=False),
        sa.Column("remote", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("params", sa.Text, nullable=False),
        sa.Column("user_agent", sa.Text, nullable=False),
        sa.Column("extra", sa.Text, nullable=False),
    )
    op.create_table(
        "settings",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("feature", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "records",
        sa.Column("id", sa.String(255), primary_key=True),
        sa.Column("node", sa.String(255), nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("dialled", sa.Text, nullable=False),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("answered", sa.Double),
        sa.Column("ended", sa.Double),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("hung_up_by", sa.Text, nullable=False),
        sa.Column("features", sa.Text, nullable=False),
        sa.Column("legs", sa.Text, nullable=False),
    )
    op.create_index("records_started", "records", ["started"])
    op.create_index("records_ended", "records", ["ended"])
    op.create_table(
        "snapshots",
        sa.Column("node", sa.String(255), primary_key=True),
        sa.Column("call", sa.String(255), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    for name in ("snapshots", "records", "settings", "bindings"):
        op.drop_table(name)
